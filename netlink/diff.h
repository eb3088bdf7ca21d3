/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what we want and what the kernel has to the steps that lead from one to the other. Pure.
 *
 * Only what carries NL_PROTO_GATEHOUSE is replaced or deleted. The steps are in an order in which
 * nothing becomes unreachable, or reachable in clear, on the way:
 *
 *   1. guard routes (blackhole, unreachable) are added
 *   2. links get MTU and go up
 *   3. addresses are added
 *   4. next hops are added, or replaced in place, and with that all routes that lead to them
 *   5. routes are added, or replaced in place
 *   6. rules are added, now that their tables are filled
 *   7. rules, next hops (the kernel takes their routes along), routes, guard routes and addresses
 *      that are ours and unwanted are deleted
 *
 * Carrying out the steps and comparing again gives none: that is how a crashed run's leftovers are
 * adopted, how a repair after a stranger's flush works, and how a caller knows it is done.
 */
#ifndef NETLINK_DIFF_H
#define NETLINK_DIFF_H

#include "netlink/model.h"

enum diff_kind {
	DIFF_LINK_SET, /* op.link: go up if `up`, take `mtu` unless 0 */
	DIFF_ADDR_ADD,
	DIFF_ADDR_DEL,
	DIFF_NEXTHOP_ADD,
	DIFF_NEXTHOP_REPLACE, /* in one step, without a gap for any of its routes */
	DIFF_NEXTHOP_DEL,
	DIFF_ROUTE_ADD,
	DIFF_ROUTE_REPLACE, /* in one step, without a gap */
	DIFF_ROUTE_DEL,
	DIFF_RULE_ADD,
	DIFF_RULE_DEL,
};

struct diff_op {
	enum diff_kind kind;
	bool cleanup; /* of step 7: better left out when an earlier step failed */
	union {
		struct nl_link link;
		struct nl_ifaddr addr;
		struct nl_nexthop nexthop;
		struct nl_route route;
		struct nl_rule rule;
	};
};

enum diff_obstacle {
	DIFF_STRANGER, /* somebody else's object sits where ours should go */
	DIFF_NO_LINK,  /* the link it needs does not exist */
};

/* What is wanted and cannot be had now; the op that was left out for it. */
struct diff_problem {
	enum diff_obstacle obstacle;
	struct diff_op op;
};

struct diff {
	struct diff_op *ops;
	struct diff_problem *problems;
	size_t n_ops, n_problems;
};

/*
 * Compare. All next hops, routes and rules in `wanted` must carry NL_PROTO_GATEHOUSE; an address in
 * it is satisfied by the same address on the same link whoever marked it (older kernels keep no
 * mark). Links of `wanted` name by ifindex what should be up and its MTU. `*out` is the caller's to
 * free. Returns 0, -ENOMEM, or -EINVAL when a wanted object is not marked as ours.
 */
int diff_new(const struct nl_state *wanted, const struct nl_state *observed, struct diff **out);
void diff_free(struct diff *d);
void diff_freep(struct diff **d); /* for __attribute__((cleanup)) */

/* For a line that the functions below write, the final NUL included; a longer one is cut. */
#define DIFF_LINE_SIZE 512

/*
 * One line on an op or problem, e.g. "add route 10.241.0.0/16 dev city-a metric 50" or "add route
 * 10.241.0.0/16 dev city-a: another program's is in its place". `names` gives the link
 * names (the observed state); a link that it lacks is written "if7". Return `out`.
 */
char *diff_describe_op(
	const struct diff_op *op, const struct nl_state *names, char out[static DIFF_LINE_SIZE]);
char *diff_describe_problem(const struct diff_problem *p, const struct nl_state *names,
	char out[static DIFF_LINE_SIZE]);

#endif
