/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass over the wanted or the observed side for each step of diff.h. The passes append to the
 * same list, so the order of the calls in diff_new is the order of the steps.
 */
#include "netlink/diff.h"

#include <errno.h>
#include <stdlib.h>

struct pass {
	const struct nl_state *wanted, *observed;
	struct diff *diff;
	int error; /* the first one; later appends do nothing */
};

/* Room for one more at the end of an array that grows by doubling, or NULL. */
static void *grow(void *items, size_t n, size_t item_size)
{
	return (n & (n - 1)) ? items : reallocarray(items, n ? 2 * n : 1, item_size);
}

static void add_op(struct pass *p, const struct diff_op *op)
{
	struct diff_op *ops = p->error ? NULL : grow(p->diff->ops, p->diff->n_ops, sizeof(*ops));

	if (!ops) {
		p->error = -ENOMEM;
		return;
	}
	p->diff->ops = ops;
	ops[p->diff->n_ops++] = *op;
}

static void add_problem(struct pass *p, enum diff_obstacle obstacle, const struct diff_op *op)
{
	struct diff_problem *problems =
		p->error ? NULL : grow(p->diff->problems, p->diff->n_problems, sizeof(*problems));

	if (!problems) {
		p->error = -ENOMEM;
		return;
	}
	p->diff->problems = problems;
	problems[p->diff->n_problems++] = (struct diff_problem){obstacle, *op};
}

static bool link_exists(const struct pass *p, uint32_t ifindex)
{
	return model_link_by_index(p->observed, ifindex) != NULL;
}

static bool is_guard(const struct nl_route *r)
{
	return r->type != NL_ROUTE_UNICAST;
}

/* True if each link that a wanted next hop needs exists, which then is there or about to be. */
static bool nexthop_has_links(const struct pass *p, uint32_t id)
{
	const struct nl_nexthop *want = model_find_nexthop(p->wanted, id);

	if (!want)
		return false;
	for (size_t i = 0; i < want->n_members; i++) {
		if (!nexthop_has_links(p, want->members[i].id))
			return false;
	}
	return want->n_members > 0 || link_exists(p, want->ifindex);
}

/* The same id by another hand, for the object or a member: routes would lead to who knows where. */
static bool nexthop_is_strangers(const struct pass *p, uint32_t id)
{
	const struct nl_nexthop *have = model_find_nexthop(p->observed, id);
	const struct nl_nexthop *want = model_find_nexthop(p->wanted, id);

	if (have && have->protocol != NL_PROTO_GATEHOUSE)
		return true;
	for (size_t i = 0; want && i < want->n_members; i++) {
		if (nexthop_is_strangers(p, want->members[i].id))
			return true;
	}
	return false;
}

static bool has_links(const struct pass *p, const struct nl_route *r)
{
	for (size_t i = 0; i < r->n_hops; i++) {
		if (!link_exists(p, r->hops[i].ifindex))
			return false;
	}
	return !r->nexthop || nexthop_has_links(p, r->nexthop);
}

static void set_links(struct pass *p)
{
	for (size_t i = 0; i < p->wanted->n_links; i++) {
		const struct nl_link *want = &p->wanted->links[i];
		const struct nl_link *have = model_link_by_index(p->observed, want->ifindex);
		struct diff_op op = {.kind = DIFF_LINK_SET, .link = *want};

		if (!have) {
			add_problem(p, DIFF_NO_LINK, &op);
			continue;
		}
		op.link = *have;
		op.link.up = want->up && !have->up;
		op.link.mtu = want->mtu != have->mtu ? want->mtu : 0;
		if (op.link.up || op.link.mtu)
			add_op(p, &op);
	}
}

/*
 * IPv6 has an address but once on a link, whatever its length, so another length must go before
 * this one comes. (IPv4 keeps both.)
 */
static const struct nl_ifaddr *find_other_length(
	const struct nl_state *s, const struct nl_ifaddr *want)
{
	if (want->local.addr.family != ADDR_V6)
		return NULL;
	for (size_t i = 0; i < s->n_addrs; i++) {
		const struct nl_ifaddr *a = &s->addrs[i];

		if (a->ifindex == want->ifindex && addr_equal(&a->local.addr, &want->local.addr) &&
			a->local.len != want->local.len)
			return a;
	}
	return NULL;
}

