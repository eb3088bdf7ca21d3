/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's links, addresses, routes and rules of the current network namespace, dumped once and
 * then followed by multicast into one nl_state.
 *
 * All links, addresses and rules are kept. Of next hops only ours are, and strangers' in our range
 * of ids; of routes ours, and those that `keep_route` asks for: a host may carry a million that are
 * nobody's business here.
 *
 * The state heals itself: a receive buffer overrun, a silent flush (IPv4 routes vanish without a
 * message when their link goes down) and anything else that multicast cannot tell end in a new dump
 * before `changed` is called.
 */
#ifndef NETLINK_OBSERVE_H
#define NETLINK_OBSERVE_H

#include <systemd/sd-event.h>

#include "netlink/model.h"

struct observe;

struct observe_config {
	/*
	 * Called once for each batch of messages that changed the state, and after each resync that
	 * did; not by observe_new. NULL if nobody cares. It may carry out changes (apply.h), but
	 * not call back into observe_read, observe_sync or observe_free.
	 */
	void (*changed)(struct observe *o, void *arg);
	/*
	 * Called once for each batch of messages, whatever they were about and whether or not the
	 * state keeps it: the kernel may route otherwise now. NULL if nobody cares. As `changed`.
	 */
	void (*heard)(void *arg);
	/* True for a stranger's route to keep, to find who sits in our place. NULL: keep none. */
	bool (*keep_route)(const struct nl_route *route, void *arg);
	void *arg;
	int rcvbuf_bytes; /* of the multicast socket; 0 for 4 MiB */
};

/* Events since observe_new. */
struct observe_counters {
	uint64_t messages;    /* multicast messages read */
	uint64_t overruns;    /* the kernel dropped messages because the buffer was full */
	uint64_t resyncs;     /* dumps made because multicast alone was not enough */
	uint64_t interrupted; /* dumps repeated because the kernel's tables changed meanwhile */
	uint64_t malformed;   /* messages that could not be parsed, and were left out */
};

/*
 * Open the sockets in the current namespace, join the groups, dump. `config` is copied. `*out` is
 * the caller's to free. Returns 0 or a negative errno.
 */
int observe_new(const struct observe_config *config, struct observe **out);
void observe_free(struct observe *o);
void observe_freep(struct observe **o); /* for __attribute__((cleanup)) */

/*
 * Let `event` drive the observer, at that sd-event priority; a resync that fails is tried again
 * each 100 ms. The observer holds a reference on `event` until it is freed. Returns 0 or a
 * negative errno.
 */
int observe_attach(struct observe *o, sd_event *event, int64_t priority);

/*
 * Take all messages that wait, never blocking for more, resync if need be, call `changed` if
 * anything did. Returns 0 or a negative errno (of a resync that failed; the state is stale then
 * and the next call tries again).
 */
int observe_read(struct observe *o);

/*
 * Dump again and replace the state whole; `changed` is called if it differs. Returns 0 or a
 * negative errno.
 */
int observe_sync(struct observe *o);

/* The state, owned by the observer and changed by observe_read and observe_sync alone. */
const struct nl_state *observe_state(const struct observe *o);

/* True while the state is known to lag behind the kernel's (a resync failed). */
bool observe_stale(const struct observe *o);

const struct observe_counters *observe_counters(const struct observe *o);

#endif
