/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <string.h>

#include "tests/golden/noise_vectors.h"
#include "vpnd/proto/cookie.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"

enum { SENDER_INDEX = 0x11223344 };

static const mono_t start = {1000 * US_PER_S};

/* The golden responder as the one who checks, the initiator as the one who is checked. */
struct ends {
	struct cookie_checker checker;
	struct cookie_maker maker;
	struct message_initiation msg; /* without macs */
};

static struct ends new_ends(void)
{
	struct ends e;

	cookie_checker_init(&e.checker, golden_responder_public);
	cookie_maker_init(&e.maker, golden_responder_public);
	memcpy(&e.msg, golden_initiation, sizeof(e.msg));
	memset(&e.msg.macs, 0, sizeof(e.msg.macs));
	return e;
}

static enum cookie_verdict check(const struct ends *e, mono_t now)
{
	return cookie_check(&e->checker, &e->msg, sizeof(e->msg), golden_cookie_source,
		sizeof(golden_cookie_source), now);
}

static void mark(struct ends *e, mono_t now)
{
	cookie_add_macs(&e->maker, &e->msg, sizeof(e->msg), now);
}

static struct message_cookie reply_to(struct ends *e, mono_t now)
{
	struct message_cookie reply;

	cookie_create_reply(&e->checker, &e->msg.macs, golden_cookie_source,
		sizeof(golden_cookie_source), le32_get(e->msg.sender_index), golden_cookie_secret,
		golden_cookie_nonce, now, &reply);
	return reply;
}

/* Ends after a round trip: the maker holds a cookie of `start`. */
static struct ends with_cookie(void)
{
	struct ends e = new_ends();
	struct message_cookie reply;

	mark(&e, start);
	reply = reply_to(&e, start);
	assert_true(cookie_consume_reply(&e.maker, &reply, start));
	return e;
}

static void cookies_are_those_of_an_independent_implementation(void **unused)
{
	struct ends e = new_ends();
	struct message_cookie reply;

	(void)unused;
	mark(&e, start);
	assert_memory_equal(&e.msg, golden_initiation, sizeof(e.msg));
	assert_int_equal(check(&e, start), COOKIE_VALID_MAC1);

	reply = reply_to(&e, start);
	assert_memory_equal(&reply, golden_cookie_reply, sizeof(reply));
	assert_true(cookie_consume_reply(&e.maker, &reply, start));

	mark(&e, start);
	assert_memory_equal(&e.msg, golden_initiation_with_cookie, sizeof(e.msg));
	assert_int_equal(check(&e, start), COOKIE_VALID_MAC2);
}

static void response_macs_are_those_of_an_independent_implementation(void **unused)
{
	struct cookie_checker checker;
	struct cookie_maker maker;
	struct message_response msg;

	(void)unused;
	cookie_maker_init(&maker, golden_initiator_public);
	memcpy(&msg, golden_response, sizeof(msg));
	memset(&msg.macs, 0xff, sizeof(msg.macs));
	cookie_add_macs(&maker, &msg, sizeof(msg), start);
	assert_memory_equal(&msg, golden_response, sizeof(msg));

	cookie_checker_init(&checker, golden_initiator_public);
	assert_int_equal(
		cookie_check(&checker, &msg, sizeof(msg), NULL, 0, start), COOKIE_VALID_MAC1);
}

/* No flipped bit may keep its verdict: mac1 guards all before mac2, and mac2 itself fails alone. */
static void refuses_flips(const struct cookie_checker *checker, const uint8_t *msg, size_t len)
{
	const size_t mac1_end = len - MAC_LEN;
	uint8_t changed[sizeof(struct message_initiation)];

	for (size_t bit = 0; bit < len * 8; bit++) {
		enum cookie_verdict verdict;

		memcpy(changed, msg, len);
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		verdict = cookie_check(checker, changed, len, golden_cookie_source,
			sizeof(golden_cookie_source), start);
		assert_int_equal(
			verdict, bit / 8 < mac1_end ? COOKIE_INVALID_MAC1 : COOKIE_VALID_MAC1);
	}
}

