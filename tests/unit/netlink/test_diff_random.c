/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The diff of random states against a dumb kernel, which carries out its ops one by one and refuses
 * what a kernel would refuse.
 */
#include "tests/unit/netlink/make.h"

#include <time.h>

#include "netlink/diff.h"

#define _cleanup_diff_ __attribute__((cleanup(diff_freep)))

static struct diff *compare(const struct nl_state *wanted, const struct nl_state *observed)
{
	struct diff *d = NULL;

	assert_int_equal(diff_new(wanted, observed, &d), 0);
	return d;
}

/* --- the dumb kernel -------------------------------------------------------------------------- */
static bool kernel_route(struct nl_state *k, const struct diff_op *op)
{
	const struct nl_route *r = &op->route;
	const bool rival = model_find_rival(k, r), ours = model_find_route(k, r);

	if (r->protocol != OURS)
		return false;
	if (r->nexthop && op->kind != DIFF_ROUTE_DEL && !model_find_nexthop(k, r->nexthop))
		return false;
	for (size_t i = 0; i < r->n_hops && op->kind != DIFF_ROUTE_DEL; i++) {
		const struct nl_link *link = model_link_by_index(k, r->hops[i].ifindex);

		if (!link || !link->up)
			return false;
	}
	/* One by a next hop may have gone with it. */
	if (op->kind == DIFF_ROUTE_DEL)
		return model_drop_route(k, r) || r->nexthop;
	if (rival || ours != (op->kind == DIFF_ROUTE_REPLACE))
		return false;
	return model_put_route(k, r) == 1;
}

/* Drop the routes that lead to a next hop, and what is without a member then. */
static void kernel_drop_users(struct nl_state *k, uint32_t id)
{
	for (size_t i = 0; i < k->n_routes; i++) {
		const struct nl_route r = k->routes[i];

		if (r.nexthop == id)
			i -= model_drop_route(k, &r);
	}
	for (size_t i = 0; i < k->n_nexthops; i++) {
		struct nl_nexthop n = k->nexthops[i];
		uint8_t kept = 0;

		for (uint8_t j = 0; j < n.n_members; j++)
			if (n.members[j].id != id)
				n.members[kept++] = n.members[j];
		if (kept == n.n_members)
			continue;
		n.n_members = kept;
		memset(&n.members[kept], 0, (NL_HOPS_MAX - kept) * sizeof(n.members[0]));
		if (kept > 0) {
			model_put_nexthop(k, &n);
			continue;
		}
		model_drop_nexthop(k, n.id);
		kernel_drop_users(k, n.id);
		i = 0;
	}
}

static bool kernel_nexthop(struct nl_state *k, const struct diff_op *op)
{
	const struct nl_nexthop *n = &op->nexthop, *have = model_find_nexthop(k, n->id);
	const struct nl_link *link = model_link_by_index(k, n->ifindex);

	if (have && have->protocol != OURS)
		return false;
	if (op->kind == DIFF_NEXTHOP_DEL) {
		uint32_t id = n->id;

		if (!model_drop_nexthop(k, id))
			return false;
		kernel_drop_users(k, id);
		return true;
	}
	for (size_t i = 0; i < n->n_members; i++)
		if (!model_find_nexthop(k, n->members[i].id))
			return false;
	if ((n->n_members == 0 && (!link || !link->up)) ||
		(have != NULL) != (op->kind == DIFF_NEXTHOP_REPLACE) ||
		(have && !have->n_members != !n->n_members))
		return false;
	return model_put_nexthop(k, n) == 1;
}

static bool kernel_addr(struct nl_state *k, const struct diff_op *op)
{
	const struct nl_ifaddr *have = model_find_addr(k, &op->addr);

	if (op->kind == DIFF_ADDR_DEL)
		return have && have->protocol == OURS && model_drop_addr(k, &op->addr);
	for (size_t i = 0; i < k->n_addrs; i++) {
		if (op->addr.local.addr.family == ADDR_V6 &&
			k->addrs[i].ifindex == op->addr.ifindex &&
			addr_equal(&k->addrs[i].local.addr, &op->addr.local.addr))
			return false;
	}
	return !have && model_link_by_index(k, op->addr.ifindex) &&
	       model_put_addr(k, &op->addr) == 1;
}

