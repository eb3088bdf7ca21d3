/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three sessions at most: `current` seals, `previous` still opens what was under way when it was
 * replaced, `next_session` is one that the peer began and has not used yet; the first packet in it
 * proves that the peer has it too, and makes it current.
 */
#include <errno.h>
#include <stdlib.h>

#include "vpnd/proto/core.h"

static void forget(struct peer *peer, struct session **session)
{
	if (*session)
		index_remove(&peer->device->indices, &(*session)->index);
	session_free(*session);
	*session = NULL;
}

/* Move the session at `from` to `to`, whatever was there being forgotten. */
static void move(struct peer *peer, struct session **to, struct session **from)
{
	forget(peer, to);
	*to = *from;
	*from = NULL;
}

int keypairs_begin(struct peer *peer, bool initiator, mono_t now)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->remote_index = peer->handshake.remote_index;
	if (noise_derive_keys(&peer->handshake, &session->keys) != NOISE_OK) {
		session_free(session);
		return -EINVAL;
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
