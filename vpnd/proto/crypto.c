/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/crypto.h"

#include <blake2.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/le.h"

static_assert((int)BLAKE2S_OUTBYTES == (int)KEY_LEN, "a hash is as long as a key");
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == TAG_LEN, "tag size");
static_assert(
	sizeof(struct crypto_nonce) == crypto_aead_chacha20poly1305_ietf_NPUBBYTES, "nonce size");
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == TAG_LEN, "tag size");
static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == COOKIE_NONCE_LEN, "nonce size");

/*
 * Bytes of the stack that the libraries use below a function of ours. They leave there what they
 * computed: libb2 the hash that it is about to return, which at the end of a handshake is a key.
 */
enum { LIBRARY_STACK = 2048 };

/* For calls that can fail only when we break their contract: going on would use garbage as a key.
 */
static void must(int result)
{
	if (result != 0)
		abort();
}

void crypto_hash2(
	uint8_t out[static KEY_LEN], const void *a, size_t a_len, const void *b, size_t b_len)
{
	blake2s_state state;

	must(blake2s_init(&state, KEY_LEN));
	must(blake2s_update(&state, a, a_len));
	must(blake2s_update(&state, b, b_len));
	must(blake2s_final(&state, out, KEY_LEN));
	crypto_wipe(&state, sizeof(state)); /* the input may be a key, as in Hmac */
}

void crypto_mac(
	uint8_t out[static MAC_LEN], const void *key, size_t key_len, const void *data, size_t len)
{
	blake2s_state state;

	must(blake2s_init_key(&state, MAC_LEN, key, key_len));
	must(blake2s_update(&state, data, len));
	must(blake2s_final(&state, out, MAC_LEN));
	crypto_wipe(&state, sizeof(state));
}

/* One of the two passes of HMAC: out = Hash((key ^ pad) || data). */
static void hmac_pass(uint8_t out[static KEY_LEN], const uint8_t key[static KEY_LEN], uint8_t pad,
	const void *data, size_t len)
{
	uint8_t block[BLAKE2S_BLOCKBYTES];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < KEY_LEN; i++)
		block[i] ^= key[i];
	crypto_hash2(out, block, sizeof(block), data, len);
	crypto_wipe(block, sizeof(block));
}

void crypto_hmac(uint8_t out[static KEY_LEN], const uint8_t key[static KEY_LEN], const void *data,
	size_t len)
{
	uint8_t inner[KEY_LEN];

	hmac_pass(inner, key, 0x36, data, len);
	hmac_pass(out, key, 0x5c, inner, sizeof(inner));
	crypto_wipe(inner, sizeof(inner));
}

void crypto_kdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t key[static KEY_LEN],
	const void *input, size_t len)
{
	uint8_t *const outs[] = {out1, out2, out3};
	struct {
		uint8_t extracted[KEY_LEN];
		uint8_t block[KEY_LEN + 1]; /* the output before, then the number of this one */
	} secret;
	size_t before = 0; /* bytes of the output before: none for the first */

	crypto_hmac(secret.extracted, key, input, len);
	for (size_t i = 0; i < 3 && outs[i]; i++) {
		secret.block[before] = (uint8_t)(i + 1);
		crypto_hmac(secret.block, secret.extracted, secret.block, before + 1);
		memcpy(outs[i], secret.block, KEY_LEN);
		before = KEY_LEN;
	}
	crypto_wipe(&secret, sizeof(secret));
	sodium_stackzero(LIBRARY_STACK);
}

bool crypto_dh(uint8_t out[static KEY_LEN], const uint8_t private_key[static KEY_LEN],
	const uint8_t public_key[static KEY_LEN])
{
	uint8_t shared[KEY_LEN];
	bool ok = crypto_scalarmult_curve25519(shared, private_key, public_key) == 0 &&
		  !crypto_is_zero(shared, sizeof(shared));

	if (ok)
		memcpy(out, shared, sizeof(shared));
	crypto_wipe(shared, sizeof(shared));
	sodium_stackzero(LIBRARY_STACK);
	return ok;
}

void crypto_dh_public(uint8_t public_key[static KEY_LEN], const uint8_t private_key[static KEY_LEN])
{
	must(crypto_scalarmult_curve25519_base(public_key, private_key));
	sodium_stackzero(LIBRARY_STACK);
}

void crypto_seal(uint8_t *out, const uint8_t key[static KEY_LEN], uint64_t counter,
	const void *plain, size_t len, const void *ad, size_t ad_len)
{
	const struct crypto_nonce nonce = {.counter = le64_of(counter)};

	must(crypto_aead_chacha20poly1305_ietf_encrypt(
		out, NULL, plain, len, ad, ad_len, NULL, (const uint8_t *)&nonce, key));
}

bool crypto_open(uint8_t *out, const uint8_t key[static KEY_LEN], uint64_t counter,
	const void *sealed, size_t len, const void *ad, size_t ad_len)
{
	const struct crypto_nonce nonce = {.counter = le64_of(counter)};

	return crypto_aead_chacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, len, ad, ad_len, (const uint8_t *)&nonce, key) == 0;
}

void crypto_xseal(uint8_t *out, const uint8_t key[static KEY_LEN],
	const uint8_t nonce[static COOKIE_NONCE_LEN], const void *plain, size_t len, const void *ad,
	size_t ad_len)
{
	must(crypto_aead_xchacha20poly1305_ietf_encrypt(
		out, NULL, plain, len, ad, ad_len, NULL, nonce, key));
}

bool crypto_xopen(uint8_t *out, const uint8_t key[static KEY_LEN],
	const uint8_t nonce[static COOKIE_NONCE_LEN], const void *sealed, size_t len,
	const void *ad, size_t ad_len)
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, len, ad, ad_len, nonce, key) == 0;
}

void crypto_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

bool crypto_is_zero(const void *p, size_t len)
{
	return sodium_is_zero(p, len) == 1;
}
