/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a monitor hands to its successor, which is the same process with another program: open
 * descriptors by their numbers, and what else cannot be learnt anew. It is a text in a sealed
 * memfd, with a version in its first line. Whatever a reader does not understand makes it refuse
 * the whole, so that the monitor that runs can find out beforehand and go on.
 *
 *   vpnd-handover VERSION STARTED_US ENGINE_RESTARTS LOCK CONTROL
 *   network LOCK                                                 (if there is one)
 *   hook PID OUTPUT UNTIL_US                                     (one that runs)
 *   change SUBJECT<tab>TEXT                                      (that it has still to be told)
 *   event RUN NUMBER TIME_MS KIND SUBJECT<tab>WHAT<tab>WHY<tab>
 *   choice UP CHOSEN SINCE_US... GROUP                           (VPND_CONF_VIA_MAX times SINCE_US)
 *   tunnel NAME IFINDEX AWAY FWMARK TUN UDP4 UDP6 UAPI STATE
 *   queue FD                                 (of the tunnel above: one more of its TUN's)
 *   peer PUBLIC_KEY DOWN PMTU                                    (of the tunnel above)
 *   end
 */
#ifndef VPND_MONITOR_HANDOVER_H
#define VPND_MONITOR_HANDOVER_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/key.h"
#include "vpnd/events.h"
#include "vpnd/monitor/choice.h"
#include "vpnd/privsep.h"

#define HANDOVER_VERSION 2 /* raised whenever a line changes its meaning or its form */

struct handover_peer {
	uint8_t public_key[KEY_LEN];
	bool down;
	uint32_t pmtu; /* bytes; 0: not measured */
};

/* The descriptors of a tunnel, in the order in which they are written; -1: none. */
enum handover_fd {
	HANDOVER_TUN,
	HANDOVER_UDP4,
	HANDOVER_UDP6,
	HANDOVER_UAPI,
	HANDOVER_STATE,
	HANDOVER_FDS,
};

struct handover_tunnel {
	char name[IFNAMSIZ];
	uint32_t ifindex; /* 0: the device is gone */
	bool away;        /* in another network namespace */
	uint32_t fwmark;
	int fds[HANDOVER_FDS];
	int queues[PRIVSEP_LANES]; /* beside HANDOVER_TUN, as struct held has them; -1: taken */
	size_t n_queues;
	struct handover_peer *peers;
	size_t n_peers;
};

/* A run of the program of on_state_change. */
struct handover_hook {
	pid_t pid; /* leader of its process group; 0: none runs */
	int output;
	uint64_t until_us; /* mono time at which it is killed */
};

/* What that program has still to be told. */
struct handover_change {
	char *subject, *text; /* without tab or line feed */
};

/* What is remembered of a group of routes. */
struct handover_choice {
	char *group; /* its key */
	struct choice choice;
};

struct handover {
	uint64_t started_us; /* mono time at which the first of all monitors started */
	unsigned int engine_restarts;
	int lock, network, control; /* -1: none; the first two as struct instance has them */
	struct handover_hook hook;
	struct handover_change *changes;
	size_t n_changes;
	struct events events;
	struct handover_choice *choices;
	size_t n_choices;
	struct handover_tunnel *tunnels;
	size_t n_tunnels;
};

/* An empty one, or NULL when out of memory. */
struct handover *handover_new(void);

/* Free it; descriptors are left alone. NULL is fine. */
void handover_free(struct handover *h);
void handover_freep(struct handover **h); /* for __attribute__((cleanup)) */

/* Add a tunnel with this name (shorter than IFNAMSIZ), without descriptors; NULL: no memory. */
struct handover_tunnel *handover_add_tunnel(struct handover *h, const char *name);

/* Add a peer to a tunnel. Returns 0 or -ENOMEM. */
int handover_add_peer(struct handover_tunnel *t, const struct handover_peer *peer);

/* Add a change, or a choice; the texts are copied. Returns 0 or -ENOMEM. */
int handover_add_change(struct handover *h, const char *subject, const char *text);
int handover_add_choice(struct handover *h, const char *group, const struct choice *choice);

/* The tunnel of this name, or NULL. `h` may be NULL. */
struct handover_tunnel *handover_find(const struct handover *h, const char *name);

/* Write it to a sealed memfd. Returns 0 with *fd (O_CLOEXEC), or a negative errno. */
int handover_write(const struct handover *h, int *fd);

/*
 * Read it from the start of `fd`, which stays the caller's. Returns 0 with *out, -EPROTO for
 * anything but a whole one of HANDOVER_VERSION, or a negative errno. Whether the descriptors are
 * open is not looked at.
 */
int handover_read(int fd, struct handover **out);

/*
 * Have all descriptors in it survive an exec (`keep`) or not. Returns 0, or -EBADF if one is not
 * open; the others are set nevertheless.
 */
int handover_keep(const struct handover *h, bool keep);

/* Close all descriptors that are still in it, which are those that nobody took. */
void handover_close(struct handover *h);

#endif
