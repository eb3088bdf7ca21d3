/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch: as many packets as move together between TUN, core and UDP, each in a slot of its own
 * that is large enough for any datagram and for what sealing adds. Slots are touched only as far as
 * packets fill them, so memory follows what really passes.
 */
#ifndef VPND_DATA_BATCH_H
#define VPND_DATA_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "vpnd/proto/packet.h"

enum { BATCH_SLOT = 65536 }; /* bytes of a slot between head- and tailroom */

struct batch {
	struct packet packets[PACKET_BATCH];
	size_t count;
	uint8_t *slots; /* owned */
};

/* 0 or a negative errno. */
int batch_init(struct batch *batch);
void batch_done(struct batch *batch);

/* Where the bytes of slot `i` begin: BATCH_SLOT of them, with room around as packet.h asks. */
uint8_t *batch_slot(const struct batch *batch, size_t i);

/* Empty it: no packets, every `data` at the start of its slot, no path. */
void batch_reset(struct batch *batch);

#endif
