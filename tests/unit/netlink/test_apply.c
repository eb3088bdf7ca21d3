/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apply and observe against this machine's kernel; lab.h draws it. */
#include "tests/unit/netlink/lab.h"

/* Links, addresses, routes and rules of every form that we use. */
static struct nl_state *rich_wishes(void)
{
	struct nl_state *s = make_state();
	struct nl_route ecmp4 = make_route("10.242.0.0/16", lab.a, 50, OURS);
	struct nl_route ecmp6 = make_route("fd00:242::/32", lab.a, 0, OURS);
	struct nl_route full = make_route("10.243.0.0/16", lab.b, 7, OURS);
	struct nl_rule rule = make_rule(ADDR_V4, 1000, 7171, OURS);

	put_link(s, lab.a, "", 1420, true);
	put_link(s, lab.b, "", 1400, true);
	put_addr(s, lab.a, "169.254.10.2/30", OURS);
	put_addr(s, lab.a, "fd00:10::2/64", OURS);
	put_route(s, "10.241.0.0/16", lab.a, 50, OURS);
	put_route(s, "10.241.0.0/16", 0, 9999, OURS);
	put_route(s, "fd00:241::/32", lab.a, 50, OURS);
	put_route(s, "fd00:241::/32", 0, 9999, OURS);
	ecmp4.n_hops = ecmp6.n_hops = 2;
	ecmp4.hops[1] = (struct nl_hop){.ifindex = lab.b, .weight = 3};
	ecmp6.hops[0].gateway = make_ip("fe80::1");
	ecmp6.hops[1] = (struct nl_hop){lab.b, make_ip("fe80::1"), 3};
	want_route(s, &ecmp4);
	want_route(s, &ecmp6);
	full.table = 7171;
	full.mtu = 1300;
	full.prefsrc = make_ip("169.254.10.2");
	want_route(s, &full);
	full.table = 71;
	full.type = NL_ROUTE_BLACKHOLE;
	full.mtu = 0;
	full.prefsrc = (struct addr){0};
	want_route(s, &full);
	rule.fwmark = 5;
	rule.src = make_prefix("10.40.0.0/16");
	rule.dst = make_prefix("10.241.0.0/16");
	rule.invert = true;
	rule.suppress_prefixlength = 0;
	strcpy(rule.iif, "eth0");
	assert_int_equal(model_put_rule(s, &rule), 1);
	rule = make_rule(ADDR_V6, 1002, 0, OURS);
	rule.dst = make_prefix("fd00:241::/32");
	rule.unreachable = true;
	assert_int_equal(model_put_rule(s, &rule), 1);
	put_rule(s, ADDR_V6, 1001, NL_TABLE_MAIN, OURS);
	return s;
}

static void apply_reaches_what_is_wanted_and_repeats_nothing(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = rich_wishes();
	struct nl_ifaddr key = make_addr(lab.a, "fd00:10::2/64", OURS);

	(void)unused;
	reach(wanted);
	assert_true(
		says("ip route show proto 71", "10.241.0.0/16 dev city-a scope link metric 50"));
	assert_true(says("ip route show proto 71", "unreachable 10.241.0.0/16 metric 9999"));
	assert_true(says("ip route show proto 71", "nexthop dev city-b weight 3"));
	assert_true(says("ip -6 route show proto 71", "fd00:241::/32 dev city-a metric 50"));
	assert_true(says("ip route show table 7171 proto 71",
		"10.243.0.0/16 dev city-b scope link src 169.254.10.2 metric 7 mtu 1300"));
	assert_true(
		says("ip rule show", "not from 10.40.0.0/16 to 10.241.0.0/16 fwmark 0x5 iif eth0 "
				     "lookup 7171 suppress_prefixlength 0 proto 71"));
	assert_true(says("ip -6 rule show", "1001:\tfrom all lookup main proto 71"));
	assert_true(
		says("ip -6 rule show", "1002:\tfrom all to fd00:241::/32 unreachable proto 71"));
	assert_true(says("ip link show city-a", "mtu 1420"));
	assert_true(model_find_addr(observe_state(lab.observe), &key)->flags & IFA_F_NODAD);
	assert_int_equal(
		model_find_addr(observe_state(lab.observe), &key)->protocol, NL_PROTO_GATEHOUSE);
}

