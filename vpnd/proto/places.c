/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whoever sends through us can ask who is at an endpoint with each packet, and whoever can send us
 * ICMP errors with each of these: it must not cost a look at every peer.
 */
#include "vpnd/proto/core.h"

static size_t place_of(const struct endpoint *at)
{
	uint32_t mixed = at->port;

	for (size_t i = 0; i < sizeof(at->addr.bytes); i++)
		mixed = (mixed ^ at->addr.bytes[i]) * 0x01000193;
	return (mixed ^ mixed >> 16) % PLACES;
}

static bool is_at(const struct peer *peer, const struct endpoint *at)
{
	return peer->path.remote.port == at->port && addr_equal(&peer->path.remote.addr, &at->addr);
}

void places_drop(struct peer *peer)
{
	if (!peer->beside_back)
		return;
	*peer->beside_back = peer->beside;
	if (peer->beside)
		peer->beside->beside_back = peer->beside_back;
	peer->beside_back = NULL;
}

void places_put(struct peer *peer)
{
	struct peer **first = &peer->device->places[place_of(&peer->path.remote)];

	places_drop(peer);
	if (peer->path.remote.addr.family == ADDR_NONE)
		return;
	peer->beside = *first;
	if (peer->beside)
		peer->beside->beside_back = &peer->beside;
	peer->beside_back = first;
	*first = peer;
}

struct peer *places_next(
	const struct device *dev, const struct endpoint *at, const struct peer *after)
{
	struct peer *peer = after ? after->beside : dev->places[place_of(at)];

	while (peer && !is_at(peer, at))
		peer = peer->beside;
	return peer;
}
