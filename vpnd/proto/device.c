/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"

uint32_t device_random_u32(void *device)
{
	const struct device *dev = device;
	uint32_t value;

	dev->upcalls->random(dev->arg, &value, sizeof(value));
	return value;
}

void device_raise(struct peer *peer, enum device_event event)
{
	peer->device->upcalls->event(peer->device->arg, peer, event);
}

struct device *device_new(const struct device_upcalls *upcalls, void *arg, struct guard *guard)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->upcalls = upcalls;
	dev->arg = arg;
	dev->guard = guard;
	dev->allowed_ips = allowedips_new();
	if (!dev->allowed_ips) {
		device_free(dev);
		return NULL;
	}
	return dev;
}

void device_free(struct device *dev)
{
	if (!dev)
		return;
	while (dev->first)
		device_peer_remove(dev, dev->first);
	deadline_done(&dev->deadlines);
	allowedips_free(dev->allowed_ips);
	crypto_wipe(dev, sizeof(*dev));
	free(dev);
}

static void go_down(struct peer *peer)
{
	stage_drop(peer);
	timers_stop(peer);
	peer_forget_sessions(peer);
	peer->handshake_sent = MONO_UNSET;
	peer->unanswered = 0;
	peer->unanswered_since = MONO_UNSET;
}

void device_set_up(struct device *dev, bool up, mono_t now)
{
	if (up == dev->up)
		return;
	dev->up = up;
	for (struct peer *peer = dev->first; peer; peer = peer->next) {
		if (!up) {
			go_down(peer);
		} else {
			timers_persistent_keepalive(peer, now);
			if (peer->stage.first)
				handshake_initiate(peer, false, now);
			timers_schedule(peer);
		}
	}
}

/* The identity changed: what was agreed with the old one only opens what is under way. */
static void adopt_identity(struct peer *peer)
{
	noise_remote_set(&peer->remote, &peer->device->identity, peer->remote.public_key);
	handshake_forget(peer);
	keypairs_retire(peer);
	peer->handshake_sent = MONO_UNSET;
}

void device_set_private_key(struct device *dev, const uint8_t key[KEY_LEN], mono_t now)
{
	struct noise_identity identity = {0};
	struct peer *own;
	bool same;

	if (key && !crypto_is_zero(key, KEY_LEN))
		noise_identity_set(&identity, key);
	/* Compared once it is clamped: a key file may have it otherwise. */
	same = crypto_equal(&identity, &dev->identity, sizeof(identity));
	dev->identity = identity;
	crypto_wipe(&identity, sizeof(identity));
	if (same)
		return;
	dev->has_key = !crypto_is_zero(&dev->identity, sizeof(dev->identity));
	if (dev->has_key) {
		cookie_checker_init(&dev->checker, dev->identity.public_key);
		own = device_peer(dev, dev->identity.public_key);
		if (own)
			device_peer_remove(dev, own);
	}
	for (struct peer *peer = dev->first; peer; peer = peer->next) {
		bool again = peer->current || peer->persistent_keepalive_s;

		adopt_identity(peer);
		if (again)
			handshake_initiate(peer, false, now);
	}
}

bool device_has_private_key(const struct device *dev)
{
	return dev->has_key;
}

const uint8_t *device_private_key(const struct device *dev)
{
	return dev->identity.private_key;
}

const uint8_t *device_public_key(const struct device *dev)
{
	return dev->identity.public_key;
}

mono_t device_deadline(const struct device *dev)
{
	const struct deadline *first = deadline_first(&dev->deadlines);

	return first ? first->at : MONO_NEVER;
}

static struct peer *deadline_peer(struct deadline *deadline)
{
	return (struct peer *)((char *)deadline - offsetof(struct peer, deadline));
}

void device_tick(struct device *dev, mono_t now)
{
	struct deadline *first;

	while ((first = deadline_first(&dev->deadlines)) && !mono_before(now, first->at))
		timers_run(deadline_peer(first), now);
}

static void forget_local(const struct session *session)
{
	if (session && session->index.index)
		peer_clear_local(session->index.peer);
}

void device_release(struct packet *packets, size_t count)
{
	struct session *held = NULL;

	for (size_t i = 0; i < count; i++) {
		if (packets[i].stale)
			forget_local(packets[i].session);
		if (packets[i].session != held)
			session_release(held);
		held = packets[i].session;
		packets[i].session = NULL;
	}
	session_release(held);
}

const uint64_t *device_verdict_counts(const struct device *dev)
{
	return dev->verdicts;
}

struct peer *device_peer(const struct device *dev, const uint8_t public_key[static KEY_LEN])
{
	struct peer *peer;

	HASH_FIND(hh, dev->by_key, public_key, KEY_LEN, peer);
	return peer;
}

struct peer *device_owner(const struct device *dev, const struct addr *addr)
{
	if (addr->family == ADDR_V4)
		return peer_of_owner(allowedips_lookup_v4(dev->allowed_ips, addr->bytes));
	if (addr->family == ADDR_V6)
		return peer_of_owner(allowedips_lookup_v6(dev->allowed_ips, addr->bytes));
	return NULL;
}

static void append(struct device *dev, struct peer *peer)
{
	if (dev->first) {
		peer->prev = dev->first->prev;
		peer->prev->next = peer;
	} else {
		dev->first = peer;
	}
	dev->first->prev = peer;
	HASH_ADD(hh, dev->by_key, remote.public_key, KEY_LEN, peer);
	dev->peer_count++;
}

int device_peer_add(struct device *dev, const uint8_t public_key[static KEY_LEN], struct peer **out)
{
	struct peer *peer;

	if (device_peer(dev, public_key))
		return -EEXIST;
	if (dev->has_key && crypto_equal(public_key, dev->identity.public_key, KEY_LEN))
		return -EADDRINUSE;
	if (deadline_reserve(&dev->deadlines, dev->peer_count + 1) < 0)
		return -ENOMEM;
	peer = peer_new(dev, public_key);
	if (!peer)
		return -ENOMEM;
	append(dev, peer);
	*out = peer;
	return 0;
}

void device_peer_remove(struct device *dev, struct peer *peer)
{
	HASH_DEL(dev->by_key, peer);
	if (peer->next)
		peer->next->prev = peer->prev;
	else
		dev->first->prev = peer->prev;
	if (peer == dev->first)
		dev->first = peer->next;
	else
		peer->prev->next = peer->next;
	dev->peer_count--;
	peer_free(peer);
}

struct peer *device_peer_at(const struct device *dev, const struct endpoint *at)
{
	struct peer *peer = places_next(dev, at, NULL);

	while (peer && !endpoint_equal(&peer->path.remote, at))
		peer = places_next(dev, at, peer);
	return peer;
}

struct peer *device_peer_next(const struct device *dev, const struct peer *after)
{
	return after ? after->next : dev->first;
}

size_t device_peer_count(const struct device *dev)
{
	return dev->peer_count;
}
