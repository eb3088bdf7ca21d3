/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Noise_IKpsk2 as WireGuard uses it:
 *
 *   <- s
 *   ...
 *   -> e, es, s, ss, {timestamp}
 *   <- e, ee, se, psk, {}
 *
 * Each message is made or read in one function, whose paragraphs are the tokens above. Everything
 * that a function computes lives in one `struct work`, copied into the handshake when the whole
 * message has been accepted and wiped in any case. A key of this protocol seals one message, so the
 * AEAD counter is always 0 here.
 */
#include "vpnd/proto/noise.h"

#include <string.h>

#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"

static const char CONSTRUCTION[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char IDENTIFIER[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* The secrets of one operation. */
struct work {
	uint8_t hash[KEY_LEN];
	uint8_t chain[KEY_LEN];
	uint8_t key[KEY_LEN];
	uint8_t shared[KEY_LEN];
	uint8_t ephemeral_private[KEY_LEN];
	uint8_t plain[KEY_LEN]; /* a decrypted field */
};

static void clamp(uint8_t private_key[static KEY_LEN])
{
	private_key[0] &= 248;
	private_key[31] &= 127;
	private_key[31] |= 64;
}

static void mix_hash(struct work *w, const void *data, size_t len)
{
	crypto_hash2(w->hash, w->hash, KEY_LEN, data, len);
}

static void mix_key(struct work *w, const uint8_t input[static KEY_LEN])
{
	crypto_kdf(w->chain, w->key, NULL, w->chain, input, KEY_LEN);
}

static bool mix_dh(struct work *w, const uint8_t private_key[static KEY_LEN],
	const uint8_t public_key[static KEY_LEN])
{
	if (!crypto_dh(w->shared, private_key, public_key))
		return false;
	mix_key(w, w->shared);
	return true;
}

static void mix_psk(struct work *w, const uint8_t psk[static KEY_LEN])
{
	uint8_t *mixed = w->shared;

	crypto_kdf(w->chain, mixed, w->key, w->chain, psk, KEY_LEN);
	mix_hash(w, mixed, KEY_LEN);
}

/* In a pattern with a psk, an ephemeral public key goes into the chain as well as into the hash. */
static void mix_ephemeral(struct work *w, const uint8_t public_key[static KEY_LEN])
{
	mix_hash(w, public_key, KEY_LEN);
	crypto_kdf(w->chain, NULL, NULL, w->chain, public_key, KEY_LEN);
}

/* Writes len + TAG_LEN bytes. */
static void encrypt(struct work *w, uint8_t *out, const void *plain, size_t len)
{
	crypto_seal(out, w->key, 0, plain, len, w->hash, KEY_LEN);
	mix_hash(w, out, len + TAG_LEN);
}

/* Reads len bytes with their tag into w->plain. */
static bool decrypt(struct work *w, const uint8_t *sealed, size_t len)
{
	if (!crypto_open(w->plain, w->key, 0, sealed, len, w->hash, KEY_LEN))
		return false;
	mix_hash(w, sealed, len);
	return true;
}

/* Before the first message: the names, and "<- s". */
static void start(struct work *w, const uint8_t responder_public[static KEY_LEN])
{
	crypto_hash2(w->chain, CONSTRUCTION, strlen(CONSTRUCTION), NULL, 0);
	crypto_hash2(w->hash, w->chain, KEY_LEN, IDENTIFIER, strlen(IDENTIFIER));
	mix_hash(w, responder_public, KEY_LEN);
}

static void make_ephemeral(
	struct work *w, const uint8_t random[static KEY_LEN], uint8_t public_key[static KEY_LEN])
{
	memcpy(w->ephemeral_private, random, KEY_LEN);
	clamp(w->ephemeral_private);
	crypto_dh_public(public_key, w->ephemeral_private);
}

static void resume(struct work *w, const struct noise_handshake *hs)
{
	memcpy(w->hash, hs->hash, KEY_LEN);
	memcpy(w->chain, hs->chain, KEY_LEN);
}

static void keep(struct noise_handshake *hs, const struct work *w, enum noise_state state)
{
	memcpy(hs->hash, w->hash, KEY_LEN);
	memcpy(hs->chain, w->chain, KEY_LEN);
	hs->state = state;
}

void noise_identity_set(struct noise_identity *id, const uint8_t private_key[static KEY_LEN])
{
	memcpy(id->private_key, private_key, KEY_LEN);
	clamp(id->private_key);
	crypto_dh_public(id->public_key, id->private_key);
}

void noise_remote_set(struct noise_remote *remote, const struct noise_identity *id,
	const uint8_t public_key[static KEY_LEN])
{
	memcpy(remote->public_key, public_key, KEY_LEN);
	crypto_wipe(remote->static_static, KEY_LEN);
	remote->low_order = !crypto_dh(remote->static_static, id->private_key, public_key);
}

enum noise_result noise_create_initiation(struct noise_handshake *hs,
	const struct noise_identity *id, const struct noise_remote *remote,
	const uint8_t ephemeral[static KEY_LEN], const uint8_t timestamp[static TIMESTAMP_LEN],
	uint32_t local_index, struct message_initiation *out)
{
	struct message_initiation msg = {
		.type = le32_of(MESSAGE_INITIATION), .sender_index = le32_of(local_index)};
	enum noise_result result = NOISE_LOW_ORDER;
	struct work w;

	if (remote->low_order)
		return NOISE_LOW_ORDER;
	start(&w, remote->public_key);

	/* e */
	make_ephemeral(&w, ephemeral, msg.ephemeral);
	mix_ephemeral(&w, msg.ephemeral);

	/* es */
	if (!mix_dh(&w, w.ephemeral_private, remote->public_key))
		goto out;

	/* s */
	encrypt(&w, msg.encrypted_static, id->public_key, KEY_LEN);

	/* ss */
	mix_key(&w, remote->static_static);

	/* {timestamp} */
	encrypt(&w, msg.encrypted_timestamp, timestamp, TIMESTAMP_LEN);

	noise_reset(hs);
	keep(hs, &w, NOISE_INITIATION_SENT);
	hs->initiator = true;
	hs->local_index = local_index;
	memcpy(hs->ephemeral_private, w.ephemeral_private, KEY_LEN);
	*out = msg;
	result = NOISE_OK;
out:
	crypto_wipe(&w, sizeof(w));
	return result;
}

enum noise_result noise_consume_initiation(const struct noise_identity *id,
	const struct message_initiation *msg, struct noise_initiation *out)
{
	enum noise_result result;
	struct work w;

	start(&w, id->public_key);

	/* e */
	mix_ephemeral(&w, msg->ephemeral);

	/* es */
	result = NOISE_LOW_ORDER;
	if (!mix_dh(&w, id->private_key, msg->ephemeral))
		goto out;

	/* s */
	result = NOISE_FORGED;
	if (!decrypt(&w, msg->encrypted_static, sizeof(msg->encrypted_static)))
		goto out;

	memcpy(out->static_key, w.plain, KEY_LEN);
	memcpy(out->hash, w.hash, KEY_LEN);
	memcpy(out->chain, w.chain, KEY_LEN);
	memcpy(out->ephemeral, msg->ephemeral, KEY_LEN);
	out->sender_index = le32_get(msg->sender_index);
	result = NOISE_OK;
out:
	crypto_wipe(&w, sizeof(w));
	return result;
}

enum noise_result noise_accept_initiation(struct noise_handshake *hs, struct noise_remote *remote,
	const struct message_initiation *msg, struct noise_initiation *in)
{
	enum noise_result result = NOISE_LOW_ORDER;
	struct work w;

	if (remote->low_order)
		goto out;
	memcpy(w.hash, in->hash, KEY_LEN);
	memcpy(w.chain, in->chain, KEY_LEN);

	/* ss */
	mix_key(&w, remote->static_static);

	/* {timestamp} */
	result = NOISE_FORGED;
	if (!decrypt(&w, msg->encrypted_timestamp, sizeof(msg->encrypted_timestamp)))
		goto out;

	/* TAI64N is big-endian, so that later means greater. */
	result = NOISE_REPLAYED;
	if (memcmp(w.plain, remote->newest_timestamp, TIMESTAMP_LEN) <= 0)
		goto out;

	memcpy(remote->newest_timestamp, w.plain, TIMESTAMP_LEN);
	noise_reset(hs);
	keep(hs, &w, NOISE_INITIATION_TAKEN);
	hs->remote_index = in->sender_index;
	memcpy(hs->remote_ephemeral, in->ephemeral, KEY_LEN);
	result = NOISE_OK;
out:
	crypto_wipe(&w, sizeof(w));
	crypto_wipe(in, sizeof(*in));
	return result;
}

enum noise_result noise_create_response(struct noise_handshake *hs,
	const struct noise_remote *remote, const uint8_t ephemeral[static KEY_LEN],
	uint32_t local_index, struct message_response *out)
{
	struct message_response msg = {.type = le32_of(MESSAGE_RESPONSE),
		.sender_index = le32_of(local_index),
		.receiver_index = le32_of(hs->remote_index)};
	enum noise_result result = NOISE_LOW_ORDER;
	struct work w;

	if (hs->state != NOISE_INITIATION_TAKEN)
		return NOISE_STATE;
	resume(&w, hs);

	/* e */
	make_ephemeral(&w, ephemeral, msg.ephemeral);
	mix_ephemeral(&w, msg.ephemeral);

	/* ee */
	if (!mix_dh(&w, w.ephemeral_private, hs->remote_ephemeral))
		goto out;

	/* se */
	if (!mix_dh(&w, w.ephemeral_private, remote->public_key))
		goto out;

	/* psk */
	mix_psk(&w, remote->preshared_key);

	/* {} */
	encrypt(&w, msg.encrypted_nothing, NULL, 0);

	keep(hs, &w, NOISE_DONE);
	hs->local_index = local_index;
	*out = msg;
	result = NOISE_OK;
out:
	crypto_wipe(&w, sizeof(w));
	return result;
}

enum noise_result noise_consume_response(struct noise_handshake *hs,
	const struct noise_identity *id, const struct noise_remote *remote,
	const struct message_response *msg)
{
	enum noise_result result = NOISE_LOW_ORDER;
	struct work w;

	if (hs->state != NOISE_INITIATION_SENT)
		return NOISE_STATE;
	resume(&w, hs);

	/* e */
	mix_ephemeral(&w, msg->ephemeral);

	/* ee */
	if (!mix_dh(&w, hs->ephemeral_private, msg->ephemeral))
		goto out;

	/* se */
	if (!mix_dh(&w, id->private_key, msg->ephemeral))
		goto out;

	/* psk */
	mix_psk(&w, remote->preshared_key);

	/* {} */
	result = NOISE_FORGED;
	if (!decrypt(&w, msg->encrypted_nothing, sizeof(msg->encrypted_nothing)))
		goto out;

	keep(hs, &w, NOISE_DONE);
	hs->remote_index = le32_get(msg->sender_index);
	crypto_wipe(hs->ephemeral_private, KEY_LEN);
	result = NOISE_OK;
out:
	crypto_wipe(&w, sizeof(w));
	return result;
}

enum noise_result noise_derive_keys(struct noise_handshake *hs, struct noise_keys *out)
{
	uint8_t *first = hs->initiator ? out->send : out->receive;
	uint8_t *second = hs->initiator ? out->receive : out->send;

	if (hs->state != NOISE_DONE)
		return NOISE_STATE;
	crypto_kdf(first, second, NULL, hs->chain, NULL, 0);
	noise_reset(hs);
	return NOISE_OK;
}

void noise_reset(struct noise_handshake *hs)
{
	crypto_wipe(hs, sizeof(*hs));
}
