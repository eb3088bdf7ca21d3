/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the config, and what is known of its tunnels, to what the kernel should have. Pure.
 *
 * Behind the route of each prefix stands a guard: an unreachable route of the worst metric. Where
 * no tunnel carries the prefix, whether vpnd runs or not, packets to it are refused instead of
 * leaving in clear by the default route.
 */
#ifndef VPND_MONITOR_DESIRED_H
#define VPND_MONITOR_DESIRED_H

#include "netlink/model.h"
#include "vpnd/monitor/held.h"

#define DESIRED_METRIC 50               /* of routes into tunnels */
#define DESIRED_GUARD_METRIC UINT32_MAX /* of guards: any other route wins */

/* Which tunnels carry a route; indexes into its `via`. */
struct desired_choice {
	size_t n;                       /* hops: 1 for failover, as many as are up for ecmp */
	uint8_t via[VPND_CONF_VIA_MAX]; /* the hops, best first */
	int backup; /* who takes over if the first is lost, up ones first; -1: nobody */
};

/*
 * Choose. `tunnels` are those of the config, in its order; NULL for one that is not there. Where
 * none is up the choice is the one that it would be if all were: packets wait for its handshake,
 * and cannot leak.
 */
struct desired_choice desired_choose(
	const struct vpnd_route_conf *route, struct held *const *tunnels);

/*
 * Put into `out` all that should be: guards, and for each tunnel with a device here its link,
 * addresses and routes. Returns 0 or -ENOMEM.
 */
int desired_build(const struct vpnd_conf *conf, struct held *const *tunnels, struct nl_state *out);

/* Put into `out` what stands without tunnels: the guards alone. Returns 0 or -ENOMEM. */
int desired_build_guards(const struct vpnd_conf *conf, struct nl_state *out);

/* The route of a prefix, as desired_build has it, but for its hops. */
struct nl_route desired_route(const struct vpnd_route_conf *route);

#endif
