/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following the kernel's flows: a list at the start, then events as they come and go. What changes
 * in between is not told by events, since each costs the packet that caused it about as much as its
 * way through the rules; it is in the next list.
 *
 * Events alone do not keep a view true. The socket may overrun; and a flow that began while nobody
 * listened (net.netfilter.nf_conntrack_events = 2) never tells that it ends. So there is a new list
 * after every overrun at once, every minute, and when somebody asks (conntrack_follow_look).
 *
 * Beyond a rate that may be given, on a machine that has no time to spare, events would take from
 * forwarding what they tell about it. Then nobody listens for some seconds (budget.h), and the
 * kernel makes none; lists go on.
 *
 * List and events come by two sockets. While a list is read, events wait in theirs; what is older
 * than the list is then heard after it. So whoever follows must take an event for what it says
 * about one flow, told by its id, and not be surprised by a flow begun twice or ended unknown.
 */
#ifndef NETLINK_CONNTRACK_FOLLOW_H
#define NETLINK_CONNTRACK_FOLLOW_H

#include <systemd/sd-event.h>

#include "netlink/conntrack.h"

struct conntrack_follow;

struct conntrack_follow_config {
	/* A flow that began, ended, or was found in a list. */
	conntrack_fn flow;
	/* A list begins: what is not heard of from now on until it ends is gone. */
	void (*list_begins)(void *arg);
	/* It ended, and the events that waited meanwhile have been told. */
	void (*list_ended)(void *arg);
	/* Whether to listen on although there was more than events_max. */
	bool (*has_time)(void *arg);
	/* It was not so: nobody listens for so many microseconds. */
	void (*pauses)(uint64_t us, void *arg);
	void *arg;
	bool translated_only; /* leave out flows that are not translated, in the kernel already */
	int rcvbuf_bytes;     /* of the events' socket; 0 for 16 MiB */
	uint32_t events_max;  /* a second; 0: all are heard */
};

/* Since conntrack_follow_new. */
struct conntrack_follow_counters {
	uint64_t events;    /* read */
	uint64_t overruns;  /* times that the socket was full */
	uint64_t lost;      /* events that the kernel could not deliver then */
	uint64_t lists;     /* that were read to their end */
	uint64_t failed;    /* lists that were not; each is tried again */
	uint64_t malformed; /* messages that could not be read */
	uint64_t pauses;    /* times that there were more than events_max, and no time */
	uint64_t paused_us; /* how long nobody listened then, the pause that goes on included */
	bool paused;        /* one goes on */
};

/*
 * Open the sockets in the current network namespace and let `event` drive them. The first list is
 * read by the loop, too. `config` is copied. Returns 0 or a negative errno.
 */
int conntrack_follow_new(sd_event *event, const struct conntrack_follow_config *config,
	struct conntrack_follow **out);
void conntrack_follow_free(struct conntrack_follow *follow);

/* Another events_max. A pause that goes on ends with the next list if now all are to be heard. */
void conntrack_follow_set_max(struct conntrack_follow *follow, uint32_t events_max);

/*
 * Somebody wants to know what flows are like now: let the next list begin soon, so that another
 * look finds it, but have lists take no more than a twentieth of the time.
 */
void conntrack_follow_look(struct conntrack_follow *follow);

struct conntrack_follow_counters conntrack_follow_counters(const struct conntrack_follow *follow);

#endif
