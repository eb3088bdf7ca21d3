/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <blake2.h>
#include <sodium.h>
#include <string.h>

#include "tests/golden/crypto_vectors.h"
#include "vpnd/proto/crypto.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Bytes of a hexadecimal text; returns how many. */
static size_t unhex(uint8_t *out, size_t size, const char *text)
{
	size_t len;

	assert_int_equal(sodium_hex2bin(out, size, text, strlen(text), NULL, &len, NULL), 0);
	return len;
}

static void key_of(uint8_t out[static KEY_LEN], const char *text)
{
	assert_int_equal(unhex(out, KEY_LEN, text), KEY_LEN);
}

static void count_up(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)i;
}

static void hash2_agrees_with_the_authors_vectors_at_every_split(void **unused)
{
	uint8_t input[256], expected[KEY_LEN], out[KEY_LEN];

	(void)unused;
	count_up(input, sizeof(input));
	for (size_t i = 0; i < COUNT(blake2s_kat); i++) {
		size_t len = blake2s_kat[i].input_len;

		key_of(expected, blake2s_kat[i].unkeyed);
		for (size_t split = 0; split <= len; split++) {
			crypto_hash2(out, input, split, input + split, len - split);
			assert_memory_equal(out, expected, KEY_LEN);
		}
	}
}

static void hash2_takes_empty_parts_and_writes_over_its_input(void **unused)
{
	uint8_t expected[KEY_LEN], out[KEY_LEN];

	(void)unused;
	key_of(expected, blake2s_kat[0].unkeyed);
	crypto_hash2(out, NULL, 0, NULL, 0);
	assert_memory_equal(out, expected, KEY_LEN);

	count_up(out, KEY_LEN);
	crypto_hash2(expected, out, KEY_LEN, "abc", 3);
	crypto_hash2(out, out, KEY_LEN, "abc", 3);
	assert_memory_equal(out, expected, KEY_LEN);
}

/* The library's keyed mode with its full output; crypto_mac asks for 16 bytes. */
static void blake2s_library_agrees_with_the_authors_keyed_vectors(void **unused)
{
	uint8_t input[256], key[KEY_LEN], expected[KEY_LEN], out[KEY_LEN];

	(void)unused;
	count_up(input, sizeof(input));
	count_up(key, sizeof(key));
	for (size_t i = 0; i < COUNT(blake2s_kat); i++) {
		key_of(expected, blake2s_kat[i].keyed);
		assert_int_equal(
			blake2s(out, input, key, KEY_LEN, blake2s_kat[i].input_len, KEY_LEN), 0);
		assert_memory_equal(out, expected, KEY_LEN);
	}
}

/* RFC 7693 appendix E: pseudo-random inputs of the self-test. */
static void fibonacci(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed, b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;

		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

static void blake2s_library_passes_the_self_test_of_rfc7693(void **unused)
{
	static const size_t out_lens[] = {16, 20, 28, 32};
	static const size_t in_lens[] = {0, 3, 64, 65, 255, 1024};
	uint8_t input[1024], md[KEY_LEN], key[KEY_LEN], expected[KEY_LEN];
	blake2s_state all;

	(void)unused;
	assert_int_equal(blake2s_init(&all, KEY_LEN), 0);
	for (size_t i = 0; i < COUNT(out_lens); i++) {
		for (size_t j = 0; j < COUNT(in_lens); j++) {
			size_t out_len = out_lens[i], in_len = in_lens[j];

			fibonacci(input, in_len, (uint32_t)in_len);
			assert_int_equal(blake2s(md, input, NULL, out_len, in_len, 0), 0);
			assert_int_equal(blake2s_update(&all, md, out_len), 0);
			fibonacci(key, out_len, (uint32_t)out_len);
			if (out_len == MAC_LEN)
				crypto_mac(md, key, out_len, input, in_len);
			else
				assert_int_equal(
					blake2s(md, input, key, out_len, in_len, out_len), 0);
			assert_int_equal(blake2s_update(&all, md, out_len), 0);
		}
	}
	assert_int_equal(blake2s_final(&all, md, KEY_LEN), 0);
	key_of(expected, "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
	assert_memory_equal(md, expected, KEY_LEN);
}

static void kdf_agrees_with_published_vectors(void **unused)
{
	uint8_t expected[3][KEY_LEN], out[3][KEY_LEN];

	(void)unused;
	for (size_t i = 0; i < COUNT(kdf_vectors); i++) {
		const char *input = kdf_vectors[i].input;
		uint8_t key[KEY_LEN] = {0};

		memcpy(key, kdf_vectors[i].key, strlen(kdf_vectors[i].key));
		for (size_t n = 0; n < 3; n++)
			key_of(expected[n], kdf_vectors[i].out[n]);

		memset(out, 0, sizeof(out));
		crypto_kdf(out[0], out[1], out[2], key, input, strlen(input));
		assert_memory_equal(out, expected, sizeof(out));

		memset(out, 0, sizeof(out));
		crypto_kdf(out[0], out[1], NULL, key, input, strlen(input));
		assert_memory_equal(out, expected, sizeof(out[0]) * 2);
		assert_true(crypto_is_zero(out[2], KEY_LEN));

		/* The chain of a handshake replaces itself. */
		crypto_kdf(key, NULL, NULL, key, input, strlen(input));
		assert_memory_equal(key, expected[0], KEY_LEN);
	}
}

/* The first output of HKDF is Hmac(Hmac(key, input), 0x01). */
static void hmac_agrees_with_published_vectors(void **unused)
{
	uint8_t key[KEY_LEN] = "test-key", extracted[KEY_LEN], expected[KEY_LEN], out[KEY_LEN];

	(void)unused;
	crypto_hmac(extracted, key, "test-input", 10);
	crypto_hmac(out, extracted, "\1", 1);
	key_of(expected, kdf_vectors[0].out[0]);
	assert_memory_equal(out, expected, KEY_LEN);
}

static void dh_agrees_with_wycheproof(void **unused)
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN], expected[KEY_LEN], out[KEY_LEN];

	(void)unused;
	for (size_t i = 0; i < COUNT(x25519_vectors); i++) {
		key_of(private_key, x25519_vectors[i].private_key);
		key_of(public_key, x25519_vectors[i].public_key);
		key_of(expected, x25519_vectors[i].shared);
		assert_true(crypto_dh(out, private_key, public_key));
		assert_memory_equal(out, expected, KEY_LEN);
	}
}

