/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One peer of a device: what is configured about it and what it is doing. Owned by its device. */
#ifndef VPND_PROTO_PEER_H
#define VPND_PROTO_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/mono.h"
#include "vpnd/proto/allowedips.h"
#include "vpnd/proto/messages.h"
#include "vpnd/proto/packet.h"

struct peer;

const uint8_t *peer_public_key(const struct peer *peer);    /* KEY_LEN bytes */
const uint8_t *peer_preshared_key(const struct peer *peer); /* KEY_LEN bytes; for UAPI get only */

/* NULL or all zero: no preshared key. Used from the next handshake on. */
void peer_set_preshared_key(struct peer *peer, const uint8_t key[KEY_LEN]);

/* Where to find the peer, until an authenticated packet says otherwise. Clears the local address.
 */
void peer_set_endpoint(struct peer *peer, const struct endpoint *endpoint);

/* Seconds, 0: off. Another interval begins with a keepalive at once when the device is up. */
void peer_set_persistent_keepalive(struct peer *peer, uint16_t seconds, mono_t now);

/* Forget which local address the peer spoke to, so that the kernel chooses anew. */
void peer_clear_local(struct peer *peer);

/* Shake hands as soon as REKEY_TIMEOUT_S has passed since the last time, if it can be (up, with a
 * key and an endpoint). */
void peer_handshake(struct peer *peer, mono_t now);

/* Give a prefix to this peer, from whoever had it: 0 or -ENOMEM. Take one back: 0 or -ENOENT. */
int peer_allow(struct peer *peer, const struct prefix *prefix);
int peer_disallow(struct peer *peer, const struct prefix *prefix);
void peer_disallow_all(struct peer *peer);

/* Walk its allowed IPs, see allowedips_next. */
const struct allowedips_owner *peer_allowed_ips(const struct peer *peer);

/* Anything of the caller's that goes with the peer; the device only keeps the pointer. */
void peer_set_user(struct peer *peer, void *user);
void *peer_user(const struct peer *peer);

/* What a peer is doing, for status. Times are MONO_UNSET for what has not happened. */
struct peer_info {
	struct path path;                /* remote.addr.family is ADDR_NONE when unknown */
	uint16_t persistent_keepalive;   /* seconds */
	bool low_order;                  /* its key can never work */
	bool handshaking;                /* an initiation of ours waits for its answer */
	bool has_session;                /* keys that may still be used */
	mono_t last_session;             /* when the newest handshake was completed */
	mono_t last_received;            /* newest authenticated packet */
	mono_t handshake_since;          /* first of the initiations that are still unanswered */
	unsigned int handshake_attempts; /* initiations sent since then */
	struct endpoint rivals[2];       /* two hosts use its key, from there; else ADDR_NONE */
	int64_t label_s;      /* timestamp of their newest initiation, seconds since 1970;
				 0: none */
	mono_t replayed;      /* newest initiation that was refused for its timestamp */
	unsigned int replays; /* how many were, since the last session */
	uint64_t rx_bytes,
		tx_bytes; /* on the wire, as `wg show` counts them: datagrams without UDP/IP */
	uint64_t rx_packets, tx_packets; /* inner packets that passed */
	uint64_t staged_dropped;
};
void peer_info(const struct peer *peer, struct peer_info *out, mono_t now);

#endif
