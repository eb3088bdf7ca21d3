/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mac1, mac2 and cookies (WireGuard paper, sections 5.4.4, 5.4.7 and 6.6). A checker judges what
 * others send us, one for the device; a maker marks what we send, one for each peer. `source` is
 * the sender's address and port in the byte form that the caller always uses for it.
 */
#ifndef VPND_PROTO_COOKIE_H
#define VPND_PROTO_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mono.h"
#include "vpnd/proto/messages.h"

enum cookie_verdict {
	COOKIE_INVALID_MAC1, /* not for us, or garbage: no answer */
	COOKIE_VALID_MAC1,   /* from someone who knows our public key */
	COOKIE_VALID_MAC2,   /* and who receives what we send to that source */
};

struct cookie_checker {
	uint8_t mac1_key[KEY_LEN];   /* Hash(LABEL-MAC1 || our public key) */
	uint8_t cookie_key[KEY_LEN]; /* Hash(LABEL-COOKIE || our public key) */
	uint8_t secret[KEY_LEN];     /* replaced every COOKIE_REFRESH_TIME_S */
	mono_t secret_born;
};

struct cookie_maker {
	uint8_t mac1_key[KEY_LEN];   /* of the peer's public key */
	uint8_t cookie_key[KEY_LEN]; /* of the peer's public key */
	uint8_t cookie[COOKIE_LEN];
	mono_t cookie_born;         /* MONO_UNSET: no cookie */
	uint8_t last_mac1[MAC_LEN]; /* of the newest handshake message that we sent */
	bool sent_mac1;             /* a cookie reply to it may still come */
};

void cookie_checker_init(struct cookie_checker *checker, const uint8_t public_key[static KEY_LEN]);

/* Judge a whole handshake message whose last bytes are struct message_macs. */
enum cookie_verdict cookie_check(const struct cookie_checker *checker, const void *msg, size_t len,
	const void *source, size_t source_len, mono_t now);

/*
 * Make the reply to a message with a valid mac1 from a busy device. `random` are 32 bytes for the
 * secret, used when it is due to be replaced, `nonce` 24 random bytes, `receiver_index` the
 * message's sender index.
 */
void cookie_create_reply(struct cookie_checker *checker, const struct message_macs *macs,
	const void *source, size_t source_len, uint32_t receiver_index,
	const uint8_t random[static KEY_LEN], const uint8_t nonce[static COOKIE_NONCE_LEN],
	mono_t now, struct message_cookie *out);

void cookie_maker_init(struct cookie_maker *maker, const uint8_t peer_public_key[static KEY_LEN]);

/* Fill the macs at the end of a handshake message: mac1 always, mac2 while a cookie is fresh. */
void cookie_add_macs(struct cookie_maker *maker, void *msg, size_t len, mono_t now);

/* Take a cookie reply; false if it does not authenticate or answers nothing that we sent. */
bool cookie_consume_reply(struct cookie_maker *maker, const struct message_cookie *msg, mono_t now);

#endif
