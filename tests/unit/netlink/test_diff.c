/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The diff against hand-made cases; test_diff_random.c has those that chance makes. */
#include "tests/unit/netlink/make.h"

#include <errno.h>

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

static void diff_moves_routes_by_their_next_hop_and_says_so(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = fresh_host();
	struct nl_state *nothing _cleanup_state_ = make_state();
	struct nl_route r = make_route("10.241.0.0/16", 3, 50, OURS);

	(void)unused;
	r.nexthop = 7100003;
	r.mtu = 1380;
	r.mtu_locked = true;
	put_nexthop(wanted, make_nexthop(7100001, ADDR_V4, 3));
	put_nexthop(wanted, make_nexthop(7100002, ADDR_V4, 4));
	put_nexthop(wanted, make_group(7100003, 7100001, 0));
	assert_int_equal(model_put_route(wanted, &r), 1);
	expect(wanted, observed,
		"add nexthop 7100001 dev city-a; add nexthop 7100002 dev city-b; "
		"add nexthop 7100003 group of 7100001; "
		"add route 10.241.0.0/16 nexthop 7100003 metric 50 mtu lock 1380");
	put_nexthop(observed, make_nexthop(7100001, ADDR_V4, 3));
	put_nexthop(observed, make_nexthop(7100002, ADDR_V4, 4));
	put_nexthop(observed, make_group(7100003, 7100002, 0));
	assert_int_equal(model_put_route(observed, &r), 1);
	expect(wanted, observed, "replace nexthop 7100003 group of city-a");
	expect(nothing, observed,
		"delete nexthop 7100003 group of city-b; delete nexthop 7100001 dev city-a; "
		"delete nexthop 7100002 dev city-b");
}

/* What sits under our id leads who knows where: in clear to the Internet, perhaps. */
static void diff_routes_by_no_strangers_next_hop(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *observed _cleanup_state_ = fresh_host();
	struct nl_nexthop strangers = make_nexthop(7100001, ADDR_V4, 2);
	struct nl_route r = make_route("10.241.0.0/16", 3, 50, OURS);

	(void)unused;
	r.nexthop = 7100002;
	strangers.protocol = STRANGER;
	put_nexthop(observed, strangers);
	put_nexthop(wanted, make_nexthop(7100001, ADDR_V4, 3));
	put_nexthop(wanted, make_group(7100002, 7100001, 0));
	assert_int_equal(model_put_route(wanted, &r), 1);
	expect(wanted, observed,
		"replace nexthop 7100001 dev city-a: another program's is in its place; "
		"add nexthop 7100002 group of eth0: another program's is in its place; "
		"add route 10.241.0.0/16 nexthop 7100002 metric 50: another program's is in its "
		"place");
}

static void diff_adds_and_deletes_rules_so_that_a_way_is_found_before_it_is_refused(void **unused)
{
	struct nl_state *some _cleanup_state_ = make_state();
	struct nl_state *none _cleanup_state_ = make_state();
	struct nl_rule look = make_rule(ADDR_V4, 7100, NL_TABLE_MAIN, OURS);
	struct nl_rule refuse = make_rule(ADDR_V4, 7101, 0, OURS);

	(void)unused;
	look.dst = refuse.dst = make_prefix("10.241.0.0/16");
	refuse.unreachable = true;
	assert_int_equal(model_put_rule(some, &refuse), 1);
	assert_int_equal(model_put_rule(some, &look), 1);
	expect(some, none,
		"add rule 7100: to 10.241.0.0/16 lookup 254; "
		"add rule 7101: to 10.241.0.0/16 unreachable");
	expect(none, some,
		"delete rule 7101: to 10.241.0.0/16 unreachable; "
		"delete rule 7100: to 10.241.0.0/16 lookup 254");
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
		cmocka_unit_test(diff_moves_routes_by_their_next_hop_and_says_so),
		cmocka_unit_test(diff_routes_by_no_strangers_next_hop),
		cmocka_unit_test(
			diff_adds_and_deletes_rules_so_that_a_way_is_found_before_it_is_refused),
		cmocka_unit_test(diff_refuses_to_want_what_is_not_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
