/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handshake: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, both roles (WireGuard paper, section 5.4).
 * Pure: randomness, time and indices are handed in. A function leaves its outputs untouched unless
 * it returns NOISE_OK, and wipes what it computed on the way.
 */
#ifndef VPND_PROTO_NOISE_H
#define VPND_PROTO_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "vpnd/proto/messages.h"

enum noise_result {
	NOISE_OK,
	NOISE_LOW_ORDER, /* a public key of ours or theirs gives an all-zero shared secret */
	NOISE_FORGED,    /* an AEAD field does not authenticate */
	NOISE_REPLAYED,  /* the timestamp is not newer than the newest seen */
	NOISE_STATE,     /* no handshake in the state that this message belongs to */
};

/* The static key pair of the device. */
struct noise_identity {
	uint8_t private_key[KEY_LEN];
	uint8_t public_key[KEY_LEN];
};

/* What we know of a peer and keep between handshakes. */
struct noise_remote {
	uint8_t public_key[KEY_LEN];
	uint8_t preshared_key[KEY_LEN]; /* zero: none */
	uint8_t static_static[KEY_LEN]; /* DH(our private, their public), computed once */
	bool low_order;                 /* static_static could not be had: never talk */
	uint8_t newest_timestamp[TIMESTAMP_LEN];
};

enum noise_state {
	NOISE_IDLE,             /* nothing under way; all secrets are zero */
	NOISE_INITIATION_SENT,  /* we wait for a response */
	NOISE_INITIATION_TAKEN, /* we are about to respond */
	NOISE_DONE,             /* keys can be derived, once */
};

/* One handshake under way, in either role. */
struct noise_handshake {
	enum noise_state state;
	bool initiator;
	uint32_t local_index;
	uint32_t remote_index;
	uint8_t hash[KEY_LEN];
	uint8_t chain[KEY_LEN];
	uint8_t ephemeral_private[KEY_LEN];
	uint8_t remote_ephemeral[KEY_LEN];
};

/* The transport keys that a handshake ends in. */
struct noise_keys {
	uint8_t send[KEY_LEN];
	uint8_t receive[KEY_LEN];
};

/* An initiation as far as it can be read before its peer is known; wiped by the second half. */
struct noise_initiation {
	uint8_t static_key[KEY_LEN]; /* who claims to speak */
	uint8_t hash[KEY_LEN];
	uint8_t chain[KEY_LEN];
	uint8_t ephemeral[KEY_LEN];
	uint32_t sender_index;
};

/* Set the device's private key (clamped here) and compute the public one. */
void noise_identity_set(struct noise_identity *id, const uint8_t private_key[static KEY_LEN]);

/* Set a peer's public key and compute static_static, or mark the peer low_order. */
void noise_remote_set(struct noise_remote *remote, const struct noise_identity *id,
	const uint8_t public_key[static KEY_LEN]);

/*
 * Initiator, first message. `ephemeral` are 32 random bytes, `timestamp` a TAI64N label. Fills
 * `out` but for its macs, and replaces `hs`. NOISE_OK or NOISE_LOW_ORDER.
 */
enum noise_result noise_create_initiation(struct noise_handshake *hs,
	const struct noise_identity *id, const struct noise_remote *remote,
	const uint8_t ephemeral[static KEY_LEN], const uint8_t timestamp[static TIMESTAMP_LEN],
	uint32_t local_index, struct message_initiation *out);

/*
 * Responder, first message, in two halves because the peer is found between them. The first one
 * decrypts the static key; NOISE_FORGED or NOISE_LOW_ORDER otherwise.
 */
enum noise_result noise_consume_initiation(const struct noise_identity *id,
	const struct message_initiation *msg, struct noise_initiation *out);

/*
 * The second half: decrypts the timestamp for the peer that was found, and takes it as the peer's
 * newest. NOISE_FORGED, NOISE_LOW_ORDER or NOISE_REPLAYED leave `remote` and `hs` as they were;
 * NOISE_OK replaces `hs` (NOISE_INITIATION_TAKEN). `in` is wiped in every case.
 */
enum noise_result noise_accept_initiation(struct noise_handshake *hs, struct noise_remote *remote,
	const struct message_initiation *msg, struct noise_initiation *in);

/* Responder, second message; needs NOISE_INITIATION_TAKEN, ends in NOISE_DONE. */
enum noise_result noise_create_response(struct noise_handshake *hs,
	const struct noise_remote *remote, const uint8_t ephemeral[static KEY_LEN],
	uint32_t local_index, struct message_response *out);

/*
 * Initiator, second message; needs NOISE_INITIATION_SENT, ends in NOISE_DONE. A message that is
 * refused leaves the handshake waiting as it was.
 */
enum noise_result noise_consume_response(struct noise_handshake *hs,
	const struct noise_identity *id, const struct noise_remote *remote,
	const struct message_response *msg);

/*
 * Derive the transport keys from NOISE_DONE and wipe the handshake, indices included (NOISE_IDLE).
 * Else NOISE_STATE.
 */
enum noise_result noise_derive_keys(struct noise_handshake *hs, struct noise_keys *out);

/* Forget a handshake: NOISE_IDLE, every byte zero. */
void noise_reset(struct noise_handshake *hs);

#endif
