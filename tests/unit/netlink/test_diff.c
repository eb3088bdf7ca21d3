/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The diff against hand-made cases, and against a dumb kernel that carries out its ops one by one
 * and refuses what a kernel would refuse.
 */
#include "tests/unit/netlink/make.h"

#include <errno.h>
#include <time.h>

#include "netlink/diff.h"

#define _cleanup_diff_ __attribute__((cleanup(diff_freep)))

static struct diff *compare(const struct nl_state *wanted, const struct nl_state *observed)
{
	struct diff *d = NULL;

	assert_int_equal(diff_new(wanted, observed, &d), 0);
	return d;
}

/* All lines of a diff, "; " between them, problems last. */
static void expect(
	const struct nl_state *wanted, const struct nl_state *observed, const char *lines)
{
	struct diff *d _cleanup_diff_ = compare(wanted, observed);
	char text[8192] = "", line[DIFF_LINE_SIZE];

	for (size_t i = 0; i < d->n_ops; i++) {
		strcat(text, *text ? "; " : "");
		strcat(text, diff_describe_op(&d->ops[i], observed, line));
	}
	for (size_t i = 0; i < d->n_problems; i++) {
		strcat(text, *text ? "; " : "");
		strcat(text, diff_describe_problem(&d->problems[i], observed, line));
	}
	assert_string_equal(text, lines);
}

/* Two tunnels, down, and an uplink with a default route: where every host starts. */
static struct nl_state *fresh_host(void)
{
	struct nl_state *s = make_state();

	put_link(s, 1, "lo", 65536, true);
	put_link(s, 2, "eth0", 1500, true);
	put_link(s, 3, "city-a", 1500, false);
	put_link(s, 4, "city-b", 1500, false);
	put_addr(s, 1, "127.0.0.1/8", 0);
	put_addr(s, 2, "203.0.113.10/24", 0);
	put_route(s, "0.0.0.0/0", 2, 0, STRANGER);
	put_rule(s, ADDR_V4, 0, 255, 2);
	put_rule(s, ADDR_V4, 32766, 254, 2);
	return s;
}

static struct nl_state *two_tunnels(void)
{
	struct nl_state *s = make_state();

	put_link(s, 3, "", 1420, true);
	put_link(s, 4, "", 1420, true);
	put_addr(s, 3, "169.254.10.2/30", OURS);
	put_route(s, "10.241.0.0/16", 3, 50, OURS);
	put_route(s, "10.241.0.0/16", 0, 9999, OURS);
	put_rule(s, ADDR_V4, 1000, NL_TABLE_MAIN, OURS);
	return s;
}

/* What becomes of fresh_host() once two_tunnels() is applied. */
static struct nl_state *running_host(void)
{
	struct nl_state *s = fresh_host();

	put_link(s, 3, "city-a", 1420, true);
	put_link(s, 4, "city-b", 1420, true);
	put_addr(s, 3, "169.254.10.2/30", OURS);
	put_route(s, "10.241.0.0/16", 3, 50, OURS);
	put_route(s, "10.241.0.0/16", 0, 9999, OURS);
	put_rule(s, ADDR_V4, 1000, NL_TABLE_MAIN, OURS);
	return s;
}

static void diff_builds_everything_from_nothing_in_order(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = fresh_host();

	(void)unused;
	expect(wanted, observed,
		"add route unreachable 10.241.0.0/16 metric 9999; "
		"set link city-a up mtu 1420; set link city-b up mtu 1420; "
		"add address 169.254.10.2/30 dev city-a; "
		"add route 10.241.0.0/16 dev city-a metric 50; "
		"add rule 1000: lookup 254");
}

static void diff_of_applied_state_is_empty(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = running_host();

	(void)unused;
	expect(wanted, observed, "");
}

static void diff_removes_only_ours_and_routes_before_addresses(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = running_host();

	(void)unused;
	expect(wanted, observed,
		"delete rule 1000: lookup 254; delete route 10.241.0.0/16 dev city-a metric 50; "
		"delete route unreachable 10.241.0.0/16 metric 9999; "
		"delete address 169.254.10.2/30 dev city-a");
}

static void diff_adopts_what_a_crashed_run_left(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = running_host();

	(void)unused;
	put_route(observed, "10.99.0.0/16", 4, 50, OURS);
	put_route(observed, "10.98.0.0/16", 4, 50, STRANGER);
	put_addr(observed, 4, "169.254.11.2/30", OURS);
	expect(wanted, observed,
		"delete route 10.99.0.0/16 dev city-b metric 50; "
		"delete address 169.254.11.2/30 dev city-b");
}

