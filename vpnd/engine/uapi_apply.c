/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/uapi_apply.h"

#include <errno.h>

#include "vpnd/engine/tunnel.h"

/*
 * The peer whose lines are being carried out. What sends packets waits until all its lines are
 * done, so that they go where the last of them says, under the keys that the last of them gives.
 */
struct section {
	struct tunnel *tunnel;
	struct peer *peer; /* NULL: its lines are ignored */
	const struct uapi_change *keepalive;
	bool moved; /* has another endpoint */
	bool had_session;
	mono_t now;
};

static void finish(struct section *section)
{
	struct peer_info info;

	if (!section->peer)
		return;
	if (section->keepalive)
		peer_set_persistent_keepalive(
			section->peer, (uint16_t)section->keepalive->number, section->now);
	peer_info(section->peer, &info, section->now);
	/* One that could not be reached where it was is tried at once where it is said to be. */
	if (section->had_session || (section->moved && info.handshake_attempts))
		peer_handshake(section->peer, section->now);
}

/* Begin with the next peer. */
static int begin(struct section *section, const struct uapi_change *change)
{
	struct tunnel *tunnel = section->tunnel;
	struct peer *peer = device_peer(tunnel->device, change->key);
	int error = 0;

	finish(section);
	*section = (struct section){.tunnel = tunnel, .now = section->now};
	if (change->peer_flags & UAPI_PEER_REMOVE) {
		if (peer)
			tunnel_peer_remove(tunnel, peer);
		return 0;
	}
	if (!peer && !(change->peer_flags & UAPI_PEER_UPDATE_ONLY))
		error = tunnel_peer_get(tunnel, change->key, &peer);
	section->peer = peer;
	return error == -EADDRINUSE ? 0 : error;
}

static void remove_peers(struct tunnel *tunnel)
{
	struct peer *peer;

	while ((peer = device_peer_next(tunnel->device, NULL)))
		tunnel_peer_remove(tunnel, peer);
}

static int change_peer(struct section *section, const struct uapi_change *change)
{
	struct peer *peer = section->peer;

	if (!peer)
		return 0;
	switch ((enum uapi_op)change->op) {
	case UAPI_PRESHARED_KEY:
		peer_set_preshared_key(peer, change->key);
		break;
	case UAPI_ENDPOINT:
		peer_set_endpoint(peer, &change->endpoint);
		section->moved = true;
		break;
	case UAPI_KEEPALIVE:
		section->keepalive = change;
		break;
	case UAPI_REPLACE_ALLOWED_IPS:
		peer_disallow_all(peer);
		break;
	case UAPI_ALLOW:
		return peer_allow(peer, &change->prefix);
	case UAPI_DISALLOW:
		/* That it was not there is no error. */
		peer_disallow(peer, &change->prefix);
		break;
	case UAPI_HAD_SESSION:
		section->had_session = true;
		break;
	case UAPI_PRIVATE_KEY:
	case UAPI_LISTEN_PORT:
	case UAPI_FWMARK:
	case UAPI_REPLACE_PEERS:
	case UAPI_PEER:
		break;
	}
	return 0;
}

static int change_any(struct section *section, const struct uapi_change *change)
{
	switch ((enum uapi_op)change->op) {
	case UAPI_PRIVATE_KEY:
		tunnel_set_private_key(section->tunnel, change->key, section->now);
		return 0;
	case UAPI_REPLACE_PEERS:
		remove_peers(section->tunnel);
		return 0;
	case UAPI_PEER:
		return begin(section, change);
	case UAPI_LISTEN_PORT:
	case UAPI_FWMARK:
		return 0;
	case UAPI_PRESHARED_KEY:
	case UAPI_ENDPOINT:
	case UAPI_KEEPALIVE:
	case UAPI_REPLACE_ALLOWED_IPS:
	case UAPI_ALLOW:
	case UAPI_DISALLOW:
	case UAPI_HAD_SESSION:
		break;
	}
	return change_peer(section, change);
}

int uapi_apply(struct tunnel *tunnel, const struct uapi_changes *changes, mono_t now)
{
	struct section section = {.tunnel = tunnel, .now = now};
	const struct uapi_change *change;
	struct uapi_cursor cursor = {0};
	int error = 0;

	while (error == 0 && (change = uapi_changes_next(changes, &cursor)))
		error = change_any(&section, change);
	finish(&section);
	return error;
}
