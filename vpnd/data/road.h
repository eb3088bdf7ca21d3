/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All lanes of one device, one on each thread of a crew. They are like a model, a lane that has no
 * thread: it owns the sockets, and the queue of the TUN that all of them write to. All functions
 * are called with the crew's lock, and not from its threads.
 */
#ifndef VPND_DATA_ROAD_H
#define VPND_DATA_ROAD_H

#include <stddef.h>
#include <stdint.h>

#include "vpnd/data/crew.h"
#include "vpnd/data/lane.h"

struct road;

/* Called on a thread of the crew, which holds the lock. */
struct road_upcalls {
	/* A lane worked on the device: its deadline may have changed. */
	void (*worked)(void *arg, const struct lane *lane);
	/* A queue of the TUN cannot be read, and is not any more: a negative errno. */
	void (*tun_lost)(void *arg, int error);
	/* A socket has something in its error queue, for ever unless it is read. */
	void (*socket_failed)(void *arg, enum addr_family family);
};

/* A road without traffic. `model` and the upcalls are borrowed. 0 or -ENOMEM. */
int road_new(struct crew *crew, struct lane *model, const struct road_upcalls *upcalls, void *arg,
	struct road **out);
/* Stops it. NULL is fine. */
void road_free(struct road *road);

/*
 * Stop the traffic, and let it begin again as the model is then: the model is changed only in
 * between. Both may be done twice. road_begin returns 0 or a negative errno.
 */
void road_stop(struct road *road);
int road_begin(struct road *road);

/*
 * Have the model know what its lanes counted and gave up since the last time, as road_stop does.
 * They rest for it.
 */
void road_gather(struct road *road);

/*
 * The queue of the TUN that the lane of one thread reads, owned from here on, in the place of the
 * one before. The road must have been stopped.
 */
void road_set_queue(struct road *road, size_t thread, int fd);

#endif
