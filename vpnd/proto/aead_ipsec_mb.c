/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AEAD by intel-ipsec-mb. Its job interface is made for algorithms that work on several buffers
 * at a time; this one does not and completes each job at once, but has the fastest way in: it takes
 * the raw key, sets nothing up, and clears the keys that it derived from its stack and registers.
 * The manager, a ring of jobs, is written to by each call, hence one a thread; what stays in it of
 * a job are pointers.
 */
#include <intel-ipsec-mb.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/aead.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"

static _Thread_local struct {
	bool asked;
	IMB_MGR *manager; /* NULL: libsodium has to do */
} own;

/* This thread's manager; NULL for a CPU that the library does not know, or without memory. */
static IMB_MGR *manager_of_thread(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;

	if (own.asked)
		return own.manager;
	own.asked = true;
	own.manager = alloc_mb_mgr(0);
	if (!own.manager)
		return NULL;
	init_mb_mgr_auto(own.manager, &arch);
	if (arch == IMB_ARCH_NONE) {
		free_mb_mgr(own.manager);
		own.manager = NULL;
	}
	return own.manager;
}

void aead_leave(void)
{
	if (own.manager)
		free_mb_mgr(own.manager);
	own.manager = NULL;
	own.asked = false;
}

/* `tag` gets what the tag must be: sealing appends it, opening compares it. */
static bool compute(IMB_MGR *manager, IMB_CIPHER_DIRECTION direction, const struct aead_key *key,
	uint64_t counter, uint8_t *out, const uint8_t *in, size_t len, uint8_t tag[static TAG_LEN])
{
	const struct crypto_nonce nonce = {.counter = le64_of(counter)};
	bool seals = direction == IMB_DIR_ENCRYPT;
	IMB_JOB *job = IMB_GET_NEXT_JOB(manager);

	memset(job, 0, sizeof(*job));
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = direction;
	job->chain_order = seals ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->enc_keys = key->secret;
	job->dec_keys = key->secret;
	job->key_len_in_bytes = KEY_LEN;
	job->iv = (const uint8_t *)&nonce;
	job->iv_len_in_bytes = sizeof(nonce);
	job->src = in;
	job->dst = out;
	job->msg_len_to_cipher_in_bytes = len;
	job->msg_len_to_hash_in_bytes = len;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = TAG_LEN;
	job = IMB_SUBMIT_JOB_NOCHECK(manager);
	return job && job->status == IMB_STATUS_COMPLETED;
}

void aead_seal(const struct aead_key *key, uint64_t counter, uint8_t *out, const uint8_t *plain,
	size_t len)
{
	IMB_MGR *manager = manager_of_thread();

	if (!manager)
		crypto_seal(out, key->secret, counter, plain, len, NULL, 0);
	else if (!compute(manager, IMB_DIR_ENCRYPT, key, counter, out, plain, len, out + len))
		abort(); /* only if we break its contract; going on would send plaintext */
}

bool aead_open(const struct aead_key *key, uint64_t counter, uint8_t *out, const uint8_t *sealed,
	size_t len)
{
	IMB_MGR *manager = manager_of_thread();
	uint8_t tag[TAG_LEN];

	if (!manager)
		return crypto_open(out, key->secret, counter, sealed, len, NULL, 0);
	if (len < TAG_LEN)
		return false;
	len -= TAG_LEN;
	if (compute(manager, IMB_DIR_DECRYPT, key, counter, out, sealed, len, tag) &&
		crypto_verify_16(tag, sealed + len) == 0)
		return true;
	crypto_wipe(out, len);
	crypto_wipe(tag, sizeof(tag));
	return false;
}
