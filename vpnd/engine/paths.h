/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local addresses that are sticky, but not too sticky. A peer is answered from the address that it
 * spoke to as long as the route to it leaves by the interface that it spoke to; after that the
 * kernel chooses. Only the monitor can ask for routes, so it is asked whenever they changed or a
 * peer speaks to another address. (That an address is gone the kernel says when it is used.)
 */
#ifndef VPND_ENGINE_PATHS_H
#define VPND_ENGINE_PATHS_H

#include <systemd/sd-event.h>

#include "base/mono.h"
#include "vpnd/privsep.h"

struct engine;
struct peer;

/* Embedded in the engine. */
struct paths {
	sd_event_source *timer; /* NULL until the first question */
	mono_t asked;           /* newest round of questions */
};

void paths_done(struct paths *paths);

/* Routes or addresses of the host changed: all local addresses are doubtful. */
void paths_rerouted(struct engine *engine);

/* This peer speaks to another address, or by another interface, than before. */
void paths_moved(struct engine *engine, struct peer *peer);

/* The monitor found that this path is no longer what the routes say. */
void paths_stale(struct engine *engine, const struct privsep_path *stale);

#endif
