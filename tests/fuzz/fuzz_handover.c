/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read as a handover can be written, and is then read as the same text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vpnd/monitor/handover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(int a, int b)
{
	char left[4096], right[4096];
	struct stat st[2];

	if (fstat(a, &st[0]) < 0 || fstat(b, &st[1]) < 0 || st[0].st_size != st[1].st_size)
		abort();
	if (pread(a, left, sizeof(left), 0) != pread(b, right, sizeof(right), 0))
		abort();
	if (memcmp(left, right,
		    (size_t)st[0].st_size < sizeof(left) ? (size_t)st[0].st_size : sizeof(left)) !=
		0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC), first, second;
	struct handover *h, *again;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (handover_read(fd, &h) == 0) {
		if (handover_write(h, &first) < 0 || handover_read(first, &again) < 0 ||
			handover_write(again, &second) < 0)
			abort();
		compare(first, second);
		handover_free(h);
		handover_free(again);
		close(first);
		close(second);
	}
	close(fd);
	return 0;
}
