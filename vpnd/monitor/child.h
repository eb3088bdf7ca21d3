/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's process: this program once more, as a user without any right, with one end of a
 * channel (base/channel.h) as descriptor 3 and nothing else open but stdio.
 */
#ifndef VPND_MONITOR_CHILD_H
#define VPND_MONITOR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/mono.h"

typedef struct sd_event sd_event;
struct child;

#define CHILD_ENGINE_NAME "vpnd-engine" /* argv[0] by which main() knows the engine */
#define CHILD_JOURNAL_FLAG \
	"--journal" /* argv[2], behind the number of lanes, when it has no stderr to log to */
#define CHILD_CHANNEL_FD 3

struct child_config {
	uid_t uid;
	gid_t gid;
	uint32_t lanes;  /* of the engine */
	bool background; /* stdio is /dev/null, for the caller of a daemon waits on it */
	/*
	 * It ended and was reaped; `how` says how in words. Another start is the callee's to ask
	 * for, after child_restart_delay.
	 */
	void (*ended)(void *arg, const char *how);
	void *arg;
};

/*
 * Get ready to start engines of the binary that runs now, whatever becomes of its file. Returns 0
 * or a negative errno. `config` is copied.
 */
int child_new(sd_event *event, const struct child_config *config, struct child **out);

/* Kill it if it runs, without a call to `ended`. NULL is fine. */
void child_free(struct child *c);

/* Start it. Returns 0 with *channel_fd, our end, which the caller owns; or a negative errno. */
int child_start(struct child *c, mono_t now, int *channel_fd);

/* End it by SIGKILL; `ended` follows from the event loop. Nothing if none runs. */
void child_kill(struct child *c);

bool child_runs(const struct child *c);

/*
 * How long to wait before the next start, in microseconds: nothing the first time, then 100 ms,
 * doubling up to 5 s; from the start again after a life of 30 s. To be asked once a death.
 */
uint64_t child_restart_delay_us(struct child *c, mono_t now);

#endif
