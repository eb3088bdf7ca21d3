/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/sorted.h"

/* The kernel's IP6_RT_PRIO_USER. */
#define METRIC_V6_DEFAULT 1024

/* --- order --------------------------------------------------------------------------------------
 * One comparison for each kind of object says what its key is; the arrays are sorted by it.
 */
static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* The first comparison that is not zero decides. */
#define FIRST_OF(c1, c2)        \
	({                      \
		int c_ = (c1);  \
		c_ ? c_ : (c2); \
	})

static int compare_links(const void *pa, const void *pb)
{
	const struct nl_link *a = pa, *b = pb;

	return order(a->ifindex, b->ifindex);
}

static int compare_addrs(const void *pa, const void *pb)
{
	const struct nl_ifaddr *a = pa, *b = pb;

	return FIRST_OF(order(a->ifindex, b->ifindex), prefix_compare(&a->local, &b->local));
}

static int compare_nexthops(const void *pa, const void *pb)
{
	const struct nl_nexthop *a = pa, *b = pb;

	return order(a->id, b->id);
}

/* Table, dst and metric: what the kernel has one place for. */
static int compare_places(const struct nl_route *a, const struct nl_route *b)
{
	int c = order(a->table, b->table);

	c = FIRST_OF(c, prefix_compare(&a->dst, &b->dst));
	return FIRST_OF(c, order(a->metric, b->metric));
}

static int compare_routes(const void *pa, const void *pb)
{
	const struct nl_route *a = pa, *b = pb;

	return FIRST_OF(compare_places(a, b), order(a->protocol, b->protocol));
}

static int compare_rules(const void *pa, const void *pb)
{
	const struct nl_rule *a = pa, *b = pb;
	int c = order(a->family, b->family);

	c = FIRST_OF(c, order(a->priority, b->priority));
	c = FIRST_OF(c, order(a->unreachable, b->unreachable));
	c = FIRST_OF(c, order(a->table, b->table));
	c = FIRST_OF(c, order(a->fwmark, b->fwmark));
	c = FIRST_OF(c, order(a->fwmask, b->fwmask));
	c = FIRST_OF(c, prefix_compare(&a->src, &b->src));
	c = FIRST_OF(c, prefix_compare(&a->dst, &b->dst));
	c = FIRST_OF(c, strncmp(a->iif, b->iif, sizeof(a->iif)));
	c = FIRST_OF(
		c, order((uint32_t)a->suppress_prefixlength, (uint32_t)b->suppress_prefixlength));
	c = FIRST_OF(c, order(a->invert, b->invert));
	c = FIRST_OF(c, order(a->opaque, b->opaque));
	return FIRST_OF(c, order(a->protocol, b->protocol));
}

/* --- sameness of whole objects ------------------------------------------------------------------
 */
static bool same_link(const void *pa, const void *pb)
{
	const struct nl_link *a = pa, *b = pb;

	return compare_links(a, b) == 0 && strncmp(a->name, b->name, sizeof(a->name)) == 0 &&
	       strncmp(a->kind, b->kind, sizeof(a->kind)) == 0 && a->mtu == b->mtu &&
	       a->up == b->up && a->running == b->running;
}

static bool same_addr(const void *pa, const void *pb)
{
	const struct nl_ifaddr *a = pa, *b = pb;

	return compare_addrs(a, b) == 0 && a->protocol == b->protocol && a->flags == b->flags;
}

static int compare_members(const void *pa, const void *pb)
{
	const struct nl_member *a = pa, *b = pb;

	return FIRST_OF(order(a->id, b->id), order(a->weight, b->weight));
}

static bool same_nexthop(const void *pa, const void *pb)
{
	const struct nl_nexthop *a = pa, *b = pb;

	if (compare_nexthops(a, b) != 0 || a->family != b->family || a->protocol != b->protocol ||
		a->ifindex != b->ifindex || a->opaque != b->opaque || a->n_members != b->n_members)
		return false;
	for (size_t i = 0; i < a->n_members; i++) {
		if (compare_members(&a->members[i], &b->members[i]) != 0)
			return false;
	}
	return true;
}

static int compare_hops(const void *pa, const void *pb)
{
	const struct nl_hop *a = pa, *b = pb;
	int c = order(a->ifindex, b->ifindex);

	c = FIRST_OF(c, addr_compare(&a->gateway, &b->gateway));
	return FIRST_OF(c, order(a->weight, b->weight));
}

