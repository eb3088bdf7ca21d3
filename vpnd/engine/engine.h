/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: the process that holds keys and packets, and no privilege at all. It is started by
 * the monitor, which hands it every descriptor it uses (vpnd/privsep.h).
 */
#ifndef VPND_ENGINE_ENGINE_H
#define VPND_ENGINE_ENGINE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "vpnd/engine/labels.h"
#include "vpnd/engine/paths.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/events.h"

struct channel;
struct control_server;
struct crew;
struct followers;
struct guard;

/* Routes as the monitor told them, in the order of the config, for status. */
struct engine_routes {
	struct privsep_route *all;
	size_t count, room;
};

typedef void (*engine_reloaded_fn)(void *arg, const struct privsep_reloaded *answer);

/* Random bytes in stock. */
struct engine_dice {
	uint8_t bytes[256];
	size_t left;
};

struct engine {
	sd_event *event;
	char host[HOST_NAME_MAX + 1]; /* this host's name */
	pid_t monitor_pid;
	struct channel *monitor;
	struct privsep_start start;
	struct lane_room room; /* shared by all lanes, which run one after another */
	struct crew *crew;     /* unless they have threads; NULL: they do not */
	int poke_fd;           /* wakes up the loop, as the next two; of a crew alone */
	sd_event_source *poke_source;
	bool poked;
	struct tunnel *tunnels[PRIVSEP_TUNNELS]; /* by slot; NULL: free */
	struct engine_dice dice;
	struct guard *guard;  /* of the time that handshakes of all tunnels take */
	struct labels labels; /* of the initiations of all tunnels */
	struct engine_routes routes;
	struct privsep_kernel kernel; /* for status */
	struct events events;
	struct followers *followers; /* who waits for the next event */
	struct paths paths;
	struct control_server *control; /* NULL when there is no control socket */
	struct watch *watch;            /* liveness of all tunnels */
	engine_reloaded_fn reloaded;    /* a RELOAD is under way; NULL: none */
	void *reloaded_arg;
};

/* Run until told to stop, with that many lanes. Returns the process's exit status. */
int engine_main(int channel_fd, size_t lanes);

/* Something in an upcall of the core changed what the loop waits for: have it look. */
void engine_poke(struct engine *engine);

/* Send a message to the monitor, with a descriptor unless `fd` is -1; it stays the caller's. */
void engine_tell(struct engine *engine, const void *msg, size_t len, int fd);

/*
 * Ask the monitor to reload; `done` is called once with its words. 0, or -EBUSY while one is under
 * way.
 */
int engine_reload(struct engine *engine, engine_reloaded_fn done, void *arg);

#endif
