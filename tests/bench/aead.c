/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one ChaCha20-Poly1305 (RFC 8439) costs, library by library: nanoseconds a packet on one
 * core, sealed and opened in place, the fastest of ROUNDS rounds. The packets lie one behind the
 * other as the data path has them. Each contender is held against libsodium before it is measured.
 *
 * usage: aead [NAME...]    all of them without a name
 *
 * Optional when built: libgcrypt, libcrypto (OpenSSL 3) and intel-ipsec-mb.
 */
#include <err.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef HAVE_GCRYPT
#include <gcrypt.h>
#endif
#ifdef HAVE_OPENSSL
#include <openssl/evp.h>
#endif
#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

enum {
	KEY = 32,
	NONCE = 12,
	TAG = 16,
	PACKETS = 44, /* as many as one TUN frame of 64 KiB gives */
	STRIDE = 1536,
	ROUNDS = 40,
	NS_A_ROUND = 2000000,
	KEYS = 64, /* sessions that take turns where a key is set up for each packet */
};

static uint8_t keys[KEYS][KEY];
static uint8_t arena[PACKETS][STRIDE] __attribute__((aligned(64)));

struct contender {
	const char *name;
	void (*begin)(void);
	/* Seal all PACKETS packets of `len` bytes in place, the tag behind each. */
	void (*seal)(size_t len, uint64_t counter);
	/* The number of packets that did not authenticate. */
	size_t (*open)(size_t len, uint64_t counter);
};

static void nonce_of(uint8_t nonce[static NONCE], uint64_t counter)
{
	memset(nonce, 0, 4);
	memcpy(nonce + 4, &counter, sizeof(counter));
}

static void must(bool ok, const char *what)
{
	if (!ok)
		errx(1, "%s failed", what);
}

static void sodium_begin(void)
{
}

static void sodium_seal(size_t len, uint64_t counter)
{
	uint8_t nonce[NONCE];

	for (size_t i = 0; i < PACKETS; i++) {
		nonce_of(nonce, counter + i);
		must(crypto_aead_chacha20poly1305_ietf_encrypt(
			     arena[i], NULL, arena[i], len, NULL, 0, NULL, nonce, keys[0]) == 0,
			"sodium seal");
	}
}

static size_t sodium_open(size_t len, uint64_t counter)
{
	uint8_t nonce[NONCE];
	size_t bad = 0;

	for (size_t i = 0; i < PACKETS; i++) {
		nonce_of(nonce, counter + i);
		bad += crypto_aead_chacha20poly1305_ietf_decrypt(arena[i], NULL, NULL, arena[i],
			       len + TAG, NULL, 0, nonce, keys[0]) != 0;
	}
	return bad;
}

#ifdef HAVE_GCRYPT
static gcry_cipher_hd_t gcrypt_handle;

static void gcrypt_begin(void)
{
	must(gcry_check_version(NULL) != NULL, "gcrypt");
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	must(gcry_cipher_open(&gcrypt_handle, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305, 0) ==
			0,
		"gcry_cipher_open");
	must(gcry_cipher_setkey(gcrypt_handle, keys[0], KEY) == 0, "gcry_cipher_setkey");
}

static void gcrypt_one(uint8_t *data, size_t len, uint64_t counter)
{
	uint8_t nonce[NONCE];

	nonce_of(nonce, counter);
	must(gcry_cipher_setiv(gcrypt_handle, nonce, NONCE) == 0, "setiv");
	must(gcry_cipher_final(gcrypt_handle) == 0, "final");
	must(gcry_cipher_encrypt(gcrypt_handle, data, len, NULL, 0) == 0, "encrypt");
	must(gcry_cipher_gettag(gcrypt_handle, data + len, TAG) == 0, "gettag");
}

static void gcrypt_seal(size_t len, uint64_t counter)
{
	for (size_t i = 0; i < PACKETS; i++)
		gcrypt_one(arena[i], len, counter + i);
}

static bool gcrypt_open_one(uint8_t *data, size_t len, uint64_t counter)
{
	uint8_t nonce[NONCE];

	nonce_of(nonce, counter);
	return gcry_cipher_setiv(gcrypt_handle, nonce, NONCE) == 0 &&
	       gcry_cipher_final(gcrypt_handle) == 0 &&
	       gcry_cipher_decrypt(gcrypt_handle, data, len, NULL, 0) == 0 &&
	       gcry_cipher_checktag(gcrypt_handle, data + len, TAG) == 0;
}