static void add_addrs(struct pass *p)
{
	for (size_t i = 0; i < p->wanted->n_addrs; i++) {
		const struct nl_ifaddr *want = &p->wanted->addrs[i];
		const struct nl_ifaddr *other = find_other_length(p->observed, want);
		struct diff_op op = {.kind = DIFF_ADDR_ADD, .addr = *want};

		if (model_find_addr(p->observed, want))
			continue;
		if (!link_exists(p, want->ifindex)) {
			add_problem(p, DIFF_NO_LINK, &op);
			continue;
		}
		if (other && other->protocol != NL_PROTO_GATEHOUSE) {
			add_problem(p, DIFF_STRANGER, &op);
			continue;
		}
		if (other)
			add_op(p, &(struct diff_op){.kind = DIFF_ADDR_DEL, .addr = *other});
		add_op(p, &op);
	}
}

/* A group cannot become a single next hop, nor the other way round. */
static void add_nexthop(struct pass *p, const struct nl_nexthop *want)
{
	const struct nl_nexthop *have = model_find_nexthop(p->observed, want->id);
	bool replace = have && !have->n_members == !want->n_members;
	struct diff_op op = {
		.kind = replace ? DIFF_NEXTHOP_REPLACE : DIFF_NEXTHOP_ADD, .nexthop = *want};

	if (have && model_nexthop_equal(have, want))
		return;
	if (nexthop_is_strangers(p, want->id)) {
		add_problem(p, DIFF_STRANGER, &op);
	} else if (!nexthop_has_links(p, want->id)) {
		add_problem(p, DIFF_NO_LINK, &op);
	} else {
		if (have && !replace)
			add_op(p, &(struct diff_op){.kind = DIFF_NEXTHOP_DEL, .nexthop = *have});
		add_op(p, &op);
	}
}

static void add_nexthops(struct pass *p, bool groups)
{
	for (size_t i = 0; i < p->wanted->n_nexthops; i++) {
		if ((p->wanted->nexthops[i].n_members > 0) == groups)
			add_nexthop(p, &p->wanted->nexthops[i]);
	}
}

static void add_routes(struct pass *p, bool guards)
{
	for (size_t i = 0; i < p->wanted->n_routes; i++) {
		const struct nl_route *want = &p->wanted->routes[i];
		const struct nl_route *have = model_find_route(p->observed, want);
		struct diff_op op = {
			.kind = have ? DIFF_ROUTE_REPLACE : DIFF_ROUTE_ADD, .route = *want};

		if (is_guard(want) != guards)
			continue;
		/* Equal or not: a next hop that cannot be had may go, and its routes with it. */
		if (!has_links(p, want))
			add_problem(p, DIFF_NO_LINK, &op);
		else if (model_find_rival(p->observed, want) ||
			 (want->nexthop && nexthop_is_strangers(p, want->nexthop)))
			add_problem(p, DIFF_STRANGER, &op);
		else if (!have || !model_route_equal(have, want))
			add_op(p, &op);
	}
}

/* The same rule by another hand: the kernel would refuse ours as a duplicate. */
static bool rule_is_strangers(const struct nl_state *s, const struct nl_rule *want)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		struct nl_rule rule = s->rules[i];

		rule.protocol = want->protocol;
		if (model_rule_equal(&rule, want))
			return true;
	}
	return false;
}

static void add_rules(struct pass *p)
{
	for (size_t i = 0; i < p->wanted->n_rules; i++) {
		const struct nl_rule *want = &p->wanted->rules[i];
		struct diff_op op = {.kind = DIFF_RULE_ADD, .rule = *want};

		if (model_find_rule(p->observed, want))
			continue;
		if (rule_is_strangers(p->observed, want))
			add_problem(p, DIFF_STRANGER, &op);
		else
			add_op(p, &op);
	}
}