static void diff_moves_a_route_in_one_step(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = running_host();

	(void)unused;
	put_route(wanted, "10.241.0.0/16", 4, 50, OURS);
	expect(wanted, observed, "replace route 10.241.0.0/16 dev city-b metric 50");
}

static void diff_adds_the_new_metric_before_it_deletes_the_old(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = running_host();

	(void)unused;
	put_addr(wanted, 3, "169.254.10.2/30", OURS);
	put_route(wanted, "10.241.0.0/16", 3, 60, OURS);
	expect(wanted, observed,
		"add route 10.241.0.0/16 dev city-a metric 60; delete rule 1000: lookup 254; "
		"delete route 10.241.0.0/16 dev city-a metric 50; "
		"delete route unreachable 10.241.0.0/16 metric 9999");
}

static void diff_sees_mtu_of_link_and_of_route(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = running_host();
	struct nl_route route = make_route("10.241.0.0/16", 3, 50, OURS);

	(void)unused;
	put_link(wanted, 3, "", 1400, true);
	put_link(wanted, 4, "", 0, true);
	route.mtu = 1380;
	model_put_route(wanted, &route);
	expect(wanted, observed,
		"set link city-a mtu 1400; replace route 10.241.0.0/16 dev city-a metric 50 mtu "
		"1380");
}

static void diff_reports_a_strangers_route_in_the_place(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = running_host();
	struct nl_route key = make_route("10.241.0.0/16", 3, 50, OURS);

	(void)unused;
	model_drop_route(observed, &key);
	put_route(observed, "10.241.0.0/16", 2, 50, STRANGER);
	expect(wanted, observed,
		"add route 10.241.0.0/16 dev city-a metric 50: another program's is in its place");
}

static void diff_reports_a_strangers_rule_and_ipv6_address_in_the_place(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = fresh_host();

	(void)unused;
	put_rule(wanted, ADDR_V4, 1000, 77, OURS);
	put_rule(observed, ADDR_V4, 1000, 77, STRANGER);
	put_addr(wanted, 3, "fd00::2/64", OURS);
	put_addr(observed, 3, "fd00::2/128", 0);
	expect(wanted, observed,
		"add address fd00::2/64 dev city-a: another program's is in its place; "
		"add rule 1000: lookup 77: another program's is in its place");
}

static void diff_reports_a_link_that_is_gone(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = fresh_host();

	(void)unused;
	model_drop_link(observed, 3);
	expect(wanted, observed,
		"add route unreachable 10.241.0.0/16 metric 9999; set link city-b up mtu 1420; "
		"add rule 1000: lookup 254; "
		"set link dev if3 up mtu 1420: the link does not exist; "
		"add address 169.254.10.2/30 dev if3: the link does not exist; "
		"add route 10.241.0.0/16 dev if3 metric 50: the link does not exist");
}

static void diff_takes_an_unmarked_equal_address_as_its_own(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = two_tunnels();
	struct nl_state *observed _cleanup_state_ = running_host();

	(void)unused;
	put_addr(observed, 3, "169.254.10.2/30", 0);
	expect(wanted, observed, "");
}

static void diff_changes_the_length_of_an_ipv6_address_at_once(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = fresh_host();

	(void)unused;
	put_addr(wanted, 3, "fd00::2/64", OURS);
	put_addr(observed, 3, "fd00::2/128", OURS);
	expect(wanted, observed,
		"delete address fd00::2/128 dev city-a; add address fd00::2/64 dev city-a");
}

static void diff_knows_the_kernels_normal_forms(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = fresh_host();
	struct nl_route route = make_route("fd00:1::/48", 3, 0, OURS);
	struct nl_rule rule = make_rule(ADDR_V4, 1000, 77, OURS);

	(void)unused;
	route.n_hops = 2;
	route.hops[0] = (struct nl_hop){.ifindex = 4, .gateway = make_ip("fe80::1")};
	route.hops[1] = (struct nl_hop){.ifindex = 3, .gateway = make_ip("fe80::1")};
	model_put_route(wanted, &route);
	route.metric = 1024;
	route.hops[0] = (struct nl_hop){3, make_ip("fe80::1"), 1};
	route.hops[1] = (struct nl_hop){4, make_ip("fe80::1"), 1};
	model_put_route(observed, &route);
	rule.fwmark = 5;
	rule.src = (struct prefix){.addr = make_ip("0.0.0.0")};
	model_put_rule(wanted, &rule);
	rule.fwmask = UINT32_MAX;
	rule.src = (struct prefix){0};
	model_put_rule(observed, &rule);
	expect(wanted, observed, "");
}