static size_t gcrypt_open(size_t len, uint64_t counter)
{
	size_t bad = 0;

	for (size_t i = 0; i < PACKETS; i++)
		bad += !gcrypt_open_one(arena[i], len, counter + i);
	return bad;
}

static void gcrypt_key(const uint8_t *key)
{
	must(gcry_cipher_setkey(gcrypt_handle, key, KEY) == 0, "gcry_cipher_setkey");
}

static void gcrypt_rekey_seal(size_t len, uint64_t counter)
{
	for (size_t i = 0; i < PACKETS; i++) {
		gcrypt_key(keys[0]);
		gcrypt_one(arena[i], len, counter + i);
	}
}

static size_t gcrypt_rekey_open(size_t len, uint64_t counter)
{
	size_t bad = 0;

	for (size_t i = 0; i < PACKETS; i++) {
		gcrypt_key(keys[0]);
		bad += !gcrypt_open_one(arena[i], len, counter + i);
	}
	return bad;
}
#endif

#ifdef HAVE_OPENSSL
static EVP_CIPHER *evp_cipher;
static EVP_CIPHER_CTX *evp_seal_ctx, *evp_open_ctx;

static void evp_begin(void)
{
	evp_cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	evp_seal_ctx = EVP_CIPHER_CTX_new();
	evp_open_ctx = EVP_CIPHER_CTX_new();
	must(evp_cipher && evp_seal_ctx && evp_open_ctx, "EVP");
	must(EVP_EncryptInit_ex2(evp_seal_ctx, evp_cipher, keys[0], NULL, NULL) == 1, "init");
	must(EVP_DecryptInit_ex2(evp_open_ctx, evp_cipher, keys[0], NULL, NULL) == 1, "init");
}

static void evp_seal_with(const uint8_t *key, size_t len, uint64_t counter)
{
	uint8_t nonce[NONCE];
	int n;

	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *data = arena[i];

		nonce_of(nonce, counter + i);
		must(EVP_EncryptInit_ex2(evp_seal_ctx, NULL, key, nonce, NULL) == 1, "init");
		must(EVP_EncryptUpdate(evp_seal_ctx, data, &n, data, (int)len) == 1, "update");
		must(EVP_EncryptFinal_ex(evp_seal_ctx, data + len, &n) == 1, "final");
		must(EVP_CIPHER_CTX_ctrl(evp_seal_ctx, EVP_CTRL_AEAD_GET_TAG, TAG, data + len) == 1,
			"tag");
	}
}

static size_t evp_open_with(const uint8_t *key, size_t len, uint64_t counter)
{
	uint8_t nonce[NONCE];
	size_t bad = 0;
	int n;

	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *data = arena[i];

		nonce_of(nonce, counter + i);
		bad += EVP_DecryptInit_ex2(evp_open_ctx, NULL, key, nonce, NULL) != 1 ||
		       EVP_CIPHER_CTX_ctrl(evp_open_ctx, EVP_CTRL_AEAD_SET_TAG, TAG, data + len) !=
			       1 ||
		       EVP_DecryptUpdate(evp_open_ctx, data, &n, data, (int)len) != 1 ||
		       EVP_DecryptFinal_ex(evp_open_ctx, data + len, &n) != 1;
	}
	return bad;
}

static void evp_kept_seal(size_t len, uint64_t counter)
{
	evp_seal_with(NULL, len, counter);
}

static size_t evp_kept_open(size_t len, uint64_t counter)
{
	return evp_open_with(NULL, len, counter);
}

static void evp_rekey_seal(size_t len, uint64_t counter)
{
	evp_seal_with(keys[0], len, counter);
}

static size_t evp_rekey_open(size_t len, uint64_t counter)
{
	return evp_open_with(keys[0], len, counter);
}
#endif

#ifdef HAVE_IPSEC_MB
static IMB_MGR *mb;

