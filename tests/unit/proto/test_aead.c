/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam of the transport's AEAD. Its dumb oracle is libsodium by way of crypto_seal(), which
 * test_crypto.c holds against the published vectors.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/oracle/leftovers.h"
#include "vpnd/proto/aead.h"
#include "vpnd/proto/crypto.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { GUARD = 64, LONGEST = 4096 };

static struct aead_key some_key(void)
{
	uint8_t secret[KEY_LEN];
	struct aead_key key;

	randombytes_buf(secret, sizeof(secret));
	aead_key_init(&key, secret);
	return key;
}

static void check_length(size_t len, uint64_t counter)
{
	uint8_t plain[LONGEST], wanted[LONGEST + TAG_LEN], guard[GUARD];
	uint8_t sealed[LONGEST + TAG_LEN + GUARD], opened[LONGEST + GUARD];
	struct aead_key key = some_key();

	randombytes_buf(plain, len);
	memset(guard, 0xa5, sizeof(guard));
	memset(sealed, 0xa5, sizeof(sealed));
	memset(opened, 0xa5, sizeof(opened));
	crypto_seal(wanted, key.secret, counter, plain, len, NULL, 0);

	aead_seal(&key, counter, sealed, plain, len);
	assert_memory_equal(sealed, wanted, len + TAG_LEN);
	assert_memory_equal(sealed + len + TAG_LEN, guard, GUARD);
	assert_true(aead_open(&key, counter, opened, sealed, len + TAG_LEN));
	assert_memory_equal(sealed, wanted, len + TAG_LEN);
	assert_memory_equal(opened, plain, len);
	assert_memory_equal(opened + len, guard, GUARD);

	assert_true(aead_open(&key, counter, sealed, sealed, len + TAG_LEN));
	assert_memory_equal(sealed, plain, len);
	aead_seal(&key, counter, sealed, sealed, len);
	assert_memory_equal(sealed, wanted, len + TAG_LEN);
	assert_memory_equal(sealed + len + TAG_LEN, guard, GUARD);
}

static void every_length_agrees_with_libsodium_in_place_and_apart(void **unused)
{
	static const uint64_t COUNTERS[] = {0, 1, UINT32_MAX, UINT64_MAX - 1};

	(void)unused;
	for (size_t len = 0; len <= 200; len++)
		for (size_t i = 0; i < COUNT(COUNTERS); i++)
			check_length(len, COUNTERS[i]);
	for (size_t len = 1300; len <= 1520; len++)
		check_length(len, len);
	check_length(LONGEST, 7);
}

/* Asserts that `sealed`, with one thing wrong, does not open and leaves nothing readable. */
static void refuses(const struct aead_key *key, uint64_t counter, const uint8_t *sealed, size_t len)
{
	uint8_t out[512];

	memcpy(out, sealed, len);
	assert_false(aead_open(key, counter, out, out, len));
	if (len > TAG_LEN)
		assert_true(crypto_is_zero(out, len - TAG_LEN));
	memset(out, 0xa5, sizeof(out));
	assert_false(aead_open(key, counter, out, sealed, len));
	for (size_t i = 0; len > TAG_LEN && i < len - TAG_LEN; i++)
		assert_true(out[i] == 0 || out[i] == 0xa5);
}

static void open_refuses_every_flipped_bit_and_every_cut_and_leaves_no_plaintext(void **unused)
{
	uint8_t plain[100], sealed[sizeof(plain) + TAG_LEN];
	struct aead_key key = some_key(), other = some_key();

	(void)unused;
	memset(plain, 0x5a, sizeof(plain));
	aead_seal(&key, 9, sealed, plain, sizeof(plain));
	for (size_t i = 0; i < sizeof(sealed) * 8; i++) {
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
		refuses(&key, 9, sealed, sizeof(sealed));
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t len = 0; len < sizeof(sealed); len++)
		refuses(&key, 9, sealed, len);
	refuses(&key, 10, sealed, sizeof(sealed));
	refuses(&other, 9, sealed, sizeof(sealed));
	assert_true(aead_open(&key, 9, plain, sealed, sizeof(sealed)));
}

static void *seal_and_open_much(void *arg)
{
	const struct aead_key *key = arg;
	uint8_t plain[300], sealed[sizeof(plain) + TAG_LEN], out[sizeof(plain)];
	size_t wrong = 0;

	memset(plain, 0x11, sizeof(plain));
	for (uint64_t counter = 0; counter < 5000; counter++) {
		size_t len = 200 + counter % 100;

		aead_seal(key, counter, sealed, plain, len);
		wrong += !aead_open(key, counter, out, sealed, len + TAG_LEN);
		wrong += memcmp(out, plain, len) != 0;
	}
	aead_leave();
	return wrong ? arg : NULL;
}

static void threads_share_a_key(void **unused)
{
	struct aead_key key = some_key();
	pthread_t threads[4];
	void *wrong;

	(void)unused;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_open_much, &key), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

static void a_thread_that_left_may_come_back(void **unused)
{
	(void)unused;
	check_length(64, 1);
	aead_leave();
	aead_leave();
	check_length(64, 2);
}

static void no_part_of_a_wiped_key_stays_in_memory(void **unused)
{
	uint8_t data[1420 + TAG_LEN] = {0};
	struct leftovers wanted;
	struct aead_key key;

	(void)unused;
	randombytes_buf(key.secret, sizeof(key.secret));
	leftovers_note(&wanted, key.secret);
	assert_true(leftovers_count(&wanted) > 0);
	aead_seal(&key, 1, data, data, 1420);
	assert_true(aead_open(&key, 1, data, data, sizeof(data)));
	assert_false(aead_open(&key, 1, data, data, sizeof(data)));
	aead_key_wipe(&key);
	assert_int_equal(leftovers_count(&wanted), 0);
}

static int set_up(void **unused)
{
	(void)unused;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_agrees_with_libsodium_in_place_and_apart),
		cmocka_unit_test(
			open_refuses_every_flipped_bit_and_every_cut_and_leaves_no_plaintext),
		cmocka_unit_test(threads_share_a_key),
		cmocka_unit_test(a_thread_that_left_may_come_back),
		cmocka_unit_test(no_part_of_a_wiped_key_stays_in_memory),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