static void diff_describes_every_part_of_an_object(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = fresh_host();
	struct nl_route route = make_route("fd00:1::/48", 3, 7, OURS);
	struct nl_rule rule = make_rule(ADDR_V6, 1000, 77, OURS);

	(void)unused;
	route.table = 77;
	route.mtu = 1300;
	route.prefsrc = make_ip("fd00::2");
	route.n_hops = 2;
	route.hops[0] = (struct nl_hop){3, make_ip("fe80::1"), 1};
	route.hops[1] = (struct nl_hop){4, make_ip("fe80::1"), 9};
	model_put_route(wanted, &route);
	rule.src = make_prefix("fd00:2::/48");
	rule.dst = make_prefix("fd00:3::/48");
	rule.fwmark = 1;
	rule.fwmask = 255;
	rule.invert = true;
	rule.suppress_prefixlength = 0;
	strcpy(rule.iif, "eth0");
	model_put_rule(wanted, &rule);
	expect(wanted, observed,
		"add route fd00:1::/48 nexthop via fe80::1 dev city-a nexthop via fe80::1 dev "
		"city-b "
		"weight 9 table 77 metric 7 mtu 1300 src fd00::2; "
		"add rule v6 1000: not from fd00:2::/48 to fd00:3::/48 fwmark 0x1/0xff iif eth0 "
		"lookup 77 suppress_prefixlength 0");
}

static void diff_refuses_to_want_what_is_not_marked(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = fresh_host();
	struct diff *d = NULL;

	(void)unused;
	put_route(wanted, "10.0.0.0/8", 3, 0, STRANGER);
	assert_int_equal(diff_new(wanted, observed, &d), -EINVAL);
	assert_null(d);
}

/* --- the dumb kernel -------------------------------------------------------------------------- */
static bool kernel_route(struct nl_state *k, const struct diff_op *op)
{
	const struct nl_route *r = &op->route;
	const bool rival = model_find_rival(k, r), ours = model_find_route(k, r);

	if (r->protocol != OURS)
		return false;
	for (size_t i = 0; i < r->n_hops && op->kind != DIFF_ROUTE_DEL; i++) {
		const struct nl_link *link = model_link_by_index(k, r->hops[i].ifindex);

		if (!link || !link->up)
			return false;
	}
	if (op->kind == DIFF_ROUTE_DEL)
		return model_drop_route(k, r);
	if (rival || ours != (op->kind == DIFF_ROUTE_REPLACE))
		return false;
	return model_put_route(k, r) == 1;
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
	for (uint32_t n = below(10); n; n--) {
		struct nl_route r = make_route(universe_dsts[below(3)], below(2) * (2 + below(3)),
			1 + below(2), wanted || below(2) ? OURS : STRANGER);

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
	assert_int_equal(again->n_problems, d->n_problems);
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
		cmocka_unit_test(diff_builds_everything_from_nothing_in_order),
		cmocka_unit_test(diff_of_applied_state_is_empty),
		cmocka_unit_test(diff_removes_only_ours_and_routes_before_addresses),
		cmocka_unit_test(diff_adopts_what_a_crashed_run_left),
		cmocka_unit_test(diff_moves_a_route_in_one_step),
		cmocka_unit_test(diff_adds_the_new_metric_before_it_deletes_the_old),
		cmocka_unit_test(diff_sees_mtu_of_link_and_of_route),
		cmocka_unit_test(diff_reports_a_strangers_route_in_the_place),
		cmocka_unit_test(diff_reports_a_strangers_rule_and_ipv6_address_in_the_place),
		cmocka_unit_test(diff_reports_a_link_that_is_gone),
		cmocka_unit_test(diff_takes_an_unmarked_equal_address_as_its_own),
		cmocka_unit_test(diff_changes_the_length_of_an_ipv6_address_at_once),
		cmocka_unit_test(diff_knows_the_kernels_normal_forms),
		cmocka_unit_test(diff_describes_every_part_of_an_object),
		cmocka_unit_test(diff_refuses_to_want_what_is_not_marked),
		cmocka_unit_test(diff_leads_any_state_to_any_wanted_one_and_leaves_strangers_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
