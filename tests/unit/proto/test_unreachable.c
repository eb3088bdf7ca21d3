/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors for packets that have no way on: their form, and which packets get none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vpnd/proto/inner.h"
#include "vpnd/proto/unreachable.h"

enum { V4 = 20, V6 = 40, UDP = 17, ICMP = 1, ICMPV6 = 58 };

static uint8_t packet[2000], error[UNREACHABLE_MAX];

static uint16_t sum_up(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* 10.1.0.1 -> 10.2.0.2 */
static void make_v4(uint8_t protocol, size_t len)
{
	static const uint8_t source[] = {10, 1, 0, 1}, destination[] = {10, 2, 0, 2};

	memset(packet, 0xab, sizeof(packet));
	memset(packet, 0, V4);
	packet[0] = 0x45;
	packet[2] = (uint8_t)(len >> 8);
	packet[3] = (uint8_t)len;
	packet[9] = protocol;
	memcpy(packet + 12, source, 4);
	memcpy(packet + 16, destination, 4);
}

/* fd00::1 -> fd00::2 */
static void make_v6(uint8_t protocol, size_t len)
{
	memset(packet, 0xab, sizeof(packet));
	memset(packet, 0, V6);
	packet[0] = 0x60;
	packet[4] = (uint8_t)((len - V6) >> 8);
	packet[5] = (uint8_t)(len - V6);
	packet[6] = protocol;
	packet[8] = packet[24] = 0xfd;
	packet[23] = 1;
	packet[39] = 2;
}

static size_t answer(size_t len)
{
	return unreachable_create(packet, len, error);
}

static void error_v4_comes_from_the_destination_and_quotes_the_packet(void **state)
{
	static const size_t LENS[] = {V4, V4 + 1, 84, 547, 548, 549, 1420};

	(void)state;
	for (size_t i = 0; i < sizeof(LENS) / sizeof(LENS[0]); i++) {
		size_t len, quoted = LENS[i] < 548 ? LENS[i] : 548;

		make_v4(UDP, LENS[i]);
		len = answer(LENS[i]);
		assert_int_equal(len, V4 + 8 + quoted);
		assert_int_equal(inner_len(error, len), len);
		assert_memory_equal(error + 12, packet + 16, 4);
		assert_memory_equal(error + 16, packet + 12, 4);
		assert_int_equal(error[9], ICMP);
		assert_int_equal(sum_up(0, error, V4), 0xffff);
		assert_int_equal(sum_up(0, error + V4, len - V4), 0xffff);
		assert_int_equal(error[V4], 3);
		assert_int_equal(error[V4 + 1], 1);
		assert_memory_equal(error + V4 + 8, packet, quoted);
	}
}

static void error_v6_comes_from_the_destination_and_quotes_the_packet(void **state)
{
	static const size_t LENS[] = {V6, V6 + 1, 104, 1231, 1232, 1233, 1420};

	(void)state;
	for (size_t i = 0; i < sizeof(LENS) / sizeof(LENS[0]); i++) {
		size_t len, quoted = LENS[i] < 1232 ? LENS[i] : 1232;

		make_v6(UDP, LENS[i]);
		len = answer(LENS[i]);
		assert_int_equal(len, V6 + 8 + quoted);
		assert_int_equal(inner_len(error, len), len);
		assert_memory_equal(error + 8, packet + 24, 16);
		assert_memory_equal(error + 24, packet + 8, 16);
		assert_int_equal(error[6], ICMPV6);
		assert_int_equal(sum_up((uint32_t)(len - V6) + ICMPV6, error + 8, len - 8), 0xffff);
		assert_int_equal(error[V6], 1);
		assert_int_equal(error[V6 + 1], 3);
		assert_memory_equal(error + V6 + 8, packet, quoted);
	}
}

static void no_error_about_an_error(void **state)
{
	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		bool query = type <= 18 && type != 3 && type != 4 && type != 5 && type != 11 &&
			     type != 12;

		make_v4(ICMP, 84);
		packet[V4] = (uint8_t)type;
		assert_int_equal(answer(84) > 0, query);
		make_v6(ICMPV6, 104);
		packet[V6] = (uint8_t)type;
		assert_int_equal(answer(104) > 0, type >= 128 && type != 137);
	}
	make_v4(ICMP, V4);
	assert_int_equal(answer(V4), 0);
	make_v6(ICMPV6, V6);
	assert_int_equal(answer(V6), 0);
}

