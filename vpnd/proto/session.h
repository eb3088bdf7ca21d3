/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keypair in use: what one handshake ended in, with its counters and its age (WireGuard paper,
 * sections 5.4.5, 5.4.6 and 6.1).
 */
#ifndef VPND_PROTO_SESSION_H
#define VPND_PROTO_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mono.h"
#include "vpnd/proto/aead.h"
#include "vpnd/proto/index.h"
#include "vpnd/proto/messages.h"
#include "vpnd/proto/packet.h"
#include "vpnd/proto/replay.h"

/*
 * What never changes comes first. It may be read while somebody holds the session, by any thread;
 * the rest, which changes with each batch, is the core's as all its state is (device.h).
 */
struct session {
	struct aead_key send, receive;
	uint32_t remote_index;
	bool initiator; /* we began the handshake, so we renew it */
	mono_t born;

	bool may_send;            /* false: only receives, since the identity changed */
	struct index_entry index; /* ours, by which the peer addresses this session */
	struct replay_window window;
	uint64_t sent;        /* counter of the next message */
	unsigned int holders; /* its peer, and batches that are under way */
};

/* Keep it from being wiped. */
void session_hold(struct session *session);
/* The last who lets go wipes and frees it; it is not in the index any more then. NULL is fine. */
void session_release(struct session *session);

/* May it seal one more message now? False for NULL. */
bool session_can_send(const struct session *session, mono_t now);

/* Is it time for the sender to renew it? */
bool session_wants_rekey_to_send(const struct session *session, mono_t now);

/* Is it about to expire, so that who only receives renews it as well? */
bool session_wants_rekey_to_receive(const struct session *session, mono_t now);

/* Length of a plaintext of `len` bytes with its padding, which never goes past the MTU. */
size_t session_padded_len(size_t len, size_t mtu);

/*
 * Seal `*data` where it lies, padded to `padded_len`: afterwards data and len are the
 * datagram. Needs session_can_send, and room: PACKET_HEADROOM before, padding and TAG_LEN after.
 */
void session_seal(struct session *session, uint8_t **data, size_t *len, size_t padded_len);

/* The same with a counter that was taken from `sent` before; reads only what never changes. */
void session_seal_as(const struct session *session, uint64_t counter, uint8_t **data, size_t *len,
	size_t padded_len);

/*
 * To open a data message takes three steps, of which only the second is much work.
 *
 * May this one be opened at all? PACKET_FORWARD or PACKET_EXPIRED.
 */
enum packet_verdict session_may_open(
	const struct session *session, const uint8_t *data, mono_t now);
/* Decrypt it where it lies, its header stays. False if it does not authenticate. */
bool session_decrypt(const struct session *session, uint8_t *data, size_t len);
/*
 * Take what is authentic: afterwards data and len are the padded plaintext, and the window knows
 * the counter. PACKET_FORWARD, or with all untouched PACKET_REPLAYED.
 */
enum packet_verdict session_accept(struct session *session, uint8_t **data, size_t *len);

#endif