static void message_with_any_flipped_bit_is_refused(void **unused)
{
	struct ends e = with_cookie();
	struct cookie_checker before, initiator;

	(void)unused;
	before = e.checker;
	refuses_flips(
		&e.checker, golden_initiation_with_cookie, sizeof(golden_initiation_with_cookie));
	assert_memory_equal(&e.checker, &before, sizeof(before));

	cookie_checker_init(&initiator, golden_initiator_public);
	refuses_flips(&initiator, golden_response, sizeof(golden_response));
}

static void message_of_any_other_length_is_refused(void **unused)
{
	struct ends e = with_cookie();

	(void)unused;
	for (size_t len = 0; len < sizeof(golden_initiation_with_cookie); len++)
		assert_int_equal(cookie_check(&e.checker, golden_initiation_with_cookie, len,
					 golden_cookie_source, sizeof(golden_cookie_source), start),
			COOKIE_INVALID_MAC1);
}

static void message_to_another_public_key_is_refused(void **unused)
{
	struct ends e = new_ends();

	(void)unused;
	cookie_maker_init(&e.maker, golden_initiator_public);
	mark(&e, start);
	assert_int_equal(check(&e, start), COOKIE_INVALID_MAC1);
}

/* The receiver index is what the table of indices guards: it finds no handshake, or another's. */
static void reply_with_any_flipped_bit_is_ignored(void **unused)
{
	const size_t index_at = offsetof(struct message_cookie, receiver_index);
	struct ends e = new_ends();
	struct message_cookie reply;
	struct cookie_maker before;

	(void)unused;
	mark(&e, start);
	reply = reply_to(&e, start);
	before = e.maker;
	for (size_t bit = 0; bit < sizeof(reply) * 8; bit++) {
		if (bit / 8 >= index_at && bit / 8 < index_at + sizeof(reply.receiver_index))
			continue;
		((uint8_t *)&reply)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(cookie_consume_reply(&e.maker, &reply, start));
		assert_memory_equal(&e.maker, &before, sizeof(before));
		((uint8_t *)&reply)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(cookie_consume_reply(&e.maker, &reply, start));
}

static void reply_to_nothing_is_ignored(void **unused)
{
	struct ends e = new_ends();
	struct message_cookie reply;
	struct cookie_maker before = e.maker;

	(void)unused;
	memcpy(&e.msg, golden_initiation, sizeof(e.msg));
	reply = reply_to(&e, start);
	assert_false(cookie_consume_reply(&e.maker, &reply, start));
	assert_memory_equal(&e.maker, &before, sizeof(before));
}

static void second_reply_is_ignored(void **unused)
{
	struct ends e = new_ends();
	struct message_cookie reply;

	(void)unused;
	mark(&e, start);
	reply = reply_to(&e, start);
	assert_true(cookie_consume_reply(&e.maker, &reply, start));
	assert_false(cookie_consume_reply(&e.maker, &reply, mono_add_s(start, 60)));
	assert_int_equal(e.maker.cookie_born.us, start.us);
}

static void reply_to_an_older_message_is_ignored(void **unused)
{
	struct ends e = new_ends();
	struct message_cookie reply;

	(void)unused;
	mark(&e, start);
	reply = reply_to(&e, start);
	e.msg.ephemeral[0] ^= 1;
	mark(&e, start);
	assert_false(cookie_consume_reply(&e.maker, &reply, start));
}

static void cookie_of_another_source_is_not_valid(void **unused)
{
	struct ends e = with_cookie();
	uint8_t source[sizeof(golden_cookie_source)];

	(void)unused;
	mark(&e, start);
	for (size_t i = 0; i < sizeof(source); i++) {
		memcpy(source, golden_cookie_source, sizeof(source));
		source[i] ^= 1;
		assert_int_equal(cookie_check(&e.checker, &e.msg, sizeof(e.msg), source,
					 sizeof(source), start),
			COOKIE_VALID_MAC1);
	}
	assert_int_equal(check(&e, start), COOKIE_VALID_MAC2);
}

static void maker_stops_using_a_cookie_before_it_expires(void **unused)
{
	const uint64_t life_us = (COOKIE_REFRESH_TIME_S - COOKIE_LATENCY_S) * US_PER_S;
	struct ends e = with_cookie();

	(void)unused;
	mark(&e, mono_add_us(start, life_us - 1));
	assert_false(crypto_is_zero(e.msg.macs.mac2, MAC_LEN));
	mark(&e, mono_add_us(start, life_us));
	assert_true(crypto_is_zero(e.msg.macs.mac2, MAC_LEN));
}

static void checker_takes_no_cookie_of_an_expired_secret(void **unused)
{
	const uint64_t life_us = COOKIE_REFRESH_TIME_S * US_PER_S;
	struct ends e = with_cookie();

	(void)unused;
	mark(&e, start);
	assert_int_equal(check(&e, mono_add_us(start, life_us - 1)), COOKIE_VALID_MAC2);
	assert_int_equal(check(&e, mono_add_us(start, life_us)), COOKIE_VALID_MAC1);
}

static void checker_without_a_secret_takes_no_cookie(void **unused)
{
	static const uint8_t zero[KEY_LEN];
	struct ends e = new_ends();
	uint8_t cookie[COOKIE_LEN];

	(void)unused;
	/* What a cookie would be if the unset, all-zero secret counted. */
	crypto_mac(cookie, zero, sizeof(zero), golden_cookie_source, sizeof(golden_cookie_source));
	memcpy(e.maker.cookie, cookie, sizeof(cookie));
	e.maker.cookie_born = start;
	mark(&e, start);
	assert_int_equal(check(&e, start), COOKIE_VALID_MAC1);
}

static void secret_is_replaced_only_when_it_expired(void **unused)
{
	const uint64_t life_us = COOKIE_REFRESH_TIME_S * US_PER_S;
	uint8_t random[KEY_LEN];
	struct message_cookie reply;
	struct ends e = with_cookie();

	(void)unused;
	memset(random, 0x77, sizeof(random));
	cookie_create_reply(&e.checker, &e.msg.macs, golden_cookie_source,
		sizeof(golden_cookie_source), SENDER_INDEX, random, golden_cookie_nonce,
		mono_add_us(start, life_us - 1), &reply);
	assert_memory_equal(e.checker.secret, golden_cookie_secret, KEY_LEN);

	cookie_create_reply(&e.checker, &e.msg.macs, golden_cookie_source,
		sizeof(golden_cookie_source), SENDER_INDEX, random, golden_cookie_nonce,
		mono_add_us(start, life_us), &reply);
	assert_memory_equal(e.checker.secret, random, KEY_LEN);
	mark(&e, start);
	assert_int_equal(check(&e, mono_add_us(start, life_us)), COOKIE_VALID_MAC1);
}

static int set_up(void **unused)
{
	(void)unused;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_those_of_an_independent_implementation),
		cmocka_unit_test(response_macs_are_those_of_an_independent_implementation),
		cmocka_unit_test(message_with_any_flipped_bit_is_refused),
		cmocka_unit_test(message_of_any_other_length_is_refused),
		cmocka_unit_test(message_to_another_public_key_is_refused),
		cmocka_unit_test(reply_with_any_flipped_bit_is_ignored),
		cmocka_unit_test(reply_to_nothing_is_ignored),
		cmocka_unit_test(second_reply_is_ignored),
		cmocka_unit_test(reply_to_an_older_message_is_ignored),
		cmocka_unit_test(cookie_of_another_source_is_not_valid),
		cmocka_unit_test(maker_stops_using_a_cookie_before_it_expires),
		cmocka_unit_test(checker_takes_no_cookie_of_an_expired_secret),
		cmocka_unit_test(checker_without_a_secret_takes_no_cookie),
		cmocka_unit_test(secret_is_replaced_only_when_it_expired),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