/* RFC 7748 section 5.2: k, u = X25519(k, u), k */
static void dh_agrees_with_rfc7748_iterated(void **unused)
{
	uint8_t k[KEY_LEN] = {9}, u[KEY_LEN] = {9}, result[KEY_LEN], expected[KEY_LEN];

	(void)unused;
	for (unsigned int i = 1; i <= 1000; i++) {
		assert_true(crypto_dh(result, k, u));
		memcpy(u, k, KEY_LEN);
		memcpy(k, result, KEY_LEN);
		if (i == 1) {
			key_of(expected,
				"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
			assert_memory_equal(k, expected, KEY_LEN);
		}
	}
	key_of(expected, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
	assert_memory_equal(k, expected, KEY_LEN);
}

/* RFC 7748 section 6.1: Alice, Bob and what they share. */
static void dh_public_agrees_with_rfc7748(void **unused)
{
	uint8_t alice[KEY_LEN], bob[KEY_LEN], public_key[KEY_LEN], expected[KEY_LEN], out[KEY_LEN];

	(void)unused;
	key_of(alice, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	key_of(bob, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");

	key_of(expected, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	crypto_dh_public(public_key, alice);
	assert_memory_equal(public_key, expected, KEY_LEN);

	key_of(expected, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	assert_true(crypto_dh(out, bob, public_key));
	assert_memory_equal(out, expected, KEY_LEN);
}

static void dh_refuses_low_order_points_and_leaves_its_output(void **unused)
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN], out[KEY_LEN], before[KEY_LEN];

	(void)unused;
	memset(before, 0xaa, sizeof(before));
	count_up(private_key, KEY_LEN);
	for (size_t i = 0; i < COUNT(x25519_low_order); i++) {
		memcpy(out, before, sizeof(out));
		key_of(public_key, x25519_low_order[i]);
		assert_false(crypto_dh(out, private_key, public_key));
		assert_memory_equal(out, before, sizeof(out));
	}
}

/* Every bit of what was sealed, of what goes with it, and every length below is refused. */
static void refuses_every_change(const uint8_t *key, uint64_t counter, const uint8_t *sealed,
	size_t len, const uint8_t *ad, size_t ad_len)
{
	uint8_t changed[512], changed_ad[512], out[512];

	memcpy(changed, sealed, len);
	for (size_t i = 0; i < len * 8; i++) {
		changed[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(crypto_open(out, key, counter, changed, len, ad, ad_len));
		changed[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	memcpy(changed_ad, ad, ad_len);
	for (size_t i = 0; i < ad_len * 8; i++) {
		changed_ad[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(crypto_open(out, key, counter, sealed, len, changed_ad, ad_len));
		changed_ad[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t shorter = 0; shorter < len; shorter++)
		assert_false(crypto_open(out, key, counter, sealed, shorter, ad, ad_len));
	assert_false(crypto_open(out, key, counter + 1, sealed, len, ad, ad_len));
}

static void seal_and_open_agree_with_rfc8439_and_wycheproof(void **unused)
{
	uint8_t key[KEY_LEN], nonce[8], ad[512], plain[512], sealed[512], out[512];

	(void)unused;
	for (size_t i = 0; i < COUNT(aead_vectors); i++) {
		size_t ad_len = unhex(ad, sizeof(ad), aead_vectors[i].ad);
		size_t len = unhex(plain, sizeof(plain), aead_vectors[i].plain);
		size_t sealed_len = unhex(sealed, sizeof(sealed), aead_vectors[i].sealed);
		uint64_t counter = 0;

		key_of(key, aead_vectors[i].key);
		unhex(nonce, sizeof(nonce), aead_vectors[i].nonce_tail);
		for (size_t n = 0; n < sizeof(nonce); n++)
			counter |= (uint64_t)nonce[n] << 8 * n;

		assert_int_equal(sealed_len, len + TAG_LEN);
		crypto_seal(out, key, counter, plain, len, ad, ad_len);
		assert_memory_equal(out, sealed, sealed_len);
		assert_true(crypto_open(out, key, counter, out, sealed_len, ad, ad_len));
		assert_memory_equal(out, plain, len);
		refuses_every_change(key, counter, sealed, sealed_len, ad, ad_len);
	}
}

static void open_leaves_no_plaintext_behind_when_it_fails(void **unused)
{
	uint8_t key[KEY_LEN] = {1}, buf[64 + TAG_LEN], plain[64];

	(void)unused;
	memset(plain, 0x5a, sizeof(plain));
	crypto_seal(buf, key, 7, plain, sizeof(plain), NULL, 0);
	buf[sizeof(plain)] ^= 1;
	assert_false(crypto_open(buf, key, 7, buf, sizeof(buf), NULL, 0));
	assert_true(crypto_is_zero(buf, sizeof(plain)));
}

static void seal_of_nothing_is_a_tag(void **unused)
{
	uint8_t key[KEY_LEN] = {1}, tag[TAG_LEN];

	(void)unused;
	crypto_seal(tag, key, 0, NULL, 0, NULL, 0);
	assert_true(crypto_open(NULL, key, 0, tag, sizeof(tag), NULL, 0));
	tag[0] ^= 1;
	assert_false(crypto_open(NULL, key, 0, tag, sizeof(tag), NULL, 0));
}

static void xseal_and_xopen_agree_with_the_draft(void **unused)
{
	uint8_t key[KEY_LEN], nonce[COOKIE_NONCE_LEN], ad[64], plain[256], sealed[256], out[256];
	size_t ad_len = unhex(ad, sizeof(ad), xaead_vector.ad);
	size_t len = unhex(plain, sizeof(plain), xaead_vector.plain);
	size_t sealed_len = unhex(sealed, sizeof(sealed), xaead_vector.sealed);

	(void)unused;
	key_of(key, xaead_vector.key);
	assert_int_equal(unhex(nonce, sizeof(nonce), xaead_vector.nonce), sizeof(nonce));
	crypto_xseal(out, key, nonce, plain, len, ad, ad_len);
	assert_memory_equal(out, sealed, sealed_len);
	assert_true(crypto_xopen(out, key, nonce, out, sealed_len, ad, ad_len));
	assert_memory_equal(out, plain, len);

	for (size_t i = 0; i < sealed_len; i++) {
		sealed[i] ^= 0x80;
		assert_false(crypto_xopen(out, key, nonce, sealed, sealed_len, ad, ad_len));
		sealed[i] ^= 0x80;
	}
	for (size_t shorter = 0; shorter < sealed_len; shorter++)
		assert_false(crypto_xopen(out, key, nonce, sealed, shorter, ad, ad_len));
	for (size_t i = 0; i < sizeof(nonce); i++) {
		nonce[i] ^= 1;
		assert_false(crypto_xopen(out, key, nonce, sealed, sealed_len, ad, ad_len));
		nonce[i] ^= 1;
	}
}

static void equal_and_is_zero_look_at_every_byte(void **unused)
{
	uint8_t a[KEY_LEN] = {0}, b[KEY_LEN] = {0};

	(void)unused;
	assert_true(crypto_equal(a, b, sizeof(a)));
	assert_true(crypto_is_zero(a, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		a[i] = 0x80;
		assert_false(crypto_equal(a, b, sizeof(a)));
		assert_false(crypto_is_zero(a, sizeof(a)));
		crypto_wipe(a, sizeof(a));
		assert_true(crypto_is_zero(a, sizeof(a)));
	}
}

static int set_up(void **unused)
{
	(void)unused;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash2_agrees_with_the_authors_vectors_at_every_split),
		cmocka_unit_test(hash2_takes_empty_parts_and_writes_over_its_input),
		cmocka_unit_test(blake2s_library_agrees_with_the_authors_keyed_vectors),
		cmocka_unit_test(blake2s_library_passes_the_self_test_of_rfc7693),
		cmocka_unit_test(kdf_agrees_with_published_vectors),
		cmocka_unit_test(hmac_agrees_with_published_vectors),
		cmocka_unit_test(dh_agrees_with_wycheproof),
		cmocka_unit_test(dh_agrees_with_rfc7748_iterated),
		cmocka_unit_test(dh_public_agrees_with_rfc7748),
		cmocka_unit_test(dh_refuses_low_order_points_and_leaves_its_output),
		cmocka_unit_test(seal_and_open_agree_with_rfc8439_and_wycheproof),
		cmocka_unit_test(open_leaves_no_plaintext_behind_when_it_fails),
		cmocka_unit_test(seal_of_nothing_is_a_tag),
		cmocka_unit_test(xseal_and_xopen_agree_with_the_draft),
		cmocka_unit_test(equal_and_is_zero_look_at_every_byte),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
