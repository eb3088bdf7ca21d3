/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/desired.h"

#include <errno.h>

_Static_assert(NL_HOPS_MAX >= (int)VPND_CONF_VIA_MAX, "all tunnels of a route fit");

/* Linux wants a gateway in each hop of an IPv6 multipath route; on a TUN any link-local does. */
static const struct addr any_link_local = {.family = ADDR_V6, .bytes = {0xfe, 0x80, [15] = 1}};

static bool is_here(const struct held *h)
{
	return h && h->ifindex != 0 && !h->away;
}

static const struct held *tunnel_of(
	const struct vpnd_route_conf *route, struct held *const *tunnels, size_t via)
{
	return tunnels[route->via_tunnel[via]];
}

static bool is_up(const struct vpnd_route_conf *route, struct held *const *tunnels, size_t via)
{
	const struct held *h = tunnel_of(route, tunnels, via);

	return is_here(h) && held_carries(h, &route->prefix);
}

struct desired_choice desired_choose(
	const struct vpnd_route_conf *route, struct held *const *tunnels)
{
	uint8_t order[VPND_CONF_VIA_MAX];
	struct desired_choice c = {.backup = -1};
	size_t up = 0, n = 0;

	/* Who is up, then who at least has a device, then the rest; within each as configured. */
	for (size_t i = 0; i < route->n_via; i++)
		if (is_up(route, tunnels, i))
			order[n++] = (uint8_t)i;
	up = n;
	for (size_t i = 0; i < route->n_via; i++)
		if (!is_up(route, tunnels, i) && is_here(tunnel_of(route, tunnels, i)))
			order[n++] = (uint8_t)i;
	c.n = route->policy == VPND_FAILOVER ? n > 0 : (up > 0 ? up : n);
	for (size_t i = 0; i < c.n; i++)
		c.via[i] = order[i];
	if (n > 1)
		c.backup = order[1];
	return c;
}

struct nl_route desired_route(const struct vpnd_route_conf *route)
{
	return (struct nl_route){.table = NL_TABLE_MAIN,
		.dst = route->prefix,
		.metric = DESIRED_METRIC,
		.type = NL_ROUTE_UNICAST,
		.protocol = NL_PROTO_GATEHOUSE};
}

static int put_guard(const struct vpnd_route_conf *route, struct nl_state *out)
{
	struct nl_route guard = desired_route(route);

	guard.type = NL_ROUTE_UNREACHABLE;
	guard.metric = DESIRED_GUARD_METRIC;
	return model_put_route(out, &guard);
}

static int put_route(
	const struct vpnd_route_conf *route, struct held *const *tunnels, struct nl_state *out)
{
	struct desired_choice c = desired_choose(route, tunnels);
	struct nl_route r = desired_route(route);

	if (c.n == 0)
		return 0;
	for (size_t i = 0; i < c.n; i++) {
		r.hops[i].ifindex = tunnel_of(route, tunnels, c.via[i])->ifindex;
		r.hops[i].weight = 1;
		if (c.n > 1 && route->prefix.addr.family == ADDR_V6)
			r.hops[i].gateway = any_link_local;
	}
	r.n_hops = (uint8_t)c.n;
	return model_put_route(out, &r);
}

static int put_tunnel(const struct held *h, struct nl_state *out)
{
	const struct nl_link link = {.ifindex = h->ifindex, .mtu = h->conf->mtu, .up = true};
	int r = model_put_link(out, &link);

	for (size_t i = 0; r >= 0 && i < h->conf->n_addresses; i++) {
		const struct nl_ifaddr addr = {.ifindex = h->ifindex,
			.local = h->conf->addresses[i],
			.protocol = NL_PROTO_GATEHOUSE};

		r = model_put_addr(out, &addr);
	}
	return r;
}

int desired_build_guards(const struct vpnd_conf *conf, struct nl_state *out)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < conf->n_routes; i++)
		r = put_guard(&conf->routes[i], out);
	return r < 0 ? r : 0;
}

int desired_build(const struct vpnd_conf *conf, struct held *const *tunnels, struct nl_state *out)
{
	int r = desired_build_guards(conf, out);

	for (size_t i = 0; r >= 0 && i < conf->n_tunnels; i++)
		if (is_here(tunnels[i]))
			r = put_tunnel(tunnels[i], out);
	for (size_t i = 0; r >= 0 && i < conf->n_routes; i++)
		r = put_route(&conf->routes[i], tunnels, out);
	return r < 0 ? r : 0;
}