static void mb_begin(void)
{
	IMB_ARCH arch;

	if (mb)
		return;
	mb = alloc_mb_mgr(0);
	must(mb != NULL, "alloc_mb_mgr");
	init_mb_mgr_auto(mb, &arch);
}

static void mb_direct_seal(size_t len, uint64_t counter)
{
	struct chacha20_poly1305_context_data ctx;
	uint8_t nonce[NONCE];

	for (size_t i = 0; i < PACKETS; i++) {
		nonce_of(nonce, counter + i);
		IMB_CHACHA20_POLY1305_INIT(mb, keys[0], &ctx, nonce, NULL, 0);
		IMB_CHACHA20_POLY1305_ENC_UPDATE(mb, keys[0], &ctx, arena[i], arena[i], len);
		IMB_CHACHA20_POLY1305_ENC_FINALIZE(mb, &ctx, arena[i] + len, TAG);
	}
}

static size_t mb_direct_open(size_t len, uint64_t counter)
{
	struct chacha20_poly1305_context_data ctx;
	uint8_t nonce[NONCE], tag[TAG];
	size_t bad = 0;

	for (size_t i = 0; i < PACKETS; i++) {
		nonce_of(nonce, counter + i);
		IMB_CHACHA20_POLY1305_INIT(mb, keys[0], &ctx, nonce, NULL, 0);
		IMB_CHACHA20_POLY1305_DEC_UPDATE(mb, keys[0], &ctx, arena[i], arena[i], len);
		IMB_CHACHA20_POLY1305_DEC_FINALIZE(mb, &ctx, tag, TAG);
		bad += sodium_memcmp(tag, arena[i] + len, TAG) != 0;
	}
	return bad;
}

static void mb_fill(
	IMB_JOB *job, bool seal, uint8_t *data, size_t len, const uint8_t *nonce, uint8_t *tag)
{
	memset(job, 0, sizeof(*job));
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = keys[0];
	job->dec_keys = keys[0];
	job->key_len_in_bytes = KEY;
	job->src = data;
	job->dst = data;
	job->msg_len_to_cipher_in_bytes = len;
	job->msg_len_to_hash_in_bytes = len;
	job->iv = nonce;
	job->iv_len_in_bytes = NONCE;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = TAG;
}

static void mb_job(bool seal, size_t len, uint64_t counter, uint8_t tags[PACKETS][TAG])
{
	uint8_t nonce[NONCE];

	for (size_t i = 0; i < PACKETS; i++) {
		IMB_JOB *job = IMB_GET_NEXT_JOB(mb);

		nonce_of(nonce, counter + i);
		mb_fill(job, seal, arena[i], len, nonce, tags ? tags[i] : arena[i] + len);
		job = IMB_SUBMIT_JOB_NOCHECK(mb);
		must(job && job->status == IMB_STATUS_COMPLETED, "job");
	}
}

static void mb_burst(bool seal, size_t len, uint64_t counter, uint8_t tags[PACKETS][TAG])
{
	uint8_t nonces[PACKETS][NONCE];
	IMB_JOB *jobs[PACKETS];
	uint32_t n = IMB_GET_NEXT_BURST(mb, PACKETS, jobs);

	if (n < PACKETS) { /* the ring's end: it gives the rest next time */
		IMB_FLUSH_BURST(mb, PACKETS, jobs);
		n = IMB_GET_NEXT_BURST(mb, PACKETS, jobs);
	}
	must(n == PACKETS, "get burst");
	for (size_t i = 0; i < PACKETS; i++) {
		nonce_of(nonces[i], counter + i);
		mb_fill(jobs[i], seal, arena[i], len, nonces[i], tags ? tags[i] : arena[i] + len);
	}
	n = IMB_SUBMIT_BURST_NOCHECK(mb, PACKETS, jobs);
	while (n < PACKETS)
		n += IMB_FLUSH_BURST(mb, PACKETS - n, jobs);
}

static size_t count_bad(size_t len, uint8_t tags[PACKETS][TAG])
{
	size_t bad = 0;

	for (size_t i = 0; i < PACKETS; i++)
		bad += sodium_memcmp(tags[i], arena[i] + len, TAG) != 0;
	return bad;
}

static void mb_job_seal(size_t len, uint64_t counter)
{
	mb_job(true, len, counter, NULL);
}

