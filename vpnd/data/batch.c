/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/batch.h"

#include <errno.h>
#include <sys/mman.h>

enum { STRIDE = PACKET_HEADROOM + BATCH_SLOT + PACKET_TAILROOM };

int batch_init(struct batch *batch)
{
	void *slots = mmap(NULL, (size_t)PACKET_BATCH * STRIDE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (slots == MAP_FAILED)
		return -errno;
	/* Packets in clear do not belong in a core dump. */
	madvise(slots, (size_t)PACKET_BATCH * STRIDE, MADV_DONTDUMP);
	batch->slots = slots;
	batch_reset(batch);
	return 0;
}

void batch_done(struct batch *batch)
{
	if (batch->slots)
		munmap(batch->slots, (size_t)PACKET_BATCH * STRIDE);
	batch->slots = NULL;
}

uint8_t *batch_slot(const struct batch *batch, size_t i)
{
	return batch->slots + i * STRIDE + PACKET_HEADROOM;
}

void batch_reset(struct batch *batch)
{
	batch->count = 0;
	for (size_t i = 0; i < PACKET_BATCH; i++)
		batch->packets[i] = (struct packet){.data = batch_slot(batch, i)};
}