static bool kernel_does(struct nl_state *k, const struct diff_op *op)
{
	struct nl_link link;

	switch (op->kind) {
	case DIFF_LINK_SET:
		link = *model_link_by_index(k, op->link.ifindex);
		link.up |= op->link.up;
		link.mtu = op->link.mtu ? op->link.mtu : link.mtu;
		return model_put_link(k, &link) == 1;
	case DIFF_ADDR_ADD:
	case DIFF_ADDR_DEL:
		return kernel_addr(k, op);
	case DIFF_NEXTHOP_ADD:
	case DIFF_NEXTHOP_REPLACE:
	case DIFF_NEXTHOP_DEL:
		return kernel_nexthop(k, op);
	case DIFF_ROUTE_ADD:
	case DIFF_ROUTE_REPLACE:
	case DIFF_ROUTE_DEL:
		return kernel_route(k, op);
	case DIFF_RULE_ADD:
		return model_put_rule(k, &op->rule) == 1;
	case DIFF_RULE_DEL:
		return op->rule.protocol == OURS && model_drop_rule(k, &op->rule);
	}
	return false;
}

/* --- random states from a small universe, so that everything meets everything -------------------
 */
static const char *const universe_dsts[] = {"10.1.0.0/16", "10.2.0.0/16", "fd00:1::/48"};
static const char *const universe_addrs[] = {
	"10.0.0.1/24", "10.0.0.1/30", "10.0.0.2/24", "fd00::1/64", "fd00::1/128"};

static uint32_t below(uint32_t n)
{
	return (uint32_t)random() % n;
}

/* Singles 1 to 3 onto links 2 to 4 that are up, and groups 4 and 5 of them. */
static void scatter_nexthops(struct nl_state *s, bool wanted)
{
	for (uint32_t i = 1; i < 4; i++) {
		struct nl_nexthop n = make_nexthop(i, ADDR_V4, 2 + below(3));
		const struct nl_link *link = model_link_by_index(s, n.ifindex);

		if (below(3) == 0 || (!wanted && (!link || !link->up)))
			continue;
		n.protocol = wanted || below(4) ? OURS : STRANGER;
		put_nexthop(s, n);
	}
	for (uint32_t i = 4; i < 6; i++) {
		uint32_t a = 1 + below(3), b = 1 + below(3);

		if (model_find_nexthop(s, a) && model_find_nexthop(s, b) && below(4))
			put_nexthop(s, make_group(i, a, a == b ? 0 : b));
	}
}

static void scatter(struct nl_state *s, bool wanted)
{
	for (uint32_t i = 2; i < 5; i++) {
		if (below(4))
			put_link(s, i, "", 1400 + 20 * below(3), wanted || below(2));
	}
	for (uint32_t n = below(6); n; n--) {
		uint32_t ifindex = 2 + below(3);

		if (wanted || model_link_by_index(s, ifindex))
			put_addr(s, ifindex, universe_addrs[below(5)],
				wanted || below(2) ? OURS : 0);
	}
	scatter_nexthops(s, wanted);
	for (uint32_t n = below(10); n; n--) {
		struct nl_route r = make_route(universe_dsts[below(3)], below(2) * (2 + below(3)),
			1 + below(2), wanted || below(2) ? OURS : STRANGER);
		uint32_t nexthop = 1 + below(8);

		if (r.protocol == OURS && model_find_nexthop(s, nexthop))
			r.nexthop = nexthop;
		r.mtu = 1000 * below(2);
		assert_true(model_put_route(s, &r) >= 0);
	}
	for (uint32_t n = below(5); n; n--)
		put_rule(s, below(2) ? ADDR_V4 : ADDR_V6, 1000 + below(3), 10 + below(2),
			wanted || below(2) ? OURS : STRANGER);
}

/* IPv6 holds an address once on a link: of two lengths keep the first. */
static void drop_double_addrs(struct nl_state *s)
{
	for (size_t i = 1; i < s->n_addrs; i++) {
		const struct nl_ifaddr key = s->addrs[i];

		if (key.local.addr.family == ADDR_V6 && key.ifindex == s->addrs[i - 1].ifindex &&
			addr_equal(&key.local.addr, &s->addrs[i - 1].local.addr))
			i -= model_drop_addr(s, &key);
	}
}

/* A link that is wanted and there is wanted up; routes over others are not tested here. */
static void link_up_all(struct nl_state *wanted, const struct nl_state *observed)
{
	for (size_t i = 0; i < observed->n_links; i++) {
		if (!model_link_by_index(wanted, observed->links[i].ifindex))
			put_link(wanted, observed->links[i].ifindex, "", 0, true);
	}
}

static bool is_problem(const struct diff *d, const struct nl_route *r)
{
	for (size_t i = 0; i < d->n_problems; i++) {
		const struct diff_op *op = &d->problems[i].op;

		if ((op->kind == DIFF_ROUTE_ADD || op->kind == DIFF_ROUTE_REPLACE) &&
			model_route_equal(&op->route, r))
			return true;
	}
	return false;
}

