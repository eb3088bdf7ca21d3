/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks after the liveness of all tunnels. Once a second it begins the handshakes that a configured
 * tunnel is missing, judges every peer, remembers since when each is in its state, and tells the
 * monitor what changed, which logs it and moves routes by it. Of an interface that has no config,
 * for which a monitor does nothing, it logs the changes itself.
 */
#ifndef VPND_ENGINE_WATCH_H
#define VPND_ENGINE_WATCH_H

#include <stdbool.h>

#include "base/mono.h"
#include "vpnd/engine/judge.h"

struct engine;
struct watch;

/* What was last found of a tunnel or a peer, embedded there; zero: not looked at yet. */
struct watch_mark {
	bool known;
	mono_t since; /* in this state */
	struct judgement judged;
};

/* Look at all tunnels of `engine` from now on. Returns 0 or a negative errno. */
int watch_new(struct engine *engine, struct watch **out);
void watch_free(struct watch *watch);

/* Look in a moment, for something that matters to routes has happened. */
void watch_soon(struct watch *watch);

/* Look at once, so that all marks are those of `now`. */
void watch_look(struct watch *watch, mono_t now);

#endif