static bool same_route(const void *pa, const void *pb)
{
	const struct nl_route *a = pa, *b = pb;

	if (compare_routes(a, b) != 0 || a->type != b->type || a->mtu != b->mtu ||
		a->mtu_locked != b->mtu_locked || a->nexthop != b->nexthop ||
		!addr_equal(&a->prefsrc, &b->prefsrc) || a->n_hops != b->n_hops)
		return false;
	for (size_t i = 0; i < a->n_hops; i++) {
		if (compare_hops(&a->hops[i], &b->hops[i]) != 0)
			return false;
	}
	return true;
}

static bool same_rule(const void *a, const void *b)
{
	return compare_rules(a, b) == 0;
}

bool model_nexthop_equal(const struct nl_nexthop *a, const struct nl_nexthop *b)
{
	return same_nexthop(a, b);
}

bool model_route_equal(const struct nl_route *a, const struct nl_route *b)
{
	return same_route(a, b);
}

bool model_rule_equal(const struct nl_rule *a, const struct nl_rule *b)
{
	return same_rule(a, b);
}

/* --- the five arrays of a state -------------------------------------------------------------- */
static const struct sorted links = {sizeof(struct nl_link), compare_links, same_link};
static const struct sorted addrs = {sizeof(struct nl_ifaddr), compare_addrs, same_addr};
static const struct sorted nexthops = {sizeof(struct nl_nexthop), compare_nexthops, same_nexthop};
static const struct sorted routes = {sizeof(struct nl_route), compare_routes, same_route};
static const struct sorted rules = {sizeof(struct nl_rule), compare_rules, same_rule};

/* --- the kernel's normal form ---------------------------------------------------------------- */
static void normalize_nexthop(struct nl_nexthop *nexthop)
{
	for (size_t i = 0; i < nexthop->n_members; i++) {
		if (nexthop->members[i].weight == 0 || nexthop->n_members == 1)
			nexthop->members[i].weight = 1;
	}
	qsort(nexthop->members, nexthop->n_members, sizeof(nexthop->members[0]), compare_members);
}

static void normalize_route(struct nl_route *route)
{
	prefix_mask(&route->dst);
	if (route->dst.addr.family == ADDR_V6 && route->metric == 0)
		route->metric = METRIC_V6_DEFAULT;
	if (route->type != NL_ROUTE_UNICAST)
		route->nexthop = 0;
	if (route->type != NL_ROUTE_UNICAST || route->nexthop)
		route->n_hops = 0;
	if (!route->mtu)
		route->mtu_locked = false;
	for (size_t i = 0; i < route->n_hops; i++) {
		if (route->hops[i].weight == 0 || route->n_hops == 1)
			route->hops[i].weight = 1;
	}
	memset(&route->hops[route->n_hops], 0,
		(NL_HOPS_MAX - route->n_hops) * sizeof(route->hops[0]));
	qsort(route->hops, route->n_hops, sizeof(route->hops[0]), compare_hops);
}

static void normalize_rule(struct nl_rule *rule)
{
	if (rule->fwmark && !rule->fwmask)
		rule->fwmask = UINT32_MAX;
	for (size_t i = 0; i < 2; i++) {
		struct prefix *p = i ? &rule->dst : &rule->src;

		if (p->len == 0)
			*p = (struct prefix){0};
		prefix_mask(p);
	}
}

/* --- the state ------------------------------------------------------------------------------- */
struct nl_state *model_new(void)
{
	return calloc(1, sizeof(struct nl_state));
}

void model_free(struct nl_state *s)
{
	if (!s)
		return;
	free(s->links);
	free(s->addrs);
	free(s->nexthops);
	free(s->routes);
	free(s->rules);
	free(s);
}

void model_freep(struct nl_state **s)
{
	model_free(*s);
}

int model_put_link(struct nl_state *s, const struct nl_link *link)
{
	return sorted_put(&links, &s->links, &s->n_links, link);
}

int model_put_addr(struct nl_state *s, const struct nl_ifaddr *addr)
{
	return sorted_put(&addrs, &s->addrs, &s->n_addrs, addr);
}

int model_put_nexthop(struct nl_state *s, const struct nl_nexthop *nexthop)
{
	struct nl_nexthop normal = *nexthop;

	if (nexthop->n_members > NL_HOPS_MAX)
		return -EINVAL;
	normalize_nexthop(&normal);
	return sorted_put(&nexthops, &s->nexthops, &s->n_nexthops, &normal);
}

int model_put_route(struct nl_state *s, const struct nl_route *route)
{
	struct nl_route normal = *route;

	if (route->n_hops > NL_HOPS_MAX)
		return -EINVAL;
	normalize_route(&normal);
	return sorted_put(&routes, &s->routes, &s->n_routes, &normal);
}