static void apply_says_what_failed_in_words_and_withholds_the_cleanup(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct diff *d _cleanup_diff_ = NULL;
	const struct diff_op add = {
		.kind = DIFF_ROUTE_ADD, .route = make_route("10.241.0.0/16", lab.a, 0, OURS)};
	struct apply_result result;
	char line[APPLY_LINE_SIZE];

	(void)unused;
	assert_int_equal(apply_op(lab.apply,
				 &(struct diff_op){.kind = DIFF_ROUTE_ADD,
					 .route = make_route("10.2.0.0/16", lab.b, 0, OURS)},
				 observe_state(lab.observe), line),
		0);
	assert_int_equal(apply_link_down(lab.apply, lab.a), 0);
	assert_int_equal(apply_op(lab.apply, &add, observe_state(lab.observe), line), -ENETDOWN);
	assert_string_equal(line, "add route 10.241.0.0/16 dev city-a: Network is down "
				  "(Device for nexthop is not up)");

	put_route(wanted, "10.241.0.0/16", lab.a, 0, OURS);
	d = compare(wanted);
	assert_int_equal(apply_diff(lab.apply, d, observe_state(lab.observe), NULL, NULL, &result),
		-ENETDOWN);
	assert_int_equal(result.failed, 1);
	assert_int_equal(result.withheld, 1);
	assert_true(says("ip route show proto 71", "10.2.0.0/16 dev city-b"));
	assert_int_equal(apply_link_up(lab.apply, lab.a), 0);
}

static void apply_takes_races_for_success(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = rich_wishes();
	struct nl_state *nothing _cleanup_state_ = make_state();
	char line[APPLY_LINE_SIZE];

	(void)unused;
	for (int undo = 0; undo < 2; undo++) {
		struct diff *d _cleanup_diff_ = compare(undo ? nothing : wanted);

		for (int again = 0; again < 2; again++) {
			for (size_t i = 0; i < d->n_ops; i++) {
				if (apply_op(lab.apply, &d->ops[i], observe_state(lab.observe),
					    line) != 0)
					fail_msg("%s", line);
			}
		}
	}
}

static void apply_never_touches_a_strangers(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *nothing _cleanup_state_ = make_state();
	struct diff *d _cleanup_diff_ = NULL;
	char line[APPLY_LINE_SIZE];

	(void)unused;
	sh("ip route add 10.77.0.0/16 dev city-a && ip route add 10.78.0.0/16 dev city-a metric 5 "
	   "&&"
	   "ip addr add 192.0.2.1/32 dev city-a && ip rule add pref 1000 lookup 7171");
	put_route(wanted, "10.77.0.0/16", lab.b, 5, OURS);
	put_route(wanted, "10.79.0.0/16", lab.b, 5, OURS);
	put_rule(wanted, ADDR_V4, 1001, 7171, OURS);
	reach(wanted);
	reach(nothing);
	assert_true(says("ip route", "10.77.0.0/16 dev city-a"));
	assert_true(says("ip route", "10.78.0.0/16 dev city-a"));
	assert_true(says("ip addr show dev city-a", "192.0.2.1/32"));
	assert_true(says("ip rule", "1000:\tfrom all lookup 7171"));

	/* A rule of ours that is gone already must not take its stranger's twin along. */
	assert_int_equal(apply_op(lab.apply,
				 &(struct diff_op){.kind = DIFF_RULE_DEL,
					 .rule = make_rule(ADDR_V4, 1000, 7171, OURS)},
				 nothing, line),
		0);
	assert_true(says("ip rule", "1000:\tfrom all lookup 7171"));

	put_route(wanted, "10.78.0.0/16", lab.b, 5, OURS);
	d = compare(wanted);
	assert_int_equal(
		apply_diff(lab.apply, d, observe_state(lab.observe), NULL, NULL, NULL), -EEXIST);
	assert_true(says("ip route", "10.78.0.0/16 dev city-a"));
	sh("ip route del 10.77.0.0/16 && ip route del 10.78.0.0/16 &&"
	   "ip addr del 192.0.2.1/32 dev city-a && ip rule del pref 1000");
}

static bool keep_all(const struct nl_route *route, void *arg)
{
	(void)arg;
	return route->table == NL_TABLE_MAIN;
}

static void observe_shows_a_stranger_in_the_place_when_asked_to_keep_it(void **unused)
{
	const struct observe_config config = {.keep_route = keep_all};
	struct observe *o _cleanup_observe_ = NULL;
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct diff *d _cleanup_diff_ = NULL;

	(void)unused;
	assert_int_equal(observe_new(&config, &o), 0);
	sh("ip route add 10.78.0.0/16 dev city-a metric 5");
	assert_int_equal(observe_read(o), 0);
	put_route(wanted, "10.78.0.0/16", lab.b, 5, OURS);
	assert_int_equal(diff_new(wanted, observe_state(o), &d), 0);
	assert_int_equal(d->n_ops, 0);
	assert_int_equal(d->n_problems, 1);
	assert_int_equal(d->problems[0].obstacle, DIFF_STRANGER);
	sh("ip route del 10.78.0.0/16 metric 5");
}

