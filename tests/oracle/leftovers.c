/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/oracle/leftovers.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { WORD = sizeof(uint64_t), WORDS = LEFTOVERS_KEY / WORD, TOO_LARGE = 64 << 20 };

void leftovers_note(struct leftovers *wanted, const uint8_t key[static LEFTOVERS_KEY])
{
	for (size_t i = 0; i < WORDS; i++) {
		memcpy(&wanted->complement[i], key + i * WORD, WORD);
		wanted->complement[i] = ~wanted->complement[i];
	}
}

/* Volatile, else the compiler takes the key itself out of the loop, and keeps it on the stack. */
static size_t count_at(const uint8_t *at, const volatile uint64_t *complement)
{
	size_t found = 0;
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	for (size_t i = 0; i < WORDS; i++)
		found += ~word == complement[i];
	return found;
}

/* Read as a file: what a sanitizer fences off may be read like that. What was read is wiped. */
static size_t count_between(int mem, uintptr_t begin, uintptr_t end, const struct leftovers *wanted)
{
	static uint8_t window[1 << 16];
	size_t found = 0, overlap = WORD - 1;

	while (begin + overlap < end) {
		size_t want = end - begin < sizeof(window) ? end - begin : sizeof(window);
		ssize_t got = pread(mem, window, want, (off_t)begin);

		for (ssize_t at = 0; at + WORD <= got; at++)
			found += count_at(window + at, wanted->complement);
		begin += want - overlap;
	}
	explicit_bzero(window, sizeof(window));
	return found;
}

size_t leftovers_count(const struct leftovers *wanted)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512], mode[5];
	uintptr_t begin, end;
	size_t found = 0;

	if (!maps || mem < 0)
		abort();
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &begin, &end, mode) == 3 &&
			strncmp(mode, "rw", 2) == 0 && end - begin < TOO_LARGE)
			found += count_between(mem, begin, end, wanted);
	close(mem);
	fclose(maps);
	return found;
}
