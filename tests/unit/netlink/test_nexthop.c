/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel does with next hops of ours, and to them; lab.h draws it. */
#include "tests/unit/netlink/lab.h"

/* The promise behind next hops: one request, whatever the number of routes. */
static void apply_moves_all_routes_of_a_next_hop_at_once(void **unused)
{
	struct nl_state *before _cleanup_state_ = make_state();
	struct nl_state *after _cleanup_state_ = make_state();
	struct nl_state *nothing _cleanup_state_ = make_state();
	struct diff *d _cleanup_diff_ = NULL, *end _cleanup_diff_ = NULL;
	struct nl_route r = make_route("10.0.0.0/24", lab.a, 50, OURS);

	(void)unused;
	want_nexthops(before, false, true, false);
	want_nexthops(after, false, false, true);
	r.nexthop = NH + 2;
	for (uint8_t i = 0; i < 100; i++) {
		r.dst.addr.bytes[2] = i;
		want_route(before, &r);
		want_route(after, &r);
	}
	reach(before);
	d = compare(after);
	assert_int_equal(d->n_ops, 1);
	assert_int_equal(d->ops[0].kind, DIFF_NEXTHOP_REPLACE);
	reach(after);
	assert_true(says("ip route get 10.0.99.1", "dev city-b"));
	end = compare(nothing);
	assert_int_equal(end->n_ops, 3);
	reach(nothing);
	assert_false(says("ip route show proto 71", "10.0."));
}

/* It takes its routes along and shrinks its groups, most of which the kernel does not tell. */
static void observe_sees_what_goes_with_a_next_hop(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_route r = make_route("10.241.0.0/16", lab.a, 50, OURS);

	(void)unused;
	want_nexthops(wanted, false, true, true);
	r.nexthop = NH + 2;
	want_route(wanted, &r);
	reach(wanted);
	sh("ip nexthop del id 7100000");
	assert_int_equal(distance(wanted), 2); /* the next hop, and its place in the group */
	reach(wanted);
	sh("ip nexthop flush protocol 71 >/dev/null 2>&1");
	assert_int_equal(distance(wanted), 4);
	reach(wanted);
	sh("ip link set city-a down && ip link set city-a up");
	assert_int_equal(distance(wanted), 2);
	reach(wanted);
}

/* The kernel would give a route without metrics those of the one before it. */
static void apply_takes_an_mtu_away_from_a_route_by_a_next_hop(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_route narrow = make_route("10.241.0.0/16", lab.a, 50, OURS);
	struct nl_route other = make_route("10.242.0.0/16", lab.a, 50, OURS);

	(void)unused;
	want_nexthops(wanted, false, true, false);
	narrow.nexthop = other.nexthop = NH + 2;
	narrow.mtu = 1328;
	want_route(wanted, &narrow);
	reach(wanted);
	want_route(wanted, &other);
	reach(wanted);
	assert_true(says("ip route show 10.241.0.0/16 proto 71", "mtu 1328"));
	assert_false(says("ip route show 10.242.0.0/16 proto 71", "mtu"));
	narrow.mtu = 0;
	want_route(wanted, &narrow);
	reach(wanted);
	assert_false(says("ip route show 10.241.0.0/16 proto 71", "mtu"));
}

static void apply_leaves_a_strangers_next_hop_alone(void **unused)
{
	struct nl_state *wanted _cleanup_state_ = make_state();
	struct nl_state *nothing _cleanup_state_ = make_state();
	const struct diff_op op = {
		.kind = DIFF_NEXTHOP_ADD, .nexthop = make_nexthop(NH, ADDR_V4, lab.a)};
	struct nl_route r = make_route("10.241.0.0/16", lab.a, 50, OURS);
	struct diff *d _cleanup_diff_ = NULL;
	char line[APPLY_LINE_SIZE];

	(void)unused;
	sh("ip nexthop add id 7100000 dev eth0 && ip nexthop add id 5 dev eth0");
	assert_int_equal(apply_op(lab.apply, &op, nothing, line), -EEXIST);
	want_nexthops(wanted, false, true, false);
	r.nexthop = NH + 2;
	want_route(wanted, &r);
	assert_int_equal(observe_read(lab.observe), 0);
	d = compare(wanted);
	assert_int_equal(d->n_problems, 3); /* the object, its group, and the route by it */
	reach(nothing);
	assert_true(says("ip nexthop", "id 7100000 dev eth0"));
	assert_true(says("ip nexthop", "id 5 dev eth0"));
	sh("ip nexthop del id 7100000 && ip nexthop del id 5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(apply_moves_all_routes_of_a_next_hop_at_once, clean_lab),
		cmocka_unit_test_teardown(observe_sees_what_goes_with_a_next_hop, clean_lab),
		cmocka_unit_test_teardown(
			apply_takes_an_mtu_away_from_a_route_by_a_next_hop, clean_lab),
		cmocka_unit_test_teardown(apply_leaves_a_strangers_next_hop_alone, clean_lab),
	};

	return cmocka_run_group_tests(tests, build_lab, leave_lab);
}
