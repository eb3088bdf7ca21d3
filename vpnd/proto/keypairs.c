/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three sessions at most: `current` seals, `previous` still opens what was under way when it was
 * replaced, `next_session` is one that the peer began and has not used yet; the first packet in it
 * proves that the peer has it too, and makes it current.
 */
#include <errno.h>
#include <stdlib.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"

static void forget(struct peer *peer, struct session **session)
{
	if (*session)
		index_remove(&peer->device->indices, &(*session)->index);
	session_release(*session);
	*session = NULL;
}

/* Move the session at `from` to `to`, whatever was there being forgotten. */
static void move(struct peer *peer, struct session **to, struct session **from)
{
	forget(peer, to);
	*to = *from;
	*from = NULL;
}

/* Set the keys that the handshake ended in. */
static int take_keys(struct session *session, struct noise_handshake *handshake)
{
	struct noise_keys keys;

	session->remote_index = handshake->remote_index;
	if (noise_derive_keys(handshake, &keys) != NOISE_OK)
		return -EINVAL;
	aead_key_init(&session->send, keys.send);
	aead_key_init(&session->receive, keys.receive);
	crypto_wipe(&keys, sizeof(keys));
	return 0;
}

int keypairs_begin(struct peer *peer, bool initiator, mono_t now)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session_hold(session);
	r = take_keys(session, &peer->handshake);
	if (r < 0) {
		session_release(session);
		return r;
	}
	session->initiator = initiator;
	session->may_send = true;
	session->born = now;
	replay_init(&session->window);
	session->index.peer = peer;
	session->index.session = session;
	index_replace(&peer->device->indices, &peer->handshake_index, &session->index);

	if (!initiator) {
		move(peer, &peer->next_session, &session);
		forget(peer, &peer->previous);
	} else {
		/* An unused session of the peer's is newer than the current one: keep that one. */
		move(peer, &peer->previous,
			peer->next_session ? &peer->next_session : &peer->current);
		move(peer, &peer->current, &session);
	}
	timers_session_derived(peer, now);
	return 0;
}

bool keypairs_received(struct peer *peer, struct session *session)
{
	if (session != peer->next_session)
		return false;
	move(peer, &peer->previous, &peer->current);
	move(peer, &peer->current, &peer->next_session);
	return peer->current->may_send;
}

void keypairs_forget(struct peer *peer)
{
	forget(peer, &peer->previous);
	forget(peer, &peer->current);
	forget(peer, &peer->next_session);
}

void keypairs_retire(struct peer *peer)
{
	if (peer->current)
		peer->current->may_send = false;
	if (peer->next_session)
		peer->next_session->may_send = false;
}
