/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AEAD by OpenSSL 3, for CPUs that intel-ipsec-mb is not made for. A thread keeps one context;
 * each call sets its key, which costs a twentieth of a full-sized packet, and replaces it by zeros
 * afterwards. What a context still holds then is of the last packet alone: its one-time Poly1305
 * key. OpenSSL is told to read no configuration file, since a confined thread may open none.
 */
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/aead.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"

static _Thread_local struct {
	bool asked;
	EVP_CIPHER_CTX *ctx; /* NULL: libsodium has to do */
} own;

static bool prepare(EVP_CIPHER_CTX *ctx)
{
	EVP_CIPHER *cipher;
	bool ok;

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return false;
	cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	ok = cipher && EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, 1, NULL) == 1;
	EVP_CIPHER_free(cipher);
	return ok;
}

/* This thread's context; NULL if OpenSSL has none for us. */
static EVP_CIPHER_CTX *ctx_of_thread(void)
{
	if (own.asked)
		return own.ctx;
	own.asked = true;
	own.ctx = EVP_CIPHER_CTX_new();
	if (own.ctx && !prepare(own.ctx)) {
		EVP_CIPHER_CTX_free(own.ctx);
		own.ctx = NULL;
	}
	return own.ctx;
}

void aead_leave(void)
{
	EVP_CIPHER_CTX_free(own.ctx);
	own.ctx = NULL;
	own.asked = false;
}

/* Set key and direction; `counter` in the nonce. */
static bool begin(EVP_CIPHER_CTX *ctx, const uint8_t *secret, uint64_t counter, bool seals)
{
	const struct crypto_nonce nonce = {.counter = le64_of(counter)};

	return EVP_CipherInit_ex2(ctx, NULL, secret, (const uint8_t *)&nonce, seals, NULL) == 1;
}

static bool run(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len)
{
	uint8_t none[1];
	int n;

	return len <= INT_MAX && EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
	       n == (int)len && EVP_CipherFinal_ex(ctx, none, &n) == 1;
}

static void forget_key(EVP_CIPHER_CTX *ctx)
{
	static const uint8_t zero[KEY_LEN];

	if (!begin(ctx, zero, 0, true))
		abort();
}

void aead_seal(const struct aead_key *key, uint64_t counter, uint8_t *out, const uint8_t *plain,
	size_t len)
{
	EVP_CIPHER_CTX *ctx = ctx_of_thread();

	if (!ctx) {
		crypto_seal(out, key->secret, counter, plain, len, NULL, 0);
		return;
	}
	if (!begin(ctx, key->secret, counter, true) || !run(ctx, out, plain, len) ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + len) != 1)
		abort(); /* only if we break its contract; going on would send plaintext */
	forget_key(ctx);
}

bool aead_open(const struct aead_key *key, uint64_t counter, uint8_t *out, const uint8_t *sealed,
	size_t len)
{
	EVP_CIPHER_CTX *ctx = ctx_of_thread();
	uint8_t tag[TAG_LEN];
	bool ok;

	if (!ctx)
		return crypto_open(out, key->secret, counter, sealed, len, NULL, 0);
	if (len < TAG_LEN)
		return false;
	len -= TAG_LEN;
	memcpy(tag, sealed + len, sizeof(tag)); /* the call below wants a tag that it may change */
	ok = begin(ctx, key->secret, counter, false) &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
	     run(ctx, out, sealed, len);
	forget_key(ctx);
	if (!ok)
		crypto_wipe(out, len);
	return ok;
}
