/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's end of the channel to the engine: nothing passes that vpnd/privsep.h forbids. */
#ifndef VPND_MONITOR_ENGINE_LINK_H
#define VPND_MONITOR_ENGINE_LINK_H

#include <stddef.h>

#include "vpnd/privsep.h"

typedef struct sd_event sd_event;
struct engine_link;

struct engine_link_upcalls {
	/* A message that privsep_check passed. `fd` is -1 or the callee's to close. */
	void (*message)(void *arg, const union privsep_message *m, int fd);
	/*
	 * The engine broke the rules or reads nothing: why, in words. Or it closed the channel, as
	 * one does that ends: NULL. Called once and nothing after it. May call engine_link_free.
	 */
	void (*broken)(void *arg, const char *why);
};

/*
 * Serve our end of the channel. Owns `fd` if it succeeds. Returns 0 or a negative errno. `upcalls`
 * is borrowed for life.
 */
int engine_link_new(sd_event *event, int fd, const struct engine_link_upcalls *upcalls, void *arg,
	struct engine_link **out);

/* Close it. NULL is fine. */
void engine_link_free(struct engine_link *l);

/*
 * Send one of the structs of vpnd/privsep.h; `fd` is -1 or stays the caller's. Never blocks, and
 * never fails: an engine that cannot be reached is reported by `broken`, from the event loop.
 */
void engine_link_send(struct engine_link *l, const void *msg, size_t len, int fd);

/* The engine broke a rule that only the caller knows: `broken` follows, from the event loop. */
void engine_link_refuse(struct engine_link *l, const char *why);

#endif
