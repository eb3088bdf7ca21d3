/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Echo requests and their replies: their form, and what is no reply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vpnd/proto/echo.h"
#include "vpnd/proto/inner.h"

static uint8_t packet[2000];

static const struct echo v4 = {
	.from = {.family = ADDR_V4, .bytes = {169, 254, 10, 2}},
	.to = {.family = ADDR_V4, .bytes = {169, 254, 10, 1}},
	.id = 0x1234,
	.sequence = 0xfedc,
	.token = 0x0123456789abcdef,
};
static const struct echo v6 = {
	.from = {.family = ADDR_V6, .bytes = {0xfd, 0x10, [15] = 2}},
	.to = {.family = ADDR_V6, .bytes = {0xfd, 0x10, [15] = 1}},
	.id = 1,
	.sequence = 2,
	.token = 3,
};

/* What a sum over all with its checksum must be: all ones (RFC 1071). */
static uint32_t sum_up(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t kept = a[i];

		a[i] = b[i];
		b[i] = kept;
	}
}

/* As any host answers: addresses exchanged, another type. */
static void answer(bool is_v4)
{
	if (is_v4)
		swap(packet + 12, packet + 16, 4);
	else
		swap(packet + 8, packet + 24, 16);
	packet[is_v4 ? 20 : 40] = is_v4 ? 0 : 129;
}

static void requests_are_whole_packets_of_any_length(void **state)
{
	(void)state;
	for (size_t want = 0; want < 1500; want++) {
		size_t len = echo_len(ADDR_V4, want);

		assert_int_equal(len, want < 36 ? 36 : want);
		echo_create(&v4, packet, len);
		assert_int_equal(inner_len(packet, len), len);
		assert_int_equal(sum_up(0, packet, 20), 0xffff);
		assert_int_equal(sum_up(0, packet + 20, len - 20), 0xffff);
		assert_int_equal(packet[6], 0x40);
		len = echo_len(ADDR_V6, want);
		assert_int_equal(len, want < 56 ? 56 : want);
		echo_create(&v6, packet, len);
		assert_int_equal(inner_len(packet, len), len);
		assert_int_equal(sum_up((uint32_t)len - 40 + 58, packet + 8, len - 8), 0xffff);
	}
}

static void reply_tells_what_was_asked(void **state)
{
	const struct echo *const asked[] = {&v4, &v6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t len = echo_len(asked[i]->to.family, 100);
		struct echo got;

		echo_create(asked[i], packet, len);
		assert_false(echo_consume_reply(packet, len, &got));
		answer(i == 0);
		assert_true(echo_consume_reply(packet, len, &got));
		assert_true(addr_equal(&got.from, &asked[i]->from));
		assert_true(addr_equal(&got.to, &asked[i]->to));
		assert_int_equal(got.id, asked[i]->id);
		assert_int_equal(got.sequence, asked[i]->sequence);
		assert_true(got.token == asked[i]->token);
	}
}

static void what_is_no_whole_reply_is_none(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
		{0, 0x46}, /* options */
		{6, 0x20}, /* more fragments */
		{6, 0x01}, /* a later fragment */
		{7, 1},    /* another */
		{9, 17},   /* UDP */
		{20, 8},   /* a request */
		{20, 3},   /* an error */
	};
	size_t len = echo_len(ADDR_V4, 0);
	struct echo got;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		echo_create(&v4, packet, len);
		answer(true);
		packet[changes[i].at] = changes[i].value;
		assert_false(echo_consume_reply(packet, len, &got));
	}
	echo_create(&v4, packet, len);
	answer(true);
	assert_false(echo_consume_reply(packet, len - 1, &got));
	len = echo_len(ADDR_V6, 0);
	echo_create(&v6, packet, len);
	answer(false);
	assert_false(echo_consume_reply(packet, len - 1, &got));
	packet[6] = 0; /* hop-by-hop options */
	assert_false(echo_consume_reply(packet, len, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_whole_packets_of_any_length),
		cmocka_unit_test(reply_tells_what_was_asked),
		cmocka_unit_test(what_is_no_whole_reply_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
