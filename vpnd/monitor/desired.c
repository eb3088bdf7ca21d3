/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/desired.h"

#include <errno.h>

_Static_assert(NL_HOPS_MAX >= (int)VPND_CONF_VIA_MAX, "all tunnels of a route fit");
_Static_assert(NL_TABLE_MAIN == (int)VPND_CONF_MAIN_TABLE, "the default is the main table");

enum { IPV6_MTU_MIN = 1280 }; /* bytes, RFC 8200 section 5: no link may have less */

/* Linux wants a gateway in each hop of an IPv6 multipath route; on a TUN any link-local does. */
static const struct addr any_link_local = {.family = ADDR_V6, .bytes = {0xfe, 0x80, [15] = 1}};

/* --- guards --------------------------------------------------------------------------------------
 */

struct nl_route desired_route(const struct vpnd_route_conf *route)
{
	return (struct nl_route){.table = route->table,
		.dst = route->prefix,
		.metric = DESIRED_METRIC,
		.type = NL_ROUTE_UNICAST,
		.protocol = NL_PROTO_GATEHOUSE};
}

static int put_guard_route(const struct vpnd_route_conf *route, struct nl_state *out)
{
	struct nl_route guard = desired_route(route);

	guard.type = NL_ROUTE_UNREACHABLE;
	guard.metric = DESIRED_GUARD_METRIC;
	return model_put_route(out, &guard);
}

static int put_guard_rules(const struct prefix *prefix, struct nl_state *out)
{
	struct nl_rule look = {.family = prefix->addr.family,
		.priority = VPND_CONF_GUARD_PRIORITY,
		.table = NL_TABLE_MAIN,
		.dst = *prefix,
		.suppress_prefixlength = prefix->len - 1,
		.protocol = NL_PROTO_GATEHOUSE};
	struct nl_rule refuse = {.family = prefix->addr.family,
		.priority = VPND_CONF_GUARD_PRIORITY + 1,
		.unreachable = true,
		.dst = *prefix,
		.suppress_prefixlength = NL_SUPPRESS_NONE,
		.protocol = NL_PROTO_GATEHOUSE};
	int r = model_put_rule(out, &look);

	return r < 0 ? r : model_put_rule(out, &refuse);
}

static int put_rule(const struct vpnd_rule_conf *rule, uint8_t family, struct nl_state *out)
{
	const struct nl_rule r = {.family = family,
		.priority = rule->priority,
		.table = rule->table,
		.fwmark = rule->fwmark,
		.fwmask = rule->fwmask,
		.src = rule->from,
		.dst = rule->to,
		.suppress_prefixlength = NL_SUPPRESS_NONE,
		.protocol = NL_PROTO_GATEHOUSE};

	return model_put_rule(out, &r);
}

/* One that names no address is of both families. */
static int put_rules(const struct vpnd_rule_conf *rule, struct nl_state *out)
{
	uint8_t family = rule->from.addr.family ? rule->from.addr.family : rule->to.addr.family;
	int r = family == ADDR_V6 ? 0 : put_rule(rule, ADDR_V4, out);

	return r < 0 || family == ADDR_V4 ? r : put_rule(rule, ADDR_V6, out);
}

/*
 * For the networks of our own addresses in tunnels: should one go, the answers that still come in
 * through the tunnel would be forwarded.
 */
static int put_own_rules(const struct vpnd_tunnel_conf *tunnel, struct nl_state *out)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < tunnel->n_addresses; i++) {
		struct prefix network = tunnel->addresses[i];

		prefix_mask(&network);
		if (network.len > 0)
			r = put_guard_rules(&network, out);
	}
	return r;
}

int desired_build_guards(
	const struct vpnd_conf *conf, struct desired_kernel kernel, struct nl_state *out)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < conf->n_routes; i++) {
		r = put_guard_route(&conf->routes[i], out);
		if (r >= 0 && kernel.rules && conf->routes[i].table == NL_TABLE_MAIN)
			r = put_guard_rules(&conf->routes[i].prefix, out);
	}
	for (size_t i = 0; r >= 0 && kernel.rules && i < conf->n_tunnels; i++)
		r = put_own_rules(&conf->tunnels[i], out);
	/* Which lead to the guards in the tables that they name. */
	for (size_t i = 0; r >= 0 && kernel.rules && i < conf->n_rules; i++)
		r = put_rules(&conf->rules[i], out);
	return r < 0 ? r : 0;
}

/* --- tunnels -------------------------------------------------------------------------------------
 */

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

/* --- routes --------------------------------------------------------------------------------------
 */