static void observe_follows_what_others_do(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = rich_wishes();
	static const char *const deeds[] = {
		"ip route flush table all proto 71",
		"ip -6 route flush table all proto 71",
		"ip rule flush && ip rule add pref 32766 lookup main",
		"ip addr flush dev city-a",
		"ip link set city-a down", /* takes IPv4 routes without a word */
		"ip link set city-b down",
		"ip link set city-a mtu 1300",
		"ip route replace 10.241.0.0/16 dev city-b metric 50 proto 71",
		"ip -6 route del fd00:242::/32 via fe80::1 dev city-a", /* one hop of two */
		"ip link set city-a down && ip link set city-a up",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		reach(wanted);
		lab.changes = 0;
		sh(deeds[i]);
		if (distance(wanted) == 0 || lab.changes == 0)
			fail_msg("unnoticed: %s", deeds[i]);
	}
	reach(wanted);
}

/* The kernel sends no RTM_DELROUTE for these; without IPv6 nothing but the link itself tells. */
static void observe_notices_ipv4_routes_that_went_in_silence_with_their_link(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();

	(void)unused;
	sh("echo 1 >/proc/sys/net/ipv6/conf/city-a/disable_ipv6");
	put_route(wanted, "10.241.0.0/16", lab.a, 50, OURS);
	reach(wanted);
	sh("ip link set city-a down && ip link set city-a up");
	assert_int_equal(distance(wanted), 1);
	reach(wanted);
	sh("echo 0 >/proc/sys/net/ipv6/conf/city-a/disable_ipv6");
}

static void observe_loses_ours_to_a_strangers_replace(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();

	(void)unused;
	put_route(wanted, "10.241.0.0/16", lab.a, 50, OURS);
	reach(wanted);
	sh("ip route replace 10.241.0.0/16 dev city-b metric 50");
	assert_int_equal(distance(wanted), 1);
	sh("ip route del 10.241.0.0/16 metric 50");
	reach(wanted);
}

static void observe_recovers_from_an_overrun(void **unused)
{
	const struct observe_config config = {.rcvbuf_bytes = 1}; /* the kernel's least */
	struct observe *o _cleanup_observe_ = NULL, *second _cleanup_observe_ = NULL;
	struct nl_state *wanted _cleanup_state_ = make_state();

	(void)unused;
	assert_int_equal(observe_new(&config, &o), 0);
	for (int i = 0; i < 256; i++) {
		char dst[32];

		snprintf(dst, sizeof(dst), "10.200.%d.0/24", i);
		put_route(wanted, dst, lab.a, 50, OURS);
	}
	reach(wanted);
	assert_int_equal(observe_state(o)->n_routes, 0);
	assert_int_equal(observe_read(o), 0);
	assert_true(observe_counters(o)->overruns > 0);
	assert_true(observe_counters(o)->resyncs > 0);
	assert_false(observe_stale(o));
	assert_int_equal(observe_state(o)->n_routes, 256);
	assert_int_equal(observe_new(&(struct observe_config){0}, &second), 0);
	assert_true(model_equal(observe_state(o), observe_state(second)));
}

static void stop_on_change(struct observe *o, void *arg)
{
	sd_event *event = arg;

	if (model_find_addr(
		    observe_state(o), &(struct nl_ifaddr){
					      .ifindex = lab.b,
					      .local = make_addr(0, "192.0.2.9/32", 0).local,
				      }))
		sd_event_exit(event, 7);
}

static void observe_runs_in_an_event_loop(void **unused)
{
	struct observe_config config = {.changed = stop_on_change};
	struct observe *o _cleanup_observe_ = NULL;
	sd_event *event = NULL;

	(void)unused;
	assert_true(sd_event_new(&event) >= 0);
	config.arg = event;
	assert_int_equal(observe_new(&config, &o), 0);
	assert_int_equal(observe_attach(o, event, SD_EVENT_PRIORITY_NORMAL), 0);
	assert_true(sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 5000000, 0, NULL,
			    NULL) >= 0); /* exits with 0 when nothing came */
	sh("ip addr add 192.0.2.9/32 dev city-b");
	assert_int_equal(sd_event_loop(event), 7);
	sh("ip addr del 192.0.2.9/32 dev city-b");
	observe_free(o);
	o = NULL;
	sd_event_unref(event);
}

