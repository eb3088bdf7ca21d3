/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The primitives of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s under the names of the WireGuard paper,
 * section 5.4: Hash, Mac, Hmac, Kdf1-3, DH, Aead, Xaead. libsodium computes X25519 and the AEADs,
 * libb2 computes BLAKE2s. Transport messages, where speed counts, go through aead.h. No function
 * here fails silently: only the exact success value of a library call counts as success. The
 * program calls sodium_init() first: until then libsodium computes right but slowly.
 */
#ifndef VPND_PROTO_CRYPTO_H
#define VPND_PROTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vpnd/proto/messages.h"

/* Hash(a || b): BLAKE2s-256. Either part may be empty (NULL, 0). `out` may alias `a`. */
void crypto_hash2(
	uint8_t out[static KEY_LEN], const void *a, size_t a_len, const void *b, size_t b_len);

/* Mac(key, data): keyed BLAKE2s with 16 bytes of output; the key has up to 32 bytes. */
void crypto_mac(
	uint8_t out[static MAC_LEN], const void *key, size_t key_len, const void *data, size_t len);

/* Hmac(key, data): HMAC (RFC 2104) over BLAKE2s-256. */
void crypto_hmac(uint8_t out[static KEY_LEN], const uint8_t key[static KEY_LEN], const void *data,
	size_t len);

/*
 * Kdf_n(key, input) as in HKDF (RFC 5869): up to three outputs of 32 bytes; pass NULL for those
 * not wanted (from the last). `out1` may alias `key`.
 */
void crypto_kdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t key[static KEY_LEN],
	const void *input, size_t len);

/* X25519 (RFC 7748). False when the result is all zero: a low-order public key. */
bool crypto_dh(uint8_t out[static KEY_LEN], const uint8_t private_key[static KEY_LEN],
	const uint8_t public_key[static KEY_LEN]);
void crypto_dh_public(
	uint8_t public_key[static KEY_LEN], const uint8_t private_key[static KEY_LEN]);

/* The nonce of a counter: four zero bytes, then the counter. */
struct crypto_nonce {
	uint8_t zero[4];
	le64_t counter;
};

/*
 * ChaCha20-Poly1305 (RFC 8439) with the nonce of `counter`.
 * seal writes len + TAG_LEN bytes, open takes len bytes with the tag and writes len - TAG_LEN;
 * both may work in place. open is false for anything that does not authenticate, len < TAG_LEN
 * included; `out` holds nothing of the plaintext then.
 */
void crypto_seal(uint8_t *out, const uint8_t key[static KEY_LEN], uint64_t counter,
	const void *plain, size_t len, const void *ad, size_t ad_len);
bool crypto_open(uint8_t *out, const uint8_t key[static KEY_LEN], uint64_t counter,
	const void *sealed, size_t len, const void *ad, size_t ad_len);

/* XChaCha20-Poly1305 with a 24-byte nonce, for cookies. Same rules. */
void crypto_xseal(uint8_t *out, const uint8_t key[static KEY_LEN],
	const uint8_t nonce[static COOKIE_NONCE_LEN], const void *plain, size_t len, const void *ad,
	size_t ad_len);
bool crypto_xopen(uint8_t *out, const uint8_t key[static KEY_LEN],
	const uint8_t nonce[static COOKIE_NONCE_LEN], const void *sealed, size_t len,
	const void *ad, size_t ad_len);

/* Wipe, in a way that no optimiser removes. Constant-time comparison and test for zero. */
void crypto_wipe(void *p, size_t len);
bool crypto_equal(const void *a, const void *b, size_t len);
bool crypto_is_zero(const void *p, size_t len);

#endif