static bool is_chosen(const struct group *g, uint8_t member)
{
	return g->choice.chosen & 1U << member;
}

/* Of failover: one that leads straight onto the chosen link, and is replaced when that changes. */
static int put_single(const struct group *g, struct held *const *tunnels, struct nl_state *out)
{
	struct nl_nexthop single = {
		.id = g->nexthop, .family = g->family, .protocol = NL_PROTO_GATEHOUSE};

	for (uint8_t i = 0; i < g->policy.n; i++)
		if (is_chosen(g, i))
			single.ifindex = tunnels[g->members[i].tunnel]->ifindex;
	return model_put_nexthop(out, &single);
}

/* Of ecmp: a group, and its members, also those that do not carry now, to be ready when they do. */
static int put_multiple(const struct group *g, struct held *const *tunnels, struct nl_state *out)
{
	struct nl_nexthop group = {.id = g->nexthop, .protocol = NL_PROTO_GATEHOUSE};
	int r = 0;

	for (uint8_t i = 0; r >= 0 && i < g->policy.n; i++) {
		const struct group_member *m = &g->members[i];
		struct nl_nexthop member = {
			.id = m->nexthop, .family = g->family, .protocol = NL_PROTO_GATEHOUSE};

		if (!held_is_here(tunnels[m->tunnel]))
			continue;
		member.ifindex = tunnels[m->tunnel]->ifindex;
		r = model_put_nexthop(out, &member);
		if (is_chosen(g, i))
			group.members[group.n_members++] =
				(struct nl_member){.id = m->nexthop, .weight = m->weight};
	}
	return r < 0 ? r : model_put_nexthop(out, &group);
}

/* Where nobody carries there is no object: with it go its routes, and the guards answer. */
static int put_nexthops(const struct group *g, struct held *const *tunnels, struct nl_state *out)
{
	if (g->choice.chosen == 0)
		return 0;
	return g->policy.policy == VPND_FAILOVER ? put_single(g, tunnels, out)
						 : put_multiple(g, tunnels, out);
}

static void set_hops(const struct group *g, struct held *const *tunnels, struct nl_route *r)
{
	for (uint8_t i = 0; i < g->policy.n; i++)
		if (is_chosen(g, i))
			r->hops[r->n_hops++] =
				(struct nl_hop){.ifindex = tunnels[g->members[i].tunnel]->ifindex,
					.weight = g->members[i].weight};
	for (uint8_t i = 0; r->n_hops > 1 && g->family == ADDR_V6 && i < r->n_hops; i++)
		r->hops[i].gateway = any_link_local;
}

/*
 * What was measured of the paths by which the route leads. IPv6 heeds it in what it forwards only
 * if it is locked; a router of IPv4 heeds it anyway.
 */
static void set_mtu(const struct group *g, struct held *const *tunnels, struct nl_route *r)
{
	for (uint8_t i = 0; i < g->policy.n; i++) {
		uint32_t mtu =
			is_chosen(g, i) ? held_mtu(tunnels[g->members[i].tunnel], &r->dst) : 0;

		if (mtu != 0 && (r->mtu == 0 || mtu < r->mtu))
			r->mtu = mtu;
	}
	if (r->mtu == 0 || g->family != ADDR_V6)
		return;
	r->mtu_locked = true;
	if (r->mtu < IPV6_MTU_MIN)
		r->mtu = IPV6_MTU_MIN;
}

static int put_route(const struct vpnd_route_conf *route, const struct group *g,
	struct held *const *tunnels, struct desired_kernel kernel, struct nl_state *out)
{
	struct nl_route r = desired_route(route);

	if (g->choice.chosen == 0)
		return 0;
	if (kernel.nexthops)
		r.nexthop = g->nexthop;
	else
		set_hops(g, tunnels, &r);
	set_mtu(g, tunnels, &r);
	return model_put_route(out, &r);
}

int desired_build(const struct vpnd_conf *conf, struct held *const *tunnels,
	const struct groups *groups, struct desired_kernel kernel, struct nl_state *out)
{
	int r = desired_build_guards(conf, kernel, out);

	for (size_t i = 0; r >= 0 && i < conf->n_tunnels; i++)
		if (held_is_here(tunnels[i]))
			r = put_tunnel(tunnels[i], out);
	for (size_t i = 0; r >= 0 && kernel.nexthops && i < groups->n; i++)
		r = put_nexthops(&groups->all[i], tunnels, out);
	for (size_t i = 0; r >= 0 && i < conf->n_routes; i++)
		r = put_route(&conf->routes[i], groups_of(groups, i), tunnels, kernel, out);
	return r < 0 ? r : 0;
}