static void apply_swaps_an_address_without_losing_its_link_s_routes(void **unused)
{
	struct nl_state *before _cleanup_state_ = make_state();
	struct nl_state *after _cleanup_state_ = make_state();

	(void)unused;
	put_addr(before, lab.a, "169.254.10.2/30", OURS);
	put_addr(before, lab.a, "fd00:10::2/64", OURS);
	put_route(before, "10.241.0.0/16", lab.a, 50, OURS);
	put_addr(after, lab.a, "169.254.10.1/30", OURS);
	put_addr(after, lab.a, "fd00:10::2/128", OURS);
	put_route(after, "10.241.0.0/16", lab.a, 50, OURS);
	reach(before);
	reach(after);
	assert_true(says("ip -o addr show dev city-a", "169.254.10.1/30"));
	assert_false(says("ip -o addr show dev city-a", "169.254.10.2/30"));
	assert_true(says("ip route show proto 71", "10.241.0.0/16"));
}

/*
 * Make this the only wish: 0 unreachable, 1 by city-a, 2 by city-b, 3 by both, and the last three
 * once more as 5 to 7 through a next hop. (4: unreachable, and there is a next hop.)
 */
static void reach_form(bool v6, unsigned int form)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_route r =
		make_route(v6 ? "fd00:241::/32" : "10.241.0.0/16", form & 3 ? lab.a : 0, 50, OURS);

	if (form >= 4) {
		want_nexthops(wanted, v6, form != 6, form >= 6);
		r.nexthop = form > 4 ? NH + 2 : 0;
	} else if (form >= 2)
		r.hops[form - 2] = (struct nl_hop){.ifindex = lab.b};
	if (form == 3) {
		r.n_hops = 2;
		r.hops[0].gateway = r.hops[1].gateway = make_ip(v6 ? "fe80::1" : "");
	}
	want_route(wanted, &r);
	reach(wanted);
}

/* Failover, ECMP and guard in one place: no form may be left standing beside another. */
static void apply_replaces_every_form_of_route_by_every_other(void **unused)
{
	(void)unused;
	for (unsigned int pair = 0; pair < 128; pair++) {
		reach_form(pair & 64, pair & 7);
		reach_form(pair & 64, pair >> 3 & 7);
	}
}

static void apply_changes_and_deletes_links(void **unused)
{
	struct nl_link link;

	(void)unused;
	sh("ip link add spare type veth peer name spare2");
	assert_int_equal(apply_find_link(lab.apply, "spare", &link), 0);
	assert_string_equal(link.kind, "veth");
	assert_false(link.up);
	assert_int_equal(apply_link_mtu(lab.apply, link.ifindex, 1333), 0);
	assert_int_equal(apply_link_up(lab.apply, link.ifindex), 0);
	assert_int_equal(apply_find_link(lab.apply, "spare", &link), 0);
	assert_true(link.up && link.mtu == 1333);
	assert_int_equal(apply_link_down(lab.apply, link.ifindex), 0);
	assert_int_equal(apply_find_link(lab.apply, "spare", &link), 0);
	assert_false(link.up);
	assert_int_equal(apply_link_delete(lab.apply, "spare"), 0);
	assert_int_equal(apply_find_link(lab.apply, "spare", &link), -ENODEV);
	assert_int_equal(apply_link_delete(lab.apply, "spare"), -ENODEV);
	assert_int_equal(apply_link_up(lab.apply, link.ifindex), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			apply_reaches_what_is_wanted_and_repeats_nothing, clean_lab),
		cmocka_unit_test_teardown(
			apply_says_what_failed_in_words_and_withholds_the_cleanup, clean_lab),
		cmocka_unit_test_teardown(apply_takes_races_for_success, clean_lab),
		cmocka_unit_test_teardown(apply_never_touches_a_strangers, clean_lab),
		cmocka_unit_test_teardown(
			observe_shows_a_stranger_in_the_place_when_asked_to_keep_it, clean_lab),
		cmocka_unit_test_teardown(observe_follows_what_others_do, clean_lab),
		cmocka_unit_test_teardown(
			observe_notices_ipv4_routes_that_went_in_silence_with_their_link,
			clean_lab),
		cmocka_unit_test_teardown(observe_loses_ours_to_a_strangers_replace, clean_lab),
		cmocka_unit_test_teardown(observe_recovers_from_an_overrun, clean_lab),
		cmocka_unit_test_teardown(observe_runs_in_an_event_loop, clean_lab),
		cmocka_unit_test_teardown(
			apply_swaps_an_address_without_losing_its_link_s_routes, clean_lab),
		cmocka_unit_test_teardown(
			apply_replaces_every_form_of_route_by_every_other, clean_lab),
		cmocka_unit_test(apply_changes_and_deletes_links),
	};

	return cmocka_run_group_tests(tests, build_lab, leave_lab);
}
