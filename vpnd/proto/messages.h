/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The four messages of the wire, byte for byte (WireGuard paper, section 5.4), and the constants of
 * its sections 5.4, 5.5, 6.1 and 6.5. Fields named encrypted_* are AEAD ciphertexts with their tag.
 */
#ifndef VPND_PROTO_MESSAGES_H
#define VPND_PROTO_MESSAGES_H

#include <assert.h>
#include <stdint.h>

#include "base/key.h" /* KEY_LEN: bytes of a Curve25519 key, a symmetric key, a hash */

enum {
	TAG_LEN = 16,          /* bytes of a Poly1305 tag */
	MAC_LEN = 16,          /* bytes of mac1 and mac2 */
	COOKIE_LEN = 16,       /* bytes of a cookie */
	COOKIE_NONCE_LEN = 24, /* bytes of an XChaCha20 nonce */
	TIMESTAMP_LEN = 12,    /* bytes of a TAI64N label */
	PADDING_MULTIPLE = 16, /* plaintext is padded with zeros to a multiple of this */
	REPLAY_WINDOW_BITS = 8192,
	STAGED_MAX = 128, /* packets that wait for a handshake, per peer */
};

enum {
	REKEY_AFTER_TIME_S = 120,
	REJECT_AFTER_TIME_S = 180,
	REKEY_ATTEMPT_TIME_S = 90,
	REKEY_TIMEOUT_S = 5,
	REKEY_TIMEOUT_JITTER_MAX_MS = 334,
	KEEPALIVE_TIMEOUT_S = 10,
	COOKIE_REFRESH_TIME_S = 120,
	COOKIE_LATENCY_S = 5,   /* a cookie is no longer used this long before it expires */
	INITIATIONS_PER_S = 50, /* from one peer; more are a flood */
};

#define REKEY_AFTER_MESSAGES (1ULL << 60)
#define REJECT_AFTER_MESSAGES (UINT64_MAX - REPLAY_WINDOW_BITS) /* 2^64 - 2^13 - 1 */

enum message_type {
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE = 3,
	MESSAGE_DATA = 4,
};

/* Little-endian integers as they lie on the wire; read and written with le.h's functions. */
typedef struct {
	uint8_t b[4];
} le32_t;
typedef struct {
	uint8_t b[8];
} le64_t;

struct message_macs {
	uint8_t mac1[MAC_LEN];
	uint8_t mac2[MAC_LEN];
};

struct message_initiation {
	le32_t type; /* the type byte and three reserved zero bytes */
	le32_t sender_index;
	uint8_t ephemeral[KEY_LEN];
	uint8_t encrypted_static[KEY_LEN + TAG_LEN];
	uint8_t encrypted_timestamp[TIMESTAMP_LEN + TAG_LEN];
	struct message_macs macs;
};

struct message_response {
	le32_t type;
	le32_t sender_index;
	le32_t receiver_index;
	uint8_t ephemeral[KEY_LEN];
	uint8_t encrypted_nothing[TAG_LEN];
	struct message_macs macs;
};

struct message_cookie {
	le32_t type;
	le32_t receiver_index;
	uint8_t nonce[COOKIE_NONCE_LEN];
	uint8_t encrypted_cookie[COOKIE_LEN + TAG_LEN];
};

struct message_data {
	le32_t type;
	le32_t receiver_index;
	le64_t counter;
	/* encrypted packet, TAG_LEN bytes at least */
};

static_assert(sizeof(struct message_initiation) == 148, "wire size");
static_assert(sizeof(struct message_response) == 92, "wire size");
static_assert(sizeof(struct message_cookie) == 64, "wire size");
static_assert(sizeof(struct message_data) == 16, "wire size");

/* What a data message adds to the padded plaintext: header and tag. */
enum { DATA_OVERHEAD = sizeof(struct message_data) + TAG_LEN };

#endif