int model_put_rule(struct nl_state *s, const struct nl_rule *rule)
{
	struct nl_rule normal = *rule;

	normalize_rule(&normal);
	return sorted_put(&rules, &s->rules, &s->n_rules, &normal);
}

bool model_drop_link(struct nl_state *s, uint32_t ifindex)
{
	struct nl_link key = {.ifindex = ifindex};

	return sorted_drop(&links, &s->links, &s->n_links, &key);
}

bool model_drop_addr(struct nl_state *s, const struct nl_ifaddr *key)
{
	return sorted_drop(&addrs, &s->addrs, &s->n_addrs, key);
}

bool model_drop_nexthop(struct nl_state *s, uint32_t id)
{
	struct nl_nexthop key = {.id = id};

	return sorted_drop(&nexthops, &s->nexthops, &s->n_nexthops, &key);
}

bool model_drop_route(struct nl_state *s, const struct nl_route *key)
{
	return sorted_drop(&routes, &s->routes, &s->n_routes, key);
}

bool model_drop_rule(struct nl_state *s, const struct nl_rule *key)
{
	return sorted_drop(&rules, &s->rules, &s->n_rules, key);
}

const struct nl_link *model_link_by_index(const struct nl_state *s, uint32_t ifindex)
{
	struct nl_link key = {.ifindex = ifindex};

	return sorted_find(&links, s->links, s->n_links, &key);
}

const struct nl_link *model_link_by_name(const struct nl_state *s, const char *name)
{
	for (size_t i = 0; i < s->n_links; i++) {
		if (strncmp(s->links[i].name, name, NL_NAME_SIZE) == 0)
			return &s->links[i];
	}
	return NULL;
}

const struct nl_ifaddr *model_find_addr(const struct nl_state *s, const struct nl_ifaddr *key)
{
	return sorted_find(&addrs, s->addrs, s->n_addrs, key);
}

const struct nl_nexthop *model_find_nexthop(const struct nl_state *s, uint32_t id)
{
	struct nl_nexthop key = {.id = id};

	return sorted_find(&nexthops, s->nexthops, s->n_nexthops, &key);
}

const struct nl_route *model_find_route(const struct nl_state *s, const struct nl_route *key)
{
	return sorted_find(&routes, s->routes, s->n_routes, key);
}

const struct nl_rule *model_find_rule(const struct nl_state *s, const struct nl_rule *key)
{
	return sorted_find(&rules, s->rules, s->n_rules, key);
}

const struct nl_route *model_find_rival(const struct nl_state *s, const struct nl_route *route)
{
	struct nl_route key = *route;

	key.protocol = 0;
	for (size_t i = sorted_rank(&routes, s->routes, s->n_routes, &key);
		i < s->n_routes && compare_places(&s->routes[i], &key) == 0; i++) {
		if (s->routes[i].protocol != route->protocol)
			return &s->routes[i];
	}
	return NULL;
}

bool model_equal(const struct nl_state *a, const struct nl_state *b)
{
	return a->n_links == b->n_links && a->n_addrs == b->n_addrs &&
	       a->n_nexthops == b->n_nexthops && a->n_routes == b->n_routes &&
	       a->n_rules == b->n_rules && a->has_nexthops == b->has_nexthops &&
	       a->has_rules == b->has_rules &&
	       sorted_equal(&links, a->links, b->links, a->n_links) &&
	       sorted_equal(&addrs, a->addrs, b->addrs, a->n_addrs) &&
	       sorted_equal(&nexthops, a->nexthops, b->nexthops, a->n_nexthops) &&
	       sorted_equal(&routes, a->routes, b->routes, a->n_routes) &&
	       sorted_equal(&rules, a->rules, b->rules, a->n_rules);
}

bool model_routes_use_link(const struct nl_state *s, uint32_t ifindex)
{
	for (size_t i = 0; i < s->n_nexthops; i++) {
		if (s->nexthops[i].ifindex == ifindex)
			return true;
	}
	for (size_t i = 0; i < s->n_routes; i++) {
		for (size_t j = 0; j < s->routes[i].n_hops; j++) {
			if (s->routes[i].hops[j].ifindex == ifindex)
				return true;
		}
	}
	return false;
}

bool model_routes_use_source(const struct nl_state *s, const struct addr *addr)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		if (addr_equal(&s->routes[i].prefsrc, addr))
			return true;
	}
	return false;
}
