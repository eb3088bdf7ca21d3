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

struct session {
	struct aead_key send, receive;
	bool initiator; /* we began the handshake, so we renew it */
	bool may_send;  /* false: only receives, since the identity changed */
	mono_t born;
	uint64_t sent; /* counter of the next message */
	uint32_t remote_index;
	struct index_entry index; /* ours, by which the peer addresses this session */
	struct replay_window window;
};

/* Wipe and free; it must not be in the index any more. NULL is fine. */
void session_free(struct session *session);

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

/*
 * Open a data message where it lies: afterwards data and len are the padded plaintext. Returns
 * PACKET_FORWARD, PACKET_EXPIRED, PACKET_FORGED or PACKET_REPLAYED; data and len are untouched
 * unless it is the first. The window learns the counter only of what is authentic.
 */
enum packet_verdict session_open(struct session *session, uint8_t **data, size_t *len, mono_t now);

#endif
