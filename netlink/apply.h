/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries out the ops of a diff in the current network namespace, one request each, waiting for the
 * kernel's answer. Errors come as a line a person can use, with the kernel's extended-ack text:
 *
 *   add route 10.241.0.0/16 dev city-a: Network is down (Device for nexthop is not up)
 *
 * What is there already when it should be added, or gone already when it should be deleted, is no
 * error: observation lags, and the end is the same.
 */
#ifndef NETLINK_APPLY_H
#define NETLINK_APPLY_H

#include "netlink/diff.h"

struct apply;

/* An op's line, ": ", the error's name and the kernel's text. */
#define APPLY_LINE_SIZE (DIFF_LINE_SIZE + 256)

/* How far apply_diff came. */
struct apply_result {
	size_t done, failed;
	size_t withheld; /* cleanup ops left out because an op before them failed */
};

/*
 * Open a request socket in the current namespace; `*out` is the caller's to free. Returns 0 or a
 * negative errno.
 */
int apply_new(struct apply **out);
void apply_free(struct apply *a);
void apply_freep(struct apply **a); /* for __attribute__((cleanup)) */

/*
 * Carry out one op. `names` gives link names for the line (the observed state). `line` receives the
 * op in words and, on failure, why. Returns 0 or the kernel's negative errno.
 */
int apply_op(struct apply *a, const struct diff_op *op, const struct nl_state *names,
	char line[static APPLY_LINE_SIZE]);

/*
 * Carry out all ops in order, going on after a failure, except that cleanup ops are then withheld:
 * while the new is not in place the old stays. `report` (NULL for none) gets each op, its error (0
 * or negative errno) and its line. Returns 0 or the first error; `result` may be NULL.
 */
int apply_diff(struct apply *a, const struct diff *d, const struct nl_state *names,
	void (*report)(const struct diff_op *op, int error, const char *line, void *arg), void *arg,
	struct apply_result *result);

/* Ask the kernel for a link by name. Returns 0, -ENODEV, or another negative errno. */
int apply_find_link(struct apply *a, const char *name, struct nl_link *out);

/*
 * Bring a link up or down, set its MTU (bytes), or delete it. Bringing it up also sets
 * promote_secondaries, so that replacing an IPv4 address does not take its whole subnet, and with
 * it the link's routes, away. Return 0 or the kernel's negative errno (-ENODEV: no such link).
 */
int apply_link_up(struct apply *a, uint32_t ifindex);
int apply_link_down(struct apply *a, uint32_t ifindex);
int apply_link_mtu(struct apply *a, uint32_t ifindex, uint32_t mtu);
int apply_link_delete(struct apply *a, const char *name);

#endif
