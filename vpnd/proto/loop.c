/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/loop.h"

#include <string.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/inner.h"
#include "vpnd/proto/le.h"

enum { PROTOCOL_UDP = 17, UDP_HEADER = 8, UDP_DESTINATION = 2 };

/* What all messages but cookie replies begin with. */
struct message_start {
	le32_t type;
	le32_t index; /* the sender's, in data the receiver's */
};

static bool named(const struct session *session, uint32_t index)
{
	return session && session->remote_index == index;
}

static bool is_ours(const struct peer *peer, const struct message_start *start)
{
	const uint32_t index = le32_get(start->index);
	const struct index_entry *entry;

	if (le32_get(start->type) == MESSAGE_DATA)
		return named(peer->current, index) || named(peer->previous, index) ||
		       named(peer->next_session, index);
	entry = index_find(&peer->device->indices, index);
	return entry && entry->peer == peer;
}

static struct peer *find_peer(
	const struct device *dev, const struct endpoint *to, const struct message_start *start)
{
	struct peer *peer = places_next(dev, to, NULL);

	while (peer && !is_ours(peer, start))
		peer = places_next(dev, to, peer);
	return peer;
}

struct peer *loop_find(const struct device *dev, const uint8_t *packet, size_t len)
{
	const struct inner_upper upper = inner_upper(packet, len);
	const uint8_t *udp = packet + upper.at;
	struct message_start start;
	struct endpoint to = {0};

	if (!upper.found || upper.protocol != PROTOCOL_UDP ||
		len - upper.at < UDP_HEADER + sizeof(struct message_data))
		return NULL;
	memcpy(&start, udp + UDP_HEADER, sizeof(start));
	switch (le32_get(start.type)) {
	case MESSAGE_INITIATION:
	case MESSAGE_RESPONSE:
	case MESSAGE_DATA:
		break;
	default:
		return NULL;
	}
	inner_destination(packet, &to.addr);
	to.port = (uint16_t)(udp[UDP_DESTINATION] << 8 | udp[UDP_DESTINATION + 1]);
	return find_peer(dev, &to, &start);
}
