/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine with more than one lane. All it does and knows is under the crew's lock, sd-event
 * included: its own thread holds the lock but while it sleeps, so that little beside this file has
 * to know of threads. What the core calls up to may therefore be called
 * on a lane's thread. There it may set timers of the loop, but the loop must be woken up to see
 * it: engine_poke.
 */
#ifndef VPND_ENGINE_THREADS_H
#define VPND_ENGINE_THREADS_H

#include <stddef.h>

#include "vpnd/data/road.h"

struct engine;

/* Upcalls of the road of a struct tunnel. */
extern const struct road_upcalls threads_upcalls;

/*
 * Start the crew, if there is to be more than one lane; from now on the caller holds its lock. 0 or
 * a negative errno.
 */
int threads_start(struct engine *engine, size_t lanes);
/* End it, when no tunnel is left. */
void threads_end(struct engine *engine);

/*
 * Have `present` called, perhaps at once, when all lanes are seen to go round as the caller does.
 * One that hangs keeps that from happening.
 */
void threads_call(struct engine *engine, void (*present)(void *arg), void *arg);

/* Have each tunnel's own lane know what all of them counted and gave up. */
void threads_gather(struct engine *engine);

/* As sd_event_loop. */
int threads_loop(struct engine *engine);

#endif