static size_t mb_job_open(size_t len, uint64_t counter)
{
	uint8_t tags[PACKETS][TAG];

	mb_job(false, len, counter, tags);
	return count_bad(len, tags);
}

static void mb_burst_seal(size_t len, uint64_t counter)
{
	mb_burst(true, len, counter, NULL);
}

static size_t mb_burst_open(size_t len, uint64_t counter)
{
	uint8_t tags[PACKETS][TAG];

	mb_burst(false, len, counter, tags);
	return count_bad(len, tags);
}
#endif

static const struct contender CONTENDERS[] = {
	{"libsodium", sodium_begin, sodium_seal, sodium_open},
#ifdef HAVE_GCRYPT
	{"gcrypt-kept", gcrypt_begin, gcrypt_seal, gcrypt_open},
	{"gcrypt-rekey", gcrypt_begin, gcrypt_rekey_seal, gcrypt_rekey_open},
#endif
#ifdef HAVE_OPENSSL
	{"evp-kept", evp_begin, evp_kept_seal, evp_kept_open},
	{"evp-rekey", evp_begin, evp_rekey_seal, evp_rekey_open},
#endif
#ifdef HAVE_IPSEC_MB
	{"ipsec-mb-direct", mb_begin, mb_direct_seal, mb_direct_open},
	{"ipsec-mb-job", mb_begin, mb_job_seal, mb_job_open},
	{"ipsec-mb-burst", mb_begin, mb_burst_seal, mb_burst_open},
#endif
};

static const size_t SIZES[] = {0, 16, 64, 128, 512, 1420, 1452};
enum { SIZE_COUNT = sizeof(SIZES) / sizeof(SIZES[0]) };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void fill(void)
{
	for (size_t i = 0; i < PACKETS; i++)
		for (size_t j = 0; j < STRIDE; j++)
			arena[i][j] = (uint8_t)(i * 7 + j);
}

/* The contender must seal as libsodium does, and open that, and nothing else. */
static void hold(const struct contender *c)
{
	static uint8_t wanted[PACKETS][STRIDE];

	for (size_t s = 0; s < SIZE_COUNT; s++) {
		fill();
		sodium_seal(SIZES[s], 5);
		memcpy(wanted, arena, sizeof(arena));
		fill();
		c->seal(SIZES[s], 5);
		must(memcmp(wanted, arena, sizeof(arena)) == 0, c->name);
		arena[3][SIZES[s] + 7] ^= 1;
		must(c->open(SIZES[s], 5) == 1, c->name);
	}
}

/* Nanoseconds a packet. Opening takes what is sealed already, so both run, and one is timed. */
static double measure(const struct contender *c, size_t len, bool open)
{
	double best = 1e9;
	uint64_t counter = 1;

	for (size_t round = 0; round < ROUNDS; round++) {
		uint64_t spent = 0, n = 0;

		while (spent < NS_A_ROUND) {
			uint64_t begun = now_ns();

			if (!open) {
				c->seal(len, counter);
			} else {
				c->seal(len, counter);
				begun = now_ns();
				must(c->open(len, counter) == 0, "open");
			}
			spent += now_ns() - begun;
			n += PACKETS;
			counter += PACKETS;
		}
		if ((double)spent / (double)n < best)
			best = (double)spent / (double)n;
	}
	return best;
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	must(sodium_init() >= 0, "sodium_init");
	randombytes_buf(keys, sizeof(keys));
	printf("%-16s %6s", "ns a packet", "");
	for (size_t s = 2; s < SIZE_COUNT; s++)
		printf(" %8zu", SIZES[s]);
	printf("\n");
	for (size_t i = 0; i < sizeof(CONTENDERS) / sizeof(CONTENDERS[0]); i++) {
		const struct contender *c = &CONTENDERS[i];

		if (!wanted(c->name, argc, argv))
			continue;
		c->begin();
		hold(c);
		for (int open = 0; open < 2; open++) {
			printf("%-16s %6s", c->name, open ? "open" : "seal");
			for (size_t s = 2; s < SIZE_COUNT; s++)
				printf(" %8.0f", measure(c, SIZES[s], open));
			printf("\n");
		}
	}
	return 0;
}
