/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch: as many packets as move together between TUN, core and UDP. Packets on their way out lie
 * in the batch's arena, each with the room around it that sealing needs and not a byte more: once
 * sealed they are one piece of memory, which is less work to send than many. Packets on their way
 * in are views of what was received.
 */
#ifndef VPND_DATA_BATCH_H
#define VPND_DATA_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vpnd/proto/packet.h"

enum {
	BATCH_PACKET_MAX = 40 + 65535, /* bytes of the longest packet: IPv6, full */
	BATCH_ARENA = 256 * 1024,      /* bytes: what stays in a core's own cache */
};

struct batch {
	struct packet packets[PACKET_BATCH];
	size_t count;
	uint8_t *arena; /* borrowed: BATCH_ARENA */
	size_t used;    /* bytes of it */
	size_t mtu;     /* bytes, that bound the padding */
};

/* An empty batch. Packets of its own lie in BATCH_ARENA bytes at `arena`. */
void batch_init(struct batch *batch, uint8_t *arena);

/* Empty it; packets that are added will be sealed with this MTU. */
void batch_reset(struct batch *batch, size_t mtu);

/*
 * Where a packet of `len` bytes (at most BATCH_PACKET_MAX) may be written, with room around as
 * session_seal asks; batch_add takes the room. NULL: the batch is full. An empty one never is.
 */
uint8_t *batch_room(const struct batch *batch, size_t len);

/* Add the packet that was written where batch_room said, last. Returns it, all else unset. */
struct packet *batch_add(struct batch *batch, size_t len);

/* Add a view of bytes that lie elsewhere; the batch must not be full. Returns it, as above. */
struct packet *batch_add_view(struct batch *batch, uint8_t *data, size_t len);

/* True if not even a view can be added. */
bool batch_is_full(const struct batch *batch);

#endif
