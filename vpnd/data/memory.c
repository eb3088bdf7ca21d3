/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/memory.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

/* Twice as much holds an aligned piece; what is around it goes back. */
int memory_map(uint8_t **out)
{
	uint8_t *all = mmap(NULL, (size_t)2 * MEMORY_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (all == MAP_FAILED)
		return -errno;
	before = -(uintptr_t)all % MEMORY_BYTES;
	if (before)
		munmap(all, before);
	munmap(all + before + MEMORY_BYTES, MEMORY_BYTES - before);
	madvise(all + before, MEMORY_BYTES, MADV_HUGEPAGE);
	madvise(all + before, MEMORY_BYTES, MADV_DONTDUMP);
	*out = all + before;
	return 0;
}

void memory_unmap(uint8_t **memory)
{
	if (*memory)
		munmap(*memory, MEMORY_BYTES);
	*memory = NULL;
}
