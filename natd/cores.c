/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/cores.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CORES_MAX 1024 /* more are not looked at */
#define LINE_MAX_BYTES 512
#define SPAN_MS 200 /* the kernel counts in ticks of 10 ms */
#define SPAN_MS_MAX 10000
#define IDLE_PART 20

struct core {
	uint64_t idle, total; /* ticks since boot */
};

struct cores {
	const char *path;
	mono_t looked;
	size_t n;
	struct core each[CORES_MAX];
};

int cores_new(const char *path, struct cores **out)
{
	struct cores *cores = calloc(1, sizeof(*cores));

	if (!cores)
		return -ENOMEM;
	cores->path = path;
	*out = cores;
	return 0;
}

void cores_free(struct cores *cores)
{
	free(cores);
}

/* "cpu3 user nice system idle iowait irq softirq steal ..." */
static bool read_core(const char *line, struct core *core)
{
	uint64_t user, nice, system, idle, wait, irq, softirq, steal;

	if (sscanf(line,
		    "cpu%*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		    " %" SCNu64 " %" SCNu64,
		    &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal) != 8)
		return false;
	core->idle = idle + wait;
	core->total = core->idle + user + nice + system + irq + softirq + steal;
	return true;
}

static bool was_busy(const struct core *before, const struct core *now)
{
	uint64_t idle = now->idle - before->idle, total = now->total - before->total;

	return now->total > before->total && idle < total / IDLE_PART + (total < IDLE_PART);
}

/* Returns whether a core that was there before, too, has been busy since. */
static bool look(struct cores *cores)
{
	_cleanup_fclose_ FILE *f = fopen(cores->path, "re");
	char line[LINE_MAX_BYTES];
	bool busy = false;
	size_t n = 0;

	while (f && n < CORES_MAX && fgets(line, sizeof(line), f)) {
		struct core core;

		if (!read_core(line, &core))
			continue;
		busy = busy || (n < cores->n && was_busy(&cores->each[n], &core));
		cores->each[n++] = core;
	}
	cores->n = n;
	return busy;
}

bool cores_are_short(struct cores *cores, mono_t now)
{
	uint64_t ago = mono_elapsed_us(cores->looked, now);
	bool busy;

	if (mono_is_set(cores->looked) && ago < SPAN_MS * US_PER_MS)
		return false;
	busy = look(cores) && mono_is_set(cores->looked) && ago <= SPAN_MS_MAX * US_PER_MS;
	cores->looked = now;
	return busy;
}
