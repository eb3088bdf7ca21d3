/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/batch.h"

#include <assert.h>

#include "vpnd/proto/session.h"

enum { AROUND = PACKET_HEADROOM + PACKET_TAILROOM };
static_assert(BATCH_ARENA >= BATCH_PACKET_MAX + AROUND, "an empty batch takes any packet");

void batch_init(struct batch *batch, uint8_t *arena)
{
	batch->arena = arena;
	batch_reset(batch, 0);
}

void batch_reset(struct batch *batch, size_t mtu)
{
	batch->count = 0;
	batch->used = 0;
	batch->mtu = mtu;
}

bool batch_is_full(const struct batch *batch)
{
	return batch->count == PACKET_BATCH;
}

uint8_t *batch_room(const struct batch *batch, size_t len)
{
	if (batch_is_full(batch) || BATCH_ARENA - batch->used < len + AROUND)
		return NULL;
	return batch->arena + batch->used + PACKET_HEADROOM;
}

struct packet *batch_add_view(struct batch *batch, uint8_t *data, size_t len)
{
	struct packet *packet = &batch->packets[batch->count++];

	*packet = (struct packet){.data = data, .len = len};
	return packet;
}

struct packet *batch_add(struct batch *batch, size_t len)
{
	uint8_t *data = batch->arena + batch->used + PACKET_HEADROOM;

	batch->used += PACKET_HEADROOM + session_padded_len(len, batch->mtu) + TAG_LEN;
	return batch_add_view(batch, data, len);
}
