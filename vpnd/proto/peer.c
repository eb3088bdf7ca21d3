/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/peer.h"

#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/tai64n.h"

struct peer *peer_new(struct device *dev, const uint8_t public_key[static KEY_LEN])
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->device = dev;
	peer->handshake_index.peer = peer;
	noise_remote_set(&peer->remote, &dev->identity, public_key);
	cookie_maker_init(&peer->cookie, public_key);
	timers_stop(peer);
	return peer;
}

void peer_free(struct peer *peer)
{
	stage_drop(peer);
	timers_stop(peer);
	peer_forget_sessions(peer);
	places_drop(peer);
	allowedips_remove_all(peer->device->allowed_ips, &peer->allowed_ips);
	crypto_wipe(peer, sizeof(*peer));
	free(peer);
}

void peer_forget_sessions(struct peer *peer)
{
	handshake_forget(peer);
	keypairs_forget(peer);
}

void peer_heard(struct peer *peer, const struct path *path, mono_t now)
{
	bool moved = peer->path.local_ifindex != path->local_ifindex ||
		     !addr_equal(&peer->path.local, &path->local);
	bool roamed = !endpoint_equal(&peer->path.remote, &path->remote);

	peer->last_received = now;
	peer->path = *path;
	if (roamed) {
		places_put(peer);
		device_raise(peer, EVENT_ROAMED);
	}
	if (moved)
		device_raise(peer, EVENT_LOCAL_MOVED);
}

void peer_send(struct peer *peer, uint8_t class, const void *bytes, size_t len)
{
	peer->tx_bytes += len;
	peer->device->upcalls->send(peer->device->arg, &peer->path, class, bytes, len);
}

const uint8_t *peer_public_key(const struct peer *peer)
{
	return peer->remote.public_key;
}

const uint8_t *peer_preshared_key(const struct peer *peer)
{
	return peer->remote.preshared_key;
}

void peer_set_preshared_key(struct peer *peer, const uint8_t key[KEY_LEN])
{
	if (key)
		memcpy(peer->remote.preshared_key, key, KEY_LEN);
	else
		crypto_wipe(peer->remote.preshared_key, KEY_LEN);
}

void peer_set_endpoint(struct peer *peer, const struct endpoint *endpoint)
{
	peer->path = (struct path){.remote = *endpoint};
	places_put(peer);
}

void peer_set_persistent_keepalive(struct peer *peer, uint16_t seconds, mono_t now)
{
	bool changed = seconds != peer->persistent_keepalive_s;

	peer->persistent_keepalive_s = seconds;
	if (changed && peer->device->up)
		timers_persistent_keepalive(peer, now);
	timers_schedule(peer);
}

void peer_clear_local(struct peer *peer)
{
	peer->path.local = (struct addr){0};
	peer->path.local_ifindex = 0;
}

void peer_handshake(struct peer *peer, mono_t now)
{
	handshake_initiate(peer, false, now);
}

int peer_allow(struct peer *peer, const struct prefix *prefix)
{
	return allowedips_insert(peer->device->allowed_ips, prefix, &peer->allowed_ips);
}

int peer_disallow(struct peer *peer, const struct prefix *prefix)
{
	return allowedips_remove(peer->device->allowed_ips, prefix, &peer->allowed_ips);
}

void peer_disallow_all(struct peer *peer)
{
	allowedips_remove_all(peer->device->allowed_ips, &peer->allowed_ips);
}

struct peer *peer_of_owner(struct allowedips_owner *owner)
{
	if (!owner)
		return NULL;
	return (struct peer *)((char *)owner - offsetof(struct peer, allowed_ips));
}

const struct allowedips_owner *peer_allowed_ips(const struct peer *peer)
{
	return &peer->allowed_ips;
}

void peer_set_user(struct peer *peer, void *user)
{
	peer->user = user;
}

void *peer_user(const struct peer *peer)
{
	return peer->user;
}

void peer_info(const struct peer *peer, struct peer_info *out, mono_t now)
{
	*out = (struct peer_info){
		.path = peer->path,
		.persistent_keepalive = peer->persistent_keepalive_s,
		.low_order = peer->remote.low_order,
		.handshaking = peer->timers[TIMER_RETRANSMIT].us != MONO_NEVER.us,
		.has_session = session_can_send(peer->current, now),
		.last_session = peer->last_session,
		.last_received = peer->last_received,
		.handshake_since = peer->unanswered_since,
		.handshake_attempts = peer->unanswered,
		.label_s = tai64n_seconds(peer->remote.newest_timestamp),
		.replayed = peer->replayed,
		.replays = peer->replays,
		.rx_bytes = peer->rx_bytes,
		.tx_bytes = peer->tx_bytes,
		.rx_packets = peer->rx_packets,
		.tx_packets = peer->tx_packets,
		.staged_dropped = peer->staged_dropped,
	};
	if (rivals_fight(&peer->rivals, now)) {
		out->rivals[0] = peer->rivals.last;
		out->rivals[1] = peer->rivals.other;
	}
}
