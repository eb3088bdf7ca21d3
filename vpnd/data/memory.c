/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/memory.h"

#include <errno.h>
#include <sys/mman.h>

int memory_map(size_t bytes, uint8_t **out)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	madvise(memory, bytes, MADV_DONTDUMP);
	*out = memory;
	return 0;
}

void memory_unmap(uint8_t **memory, size_t bytes)
{
	if (*memory)
		munmap(*memory, bytes);
	*memory = NULL;
}