static bool has_route_to(const struct nl_state *s, const struct prefix *dst)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		if (s->routes[i].protocol == OURS && prefix_equal(&s->routes[i].dst, dst))
			return true;
	}
	return false;
}

/* What was reachable, and is to be reachable, is reachable now. */
static bool no_gap(
	const struct nl_state *wanted, const struct nl_state *before, const struct nl_state *now)
{
	for (size_t i = 0; i < sizeof(universe_dsts) / sizeof(universe_dsts[0]); i++) {
		struct prefix dst = make_prefix(universe_dsts[i]);

		if (has_route_to(wanted, &dst) && has_route_to(before, &dst) &&
			!has_route_to(now, &dst))
			return false;
	}
	return true;
}

static void check_ours(
	const struct nl_state *wanted, const struct nl_state *k, const struct diff *d)
{
	for (size_t i = 0; i < wanted->n_routes; i++) {
		const struct nl_route *have = model_find_route(k, &wanted->routes[i]);

		assert_true(is_problem(d, &wanted->routes[i]) ||
			    (have && model_route_equal(have, &wanted->routes[i])));
	}
	for (size_t i = 0; i < k->n_routes; i++)
		assert_true(
			k->routes[i].protocol != OURS || model_find_route(wanted, &k->routes[i]));
	for (size_t i = 0; i < k->n_rules; i++)
		assert_true(k->rules[i].protocol != OURS || model_find_rule(wanted, &k->rules[i]));
	for (size_t i = 0; i < k->n_addrs; i++)
		assert_true(k->addrs[i].protocol != OURS || model_find_addr(wanted, &k->addrs[i]));
}

static void check_strangers(const struct nl_state *before, const struct nl_state *k)
{
	for (size_t i = 0; i < before->n_routes; i++) {
		const struct nl_route *r = &before->routes[i], *have = model_find_route(k, r);

		assert_true(r->protocol == OURS || (have && model_route_equal(have, r)));
	}
	for (size_t i = 0; i < before->n_rules; i++)
		assert_true(
			before->rules[i].protocol == OURS || model_find_rule(k, &before->rules[i]));
	for (size_t i = 0; i < before->n_addrs; i++) {
		const struct nl_ifaddr *a = &before->addrs[i], *have = model_find_addr(k, a);

		assert_true(a->protocol == OURS || (have && have->protocol == a->protocol));
	}
}

static void copy(struct nl_state *to, const struct nl_state *from)
{
	for (size_t i = 0; i < from->n_links; i++)
		model_put_link(to, &from->links[i]);
	for (size_t i = 0; i < from->n_addrs; i++)
		model_put_addr(to, &from->addrs[i]);
	for (size_t i = 0; i < from->n_nexthops; i++)
		model_put_nexthop(to, &from->nexthops[i]);
	for (size_t i = 0; i < from->n_routes; i++)
		model_put_route(to, &from->routes[i]);
	for (size_t i = 0; i < from->n_rules; i++)
		model_put_rule(to, &from->rules[i]);
	assert_true(model_equal(to, from));
}

static void check_random_pair(void)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *before _cleanup_state_ = make_state();
	struct nl_state *kernel _cleanup_state_ = make_state();
	struct diff *d _cleanup_diff_ = NULL, *again _cleanup_diff_ = NULL;
	bool cleaning = false;

	scatter(wanted, true);
	scatter(before, false);
	drop_double_addrs(wanted);
	drop_double_addrs(before);
	link_up_all(wanted, before);
	copy(kernel, before);

	d = compare(wanted, before);
	for (size_t i = 0; i < d->n_ops; i++) {
		assert_true(kernel_does(kernel, &d->ops[i]));
		assert_true(d->ops[i].cleanup || !cleaning);
		cleaning |= d->ops[i].cleanup;
		assert_true(d->n_problems > 0 || no_gap(wanted, before, kernel));
	}
	check_ours(wanted, kernel, d);
	check_strangers(before, kernel);
	again = compare(wanted, kernel);
	assert_int_equal(again->n_ops, 0);
	/* Fewer, if a group that could not be had lost just the member that it should not have. */
	assert_true(again->n_problems <= d->n_problems);
}

static void diff_leads_any_state_to_any_wanted_one_and_leaves_strangers_alone(void **unused)
{
	const char *given = getenv("TEST_SEED");
	unsigned int seed = given ? (unsigned int)atoi(given) : (unsigned int)time(NULL);

	(void)unused;
	print_message("TEST_SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < 20000; i++)
		check_random_pair();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(diff_leads_any_state_to_any_wanted_one_and_leaves_strangers_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
