/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device and peer as the core's own files see them; nothing outside vpnd/proto includes this.
 *
 *   device.c, peer.c          what is configured
 *   device_out.c, device_in.c packets, a batch at a time
 *   handshake.c               handshake messages out and in
 *   keypairs.c                which session is in use: previous, current, next
 *   stage.c                   packets that wait for a session
 *   places.c                  who is at an endpoint
 *   timers.c                  what happens when nothing happens
 */
#ifndef VPND_PROTO_CORE_H
#define VPND_PROTO_CORE_H

#include "vpnd/proto/allowedips.h"
#include "vpnd/proto/cookie.h"
#include "vpnd/proto/deadline.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/guard.h"
#include "vpnd/proto/index.h"
#include "vpnd/proto/noise.h"
#include "vpnd/proto/peer.h"
#include "vpnd/proto/rivals.h"
#include "vpnd/proto/session.h"
#include "vpnd/proto/unreachable.h"

/* Deadlines of one peer; MONO_NEVER is a timer that is off. */
enum timer {
	TIMER_RETRANSMIT,           /* no response to our initiation */
	TIMER_KEEPALIVE,            /* we received data and have not answered */
	TIMER_NEW_HANDSHAKE,        /* we sent data and nothing came back */
	TIMER_WIPE,                 /* the newest session is long dead */
	TIMER_PERSISTENT_KEEPALIVE, /* nothing authentic was sent or received for a while */
	TIMERS,
};

/* A packet that waits, sealed where it lies when its time comes. */
struct staged {
	struct staged *next;
	size_t len, padded_len;
	uint8_t buffer[]; /* PACKET_HEADROOM, the packet, padding, TAG_LEN */
};

struct stage {
	struct staged *first, **tail;
	size_t count;
};

enum { PLACES = 512 }; /* lists of peers, by where they are */

struct peer {
	struct device *device;
	struct peer *next, *prev;           /* in the device's list; the first's prev is the last */
	struct peer *beside, **beside_back; /* in one of device->places; *beside_back is this one,
					       NULL: in none */
	UT_hash_handle hh;                  /* device->by_key, keyed by remote.public_key */
	void *user;

	struct noise_remote remote;
	struct noise_handshake handshake;
	struct index_entry handshake_index;
	struct cookie_maker cookie;
	struct session *previous, *current, *next_session;

	struct path path;
	struct rivals rivals;
	struct allowedips_owner allowed_ips;
	struct stage stage;

	struct deadline deadline; /* the earliest of timers, or before it */
	mono_t timers[TIMERS];
	uint16_t persistent_keepalive_s;
	bool need_another_keepalive; /* data came while a keepalive was already due */
	bool sent_lastminute;        /* the receiver's renewal was already asked for */
	unsigned int retries;        /* of the handshake under way */

	mono_t handshake_sent;   /* newest initiation or response */
	mono_t initiation_taken; /* newest initiation of theirs */
	mono_t unanswered_since; /* first of our initiations without an answer */
	unsigned int unanswered;
	mono_t last_session, last_received;
	mono_t replayed;      /* newest initiation that was refused for its timestamp */
	unsigned int replays; /* of these since the last session */
	uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets, staged_dropped;
};

struct device {
	const struct device_upcalls *upcalls;
	void *arg;
	bool up, has_key;
	size_t mtu; /* bytes, of the newest sealed batch */
	struct noise_identity identity;
	struct cookie_checker checker;
	struct guard *guard;
	struct index_table indices;
	struct allowedips *allowed_ips;
	struct peer *first;  /* list */
	struct peer *by_key; /* hash */
	struct peer *places[PLACES];
	size_t peer_count;
	struct deadline_heap deadlines;
	struct unreachable_limit unreachable;
	uint64_t verdicts[PACKET_VERDICTS];
};

uint32_t device_random_u32(void *device);
void device_raise(struct peer *peer, enum device_event event);

/* A peer that is in no list yet, or NULL; wipe and free one that is in none any more. */
struct peer *peer_new(struct device *dev, const uint8_t public_key[static KEY_LEN]);
void peer_free(struct peer *peer);
/* Peers that have sessions lose them; the handshake under way ends too. */
void peer_forget_sessions(struct peer *peer);
/* An authenticated packet came this way. */
void peer_heard(struct peer *peer, const struct path *path, mono_t now);
/* The peer that an owner of allowed IPs is embedded in; NULL for NULL. */
struct peer *peer_of_owner(struct allowedips_owner *owner);
/* Send what the core itself has sealed or made. */
void peer_send(struct peer *peer, uint8_t class, const void *bytes, size_t len);

/* --- handshake.c ---------------------------------------------------------------------------- */

/*
 * Send an initiation, or once REKEY_TIMEOUT_S is over since the newest message; a retry keeps the
 * retry count.
 */
void handshake_initiate(struct peer *peer, bool retry, mono_t now);
/* Take a message of type 1, 2 or 3. */
enum packet_verdict handshake_take(
	struct device *dev, const struct packet *packet, bool loaded, mono_t now);
/* End the handshake under way. */
void handshake_forget(struct peer *peer);

/* --- keypairs.c ----------------------------------------------------------------------------- */

/* Turn the finished handshake into a session. 0, or -ENOMEM. */
int keypairs_begin(struct peer *peer, bool initiator, mono_t now);
/* `session` was used by the peer: true if that made it the current one, and one to send with. */
bool keypairs_received(struct peer *peer, struct session *session);
void keypairs_forget(struct peer *peer);
/* From now on none of them seals; they still open what is under way. */
void keypairs_retire(struct peer *peer);

/* --- stage.c -------------------------------------------------------------------------------- */

/* Keep a copy of a packet of `len` bytes; the oldest makes room when there are too many. */
void stage_add(struct peer *peer, const uint8_t *data, size_t len, size_t padded_len);
/* Seal and send what waits, or a keepalive if nothing does and `keepalive`; else shake hands. */
void stage_send(struct peer *peer, bool keepalive, mono_t now);
void stage_drop(struct peer *peer);

/* --- places.c ------------------------------------------------------------------------------- */

/* The peer is where its path says now. */
void places_put(struct peer *peer);
void places_drop(struct peer *peer);
/* Walk the peers with this address and port, whatever their zone: start with NULL; NULL at the end.
 */
struct peer *places_next(
	const struct device *dev, const struct endpoint *at, const struct peer *after);

/* --- timers.c: what happened, in the words of the reference ----------------------------------- */

void timers_data_sent(struct peer *peer, mono_t now);
void timers_data_received(struct peer *peer, mono_t now);
void timers_authenticated_sent(struct peer *peer, mono_t now);
void timers_authenticated_received(struct peer *peer, mono_t now);
void timers_handshake_initiated(struct peer *peer, mono_t now);
/* A handshake is wanted sooner than REKEY_TIMEOUT_S after the last: begin it when that is over. */
void timers_handshake_delayed(struct peer *peer);
void timers_handshake_complete(struct peer *peer, mono_t now);
void timers_session_derived(struct peer *peer, mono_t now);
void timers_stop(struct peer *peer);
/* Send one persistent keepalive, if the peer has them, and put the next one an interval off. */
void timers_persistent_keepalive(struct peer *peer, mono_t now);
/* Carry out what is due. */
void timers_run(struct peer *peer, mono_t now);
/* Make the device look at this peer no later than its earliest timer. */
void timers_schedule(struct peer *peer);

#endif