static void error_behind_extension_headers_is_found(void **state)
{
	static const uint8_t EXTENSIONS[] = {0, 43, 44, 51, 60};

	(void)state;
	for (size_t i = 0; i < sizeof(EXTENSIONS); i++) {
		size_t step = EXTENSIONS[i] == 51 ? 16 : 8;

		make_v6(EXTENSIONS[i], 104);
		memset(packet + V6, 0, step);
		packet[V6] = ICMPV6;
		packet[V6 + 1] = EXTENSIONS[i] == 51 ? 2 : 0;
		packet[V6 + step] = 128;
		assert_true(answer(104) > 0);
		packet[V6 + step] = 1;
		assert_int_equal(answer(104), 0);
		/* Cut off within the header. */
		make_v6(EXTENSIONS[i], V6 + 7);
		memset(packet + V6, 0, 8);
		assert_int_equal(answer(V6 + 7), 0);
		make_v6(EXTENSIONS[i], V6 + 8);
		packet[V6 + 1] = 255;
		if (EXTENSIONS[i] != 44)
			assert_int_equal(answer(V6 + 8), 0);
	}
}

static void no_error_about_a_later_fragment(void **state)
{
	(void)state;
	make_v4(UDP, 84);
	packet[6] = 0x20; /* the first, more follow */
	assert_true(answer(84) > 0);
	packet[7] = 1;
	assert_int_equal(answer(84), 0);
	make_v6(44, 104);
	memset(packet + V6, 0, 8);
	packet[V6] = UDP;
	packet[V6 + 3] = 1; /* the first, more follow */
	assert_true(answer(104) > 0);
	packet[V6 + 3] = 8;
	assert_int_equal(answer(104), 0);
}

static void no_error_unless_from_and_to_one_host(void **state)
{
	static const uint8_t FROM[] = {0, 127, 224, 239, 240, 255}, TO[] = {224, 239, 240, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(FROM); i++) {
		make_v4(UDP, 84);
		packet[12] = FROM[i];
		assert_int_equal(answer(84), 0);
	}
	for (size_t i = 0; i < sizeof(TO); i++) {
		make_v4(UDP, 84);
		packet[16] = TO[i];
		assert_int_equal(answer(84), 0);
	}
	for (size_t at = 8; at <= 24; at += 16) {
		make_v6(UDP, 104);
		packet[at] = 0xff;
		assert_int_equal(answer(104), 0);
		memset(packet + at, 0, 16);
		assert_int_equal(answer(104), 0);
		packet[at + 15] = 1;
		assert_int_equal(answer(104), 0);
		packet[at + 15] = 2;
		assert_true(answer(104) > 0);
	}
}

static void header_longer_than_the_packet_is_survived(void **state)
{
	(void)state;
	make_v4(UDP, V4);
	packet[0] = 0x4f;
	assert_int_equal(answer(V4), 0);
	packet[0] = 0x44;
	assert_int_equal(answer(V4), 0);
}

static void errors_are_as_many_as_allowed(void **state)
{
	struct unreachable_limit limit = {0};
	mono_t now = {5 * US_PER_S};
	unsigned int allowed = 0;

	(void)state;
	for (int i = 0; i < 10000; i++)
		allowed += unreachable_allow(&limit, now);
	assert_int_equal(allowed, UNREACHABLE_BURST);
	for (int i = 0; i < 100000; i++) { /* ten seconds */
		now = mono_add_us(now, 100);
		allowed += unreachable_allow(&limit, now);
	}
	assert_int_equal(allowed, UNREACHABLE_BURST + 10 * UNREACHABLE_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_v4_comes_from_the_destination_and_quotes_the_packet),
		cmocka_unit_test(error_v6_comes_from_the_destination_and_quotes_the_packet),
		cmocka_unit_test(no_error_about_an_error),
		cmocka_unit_test(error_behind_extension_headers_is_found),
		cmocka_unit_test(no_error_about_a_later_fragment),
		cmocka_unit_test(no_error_unless_from_and_to_one_host),
		cmocka_unit_test(header_longer_than_the_packet_is_survived),
		cmocka_unit_test(errors_are_as_many_as_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
