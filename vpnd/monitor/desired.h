/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the config, and what is known of its tunnels, to what the kernel should have. Pure.
 *
 * Each prefix is guarded twice, so that where no tunnel carries it, whether vpnd runs or not,
 * packets to it are refused instead of leaving in clear by the default route:
 *
 *   - behind its route stands an unreachable one of the worst metric;
 *   - two rules stand before that of the main table (for routes of that table). The first looks
 *     for a route there that is at least as narrow as the prefix, the second refuses. They also
 *     stand for the networks of our own addresses in the tunnels.
 *
 * Who flushes routes leaves the rules, who flushes rules leaves the routes: no single command of
 * another program opens a way before it is repaired.
 */
#ifndef VPND_MONITOR_DESIRED_H
#define VPND_MONITOR_DESIRED_H

#include "netlink/model.h"
#include "vpnd/monitor/groups.h"

#define DESIRED_METRIC 50               /* of routes into tunnels */
#define DESIRED_GUARD_METRIC UINT32_MAX /* of guards: any other route wins */

/* What this kernel can do, as `observed` (netlink/observe.h) found. */
struct desired_kernel {
	bool nexthops; /* without, each route has its own hops */
	bool rules;    /* without, there are only the guard routes */
};

/*
 * Put into `out` all that should be: guards and rules, and for each tunnel with a device here its
 * link and addresses, and the routes by what `groups` chose last. Returns 0 or -ENOMEM.
 */
int desired_build(const struct vpnd_conf *conf, struct held *const *tunnels,
	const struct groups *groups, struct desired_kernel kernel, struct nl_state *out);

/* Put into `out` what stands without tunnels: the guards alone. Returns 0 or -ENOMEM. */
int desired_build_guards(
	const struct vpnd_conf *conf, struct desired_kernel kernel, struct nl_state *out);

/* The route of a prefix, as desired_build has it, but for where it leads. */
struct nl_route desired_route(const struct vpnd_route_conf *route);

#endif