/* The last one asked goes first, so that what refuses does not outlive what finds a way. */
static void delete_rules(struct pass *p)
{
	for (size_t i = p->observed->n_rules; i > 0; i--) {
		const struct nl_rule *have = &p->observed->rules[i - 1];

		if (have->protocol == NL_PROTO_GATEHOUSE && !model_find_rule(p->wanted, have))
			add_op(p, &(struct diff_op){DIFF_RULE_DEL, .cleanup = true, .rule = *have});
	}
}

static bool nexthop_goes(const struct pass *p, const struct nl_nexthop *have)
{
	return have->protocol == NL_PROTO_GATEHOUSE && !model_find_nexthop(p->wanted, have->id);
}

static void delete_nexthops(struct pass *p, bool groups)
{
	for (size_t i = 0; i < p->observed->n_nexthops; i++) {
		const struct nl_nexthop *have = &p->observed->nexthops[i];

		if (nexthop_goes(p, have) && (have->n_members > 0) == groups)
			add_op(p, &(struct diff_op){
					  DIFF_NEXTHOP_DEL, .cleanup = true, .nexthop = *have});
	}
}

/* True if the route has gone already, with its next hop. */
static bool goes_with_nexthop(const struct pass *p, const struct nl_route *r)
{
	const struct nl_nexthop *have =
		r->nexthop ? model_find_nexthop(p->observed, r->nexthop) : NULL;

	return have && nexthop_goes(p, have);
}

static void delete_routes(struct pass *p, bool guards)
{
	for (size_t i = 0; i < p->observed->n_routes; i++) {
		const struct nl_route *have = &p->observed->routes[i];

		if (have->protocol == NL_PROTO_GATEHOUSE && is_guard(have) == guards &&
			!model_find_route(p->wanted, have) && !goes_with_nexthop(p, have))
			add_op(p,
				&(struct diff_op){DIFF_ROUTE_DEL, .cleanup = true, .route = *have});
	}
}

static void delete_addrs(struct pass *p)
{
	for (size_t i = 0; i < p->observed->n_addrs; i++) {
		const struct nl_ifaddr *have = &p->observed->addrs[i];

		if (have->protocol != NL_PROTO_GATEHOUSE || model_find_addr(p->wanted, have) ||
			find_other_length(p->wanted, have)) /* gone already, in add_addrs */
			continue;
		add_op(p, &(struct diff_op){DIFF_ADDR_DEL, .cleanup = true, .addr = *have});
	}
}

static bool all_ours(const struct nl_state *wanted)
{
	for (size_t i = 0; i < wanted->n_nexthops; i++) {
		if (wanted->nexthops[i].protocol != NL_PROTO_GATEHOUSE)
			return false;
	}
	for (size_t i = 0; i < wanted->n_routes; i++) {
		if (wanted->routes[i].protocol != NL_PROTO_GATEHOUSE)
			return false;
	}
	for (size_t i = 0; i < wanted->n_rules; i++) {
		if (wanted->rules[i].protocol != NL_PROTO_GATEHOUSE)
			return false;
	}
	return true;
}

int diff_new(const struct nl_state *wanted, const struct nl_state *observed, struct diff **out)
{
	struct pass p = {.wanted = wanted, .observed = observed};

	if (!all_ours(wanted))
		return -EINVAL;
	p.diff = calloc(1, sizeof(*p.diff));
	if (!p.diff)
		return -ENOMEM;

	add_routes(&p, true);
	set_links(&p);
	add_addrs(&p);
	add_nexthops(&p, false);
	add_nexthops(&p, true);
	add_routes(&p, false);
	add_rules(&p);
	delete_rules(&p);
	delete_nexthops(&p, true);
	delete_nexthops(&p, false);
	delete_routes(&p, false);
	delete_routes(&p, true);
	delete_addrs(&p);

	if (p.error) {
		diff_free(p.diff);
		return p.error;
	}
	*out = p.diff;
	return 0;
}

void diff_free(struct diff *d)
{
	if (!d)
		return;
	free(d->ops);
	free(d->problems);
	free(d);
}

void diff_freep(struct diff **d)
{
	diff_free(*d);
}
