/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How one rtnetlink message, of a dump or of multicast, changes a state. Pure, so that every order
 * of events can be tested without a kernel.
 *
 * The kernel does not tell everything. IPv4 routes vanish without a message when their link goes
 * down or their source address is removed, and IPv6 tells of multipath routes piece by piece. Where
 * a message hints at that, the answer asks for a new dump instead of guessing.
 */
#ifndef NETLINK_FOLLOW_H
#define NETLINK_FOLLOW_H

#include <linux/netlink.h>

#include "netlink/model.h"

/* Which strangers' routes to keep; see observe.h. */
struct follow_filter {
	bool (*keep_route)(const struct nl_route *route, void *arg); /* NULL: none */
	void *arg;
};

/* Bits of what follow_message returns. */
#define FOLLOW_CHANGED 1 /* the state is not what it was */
#define FOLLOW_RESYNC 2  /* the state may be wrong until the next dump */

/*
 * Returns bits as above, 0 if there is nothing to see, -EINVAL for a malformed message (the state
 * is unchanged), or -ENOMEM.
 */
int follow_message(struct nl_state *s, struct nlmsghdr *h, const struct follow_filter *filter);

#endif
