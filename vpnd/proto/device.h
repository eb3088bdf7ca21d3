/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One WireGuard interface without its sockets: identity, peers, allowed IPs, sessions and timers.
 *
 * The device is given packets and the time and says what becomes of them. It reads no clock and
 * does no I/O. What it needs from outside it asks of its upcalls, which must not call back into the
 * device. Nothing happens by itself: the caller runs device_tick when device_deadline has come.
 *
 * It knows no threads: whoever has several lets one at a time into it, the functions for its peers
 * included, and into all devices that share a guard. Only device_seal_finish and
 * device_open_finish, which are most of the work, may run at any time.
 */
#ifndef VPND_PROTO_DEVICE_H
#define VPND_PROTO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/mono.h"
#include "vpnd/proto/messages.h"
#include "vpnd/proto/packet.h"
#include "vpnd/proto/unreachable.h"

struct device;
struct guard;
struct peer;

/* What happened to a peer, for logs, liveness and those who wait. */
enum device_event {
	EVENT_HANDSHAKE_SENT,   /* an initiation went out */
	EVENT_SESSION,          /* a handshake is complete: new transport keys */
	EVENT_HANDSHAKE_FAILED, /* no answer for REKEY_ATTEMPT_TIME_S: gave up until there is
				   traffic */
	EVENT_SESSION_EXPIRED,  /* all key material was wiped after 3 x REJECT_AFTER_TIME_S */
	EVENT_ROAMED,           /* an authenticated packet came from another endpoint */
	EVENT_INITIATION,       /* an initiation of theirs was taken */
	EVENT_RIVALS,           /* two hosts use the peer's key: the handshakes come in turns */
	EVENT_REPLAYED,         /* one was refused: its timestamp is not newer than the last */
	EVENT_LOCAL_MOVED,      /* it came to another address or interface of ours */
	EVENT_LOOPED,           /* a datagram to it came back as a packet to send */
};

struct device_upcalls {
	/* Send one datagram of a traffic class. The bytes are the caller's again on return. */
	void (*send)(
		void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len);
	/* Fill with random bytes. */
	void (*random)(void *arg, void *out, size_t len);
	/* Now as a TAI64N label, or one past all that this private key has used. */
	void (*timestamp)(void *arg, uint8_t out[static TIMESTAMP_LEN]);
	void (*event)(void *arg, struct peer *peer, enum device_event event);
};

/*
 * The upcalls, `arg` and the guard (vpnd/proto/guard.h), which devices share, must outlive the
 * device. NULL when memory is short. The device starts down.
 */
struct device *device_new(const struct device_upcalls *upcalls, void *arg, struct guard *guard);
void device_free(struct device *dev);

/*
 * Up: timers run and packets pass. Going down forgets all sessions and staged
 * packets. What is to be sealed while down is staged: an interface only has
 * packets if it is up, so word of that is under way.
 */
void device_set_up(struct device *dev, bool up, mono_t now);

/*
 * Set the private key (NULL or all zero: none). A peer with our own public key is removed. All
 * sessions end; peers that had one, and those with a persistent keepalive, shake hands at once.
 */
void device_set_private_key(struct device *dev, const uint8_t key[KEY_LEN], mono_t now);
bool device_has_private_key(const struct device *dev);
const uint8_t *device_private_key(const struct device *dev); /* KEY_LEN bytes; for UAPI get only */
const uint8_t *device_public_key(const struct device *dev);  /* KEY_LEN bytes */

/* Earliest time at which device_tick has something to do; MONO_NEVER when there is nothing. */
mono_t device_deadline(const struct device *dev);
void device_tick(struct device *dev, mono_t now);

/*
 * Packets read from the TUN: seal in place each one whose peer has a session, stage those that
 * wait for a handshake (and start it). `mtu` bounds the padding. On PACKET_FORWARD data and len are
 * the datagram, path is where it goes, class is its traffic class. Order among packets of one peer
 * is kept.
 *
 * It has three parts, for those who can do something else at the same time. The plan decides on
 * everything and reserves counters: on PACKET_FORWARD it leaves data and len as they are. To finish
 * is to seal, and touches only the packets. The sessions are held until device_release, which may
 * wait until they are sent, but no longer: a key that is given up is only wiped then.
 */
void device_seal_batch(
	struct device *dev, struct packet *packets, size_t count, size_t mtu, mono_t now);
void device_seal_plan(
	struct device *dev, struct packet *packets, size_t count, size_t mtu, mono_t now);
void device_seal_finish(struct packet *packets, size_t count, size_t mtu);

/*
 * Let go of what the packets hold. The local address of a peer is forgotten if a packet for it is
 * `stale`.
 */
void device_release(struct packet *packets, size_t count);

/*
 * Seal one whole IP packet for this peer, whoever its destination belongs to: a probe of the way to
 * it, with bytes around as in a batch. On PACKET_FORWARD it is sealed as by device_seal_batch, and
 * to the timers it is data like any other. Where nothing can be sealed now (PACKET_DOWN,
 * PACKET_NO_ENDPOINT, PACKET_EXPIRED) nothing is staged, begun or counted: a probe that is late
 * measures nothing.
 */
void device_seal_probe(
	struct device *dev, struct peer *peer, struct packet *packet, size_t mtu, mono_t now);

/*
 * The ICMP error for who sent a packet that device_seal_batch has just refused for want of a peer
 * or of its endpoint. Returns its length in bytes, or 0 when it had another verdict, must not be
 * answered, or there were too many already.
 */
size_t device_answer(struct device *dev, const struct packet *packet,
	uint8_t out[static UNREACHABLE_MAX], mono_t now);

/*
 * Datagrams from the network: take handshake messages, open data in place. On PACKET_FORWARD data
 * and len are the inner packet, without padding.
 *
 * Its parts: the plan finds the sessions; to finish is to open, and touches only the packets; the
 * commit decides on everything. Batches have to be committed in the order of their arrival.
 */
void device_open_batch(struct device *dev, struct packet *packets, size_t count, mono_t now);
void device_open_plan(const struct device *dev, struct packet *packets, size_t count, mono_t now);
void device_open_finish(struct packet *packets, size_t count);
void device_open_commit(struct device *dev, struct packet *packets, size_t count, mono_t now);

/* How many packets had each verdict since device_new: PACKET_VERDICTS counts. */
const uint64_t *device_verdict_counts(const struct device *dev);

/* --- peers ---------------------------------------------------------------------------------- */

/* The peer with this public key, or NULL. */
struct peer *device_peer(const struct device *dev, const uint8_t public_key[static KEY_LEN]);

/*
 * Add a peer. Returns 0, -EEXIST, -ENOMEM, or -EADDRINUSE when the key is the device's own. A
 * low-order key is taken as the reference takes it, but nothing is ever sent to it.
 */
int device_peer_add(
	struct device *dev, const uint8_t public_key[static KEY_LEN], struct peer **out);

/* End its sessions, wipe and free it. */
void device_peer_remove(struct device *dev, struct peer *peer);

/* The peer whose allowed IPs hold this inner address, by longest prefix, or NULL. */
struct peer *device_owner(const struct device *dev, const struct addr *addr);

/* A peer that is at this endpoint, or NULL. */
struct peer *device_peer_at(const struct device *dev, const struct endpoint *at);

/* Walk the peers in the order they were added: start with NULL; NULL at the end. */
struct peer *device_peer_next(const struct device *dev, const struct peer *after);
size_t device_peer_count(const struct device *dev);

/* What can be done with a peer is in vpnd/proto/peer.h. */

#endif
