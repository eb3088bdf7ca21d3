/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel should have, for a config and what is known of its tunnels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/monitor/desired.h"

#define CONFIG                                                                                    \
	"tunnels = ("                                                                             \
	"{ name = \"city-a\"; private_key_file = \"/k\"; mtu = 1400;"                             \
	"  addresses = [ \"169.254.10.2/30\" ];"                                                  \
	"  peers = ("                                                                             \
	"  { public_key = \"XdX7XlhvvfrEyBRY4pZF81w75iapvGDI08xJEIN4c28=\";"                      \
	"    allowed_ips = [ \"10.241.0.0/16\" ]; },"                                             \
	"  { public_key = \"imSMPcQp6C/2hRUmyACkDpqj15SkYxX7BDjHFsj7jnA=\";"                      \
	"    allowed_ips = [ \"10.242.0.0/16\" ]; } ); },"                                        \
	"{ name = \"city-b\"; private_key_file = \"/k\";"                                         \
	"  peers = ("                                                                             \
	"  { public_key = \"XdX7XlhvvfrEyBRY4pZF81w75iapvGDI08xJEIN4c28=\";"                      \
	"    allowed_ips = [ \"10.0.0.0/8\", \"2001:db8::/32\" ]; } ); },"                        \
	"{ name = \"city-c\"; private_key_file = \"/k\"; } );"                                    \
	"routes = ("                                                                              \
	"{ prefix = \"10.241.0.0/16\"; via = [ \"city-a\", \"city-b\" ]; },"                      \
	"{ prefix = \"10.242.0.0/16\"; via = [ \"city-b\", \"city-a\" ]; policy = \"ecmp\";"      \
	"  weights = [ 3, 1 ]; },"                                                                \
	"{ prefix = \"2001:db8:7::/48\"; via = [ \"city-c\", \"city-b\" ]; policy = \"ecmp\"; }," \
	"{ prefix = \"10.241.7.0/24\"; via = [ \"city-a\", \"city-b\" ]; } );"                    \
	"rules = ( { priority = 90; from = \"10.40.15.0/24\"; fwmark = 7; table = 100; } );"

enum { A_IFINDEX = 11, B_IFINDEX, C_IFINDEX };
enum { ROUTE_241, ROUTE_242, ROUTE_V6, ROUTE_SAME };

struct fixture {
	struct vpnd_conf *conf;
	struct held held[3];
	struct held_peer peers[3][2];
	struct held *tunnels[3];
	struct groups *groups;
	struct desired_kernel kernel;
	struct nl_state *state;
	mono_t now;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct conf_errors errors = {0};
	void *conf;

	assert_non_null(f);
	assert_int_equal(
		conf_parse("test", CONFIG, strlen(CONFIG), &vpnd_conf_table, &conf, &errors), 0);
	f->conf = conf;
	for (uint32_t i = 0; i < 3; i++) {
		f->held[i] = (struct held){.slot = i,
			.conf = &f->conf->tunnels[i],
			.ifindex = A_IFINDEX + i,
			.peers = f->peers[i]};
		f->tunnels[i] = &f->held[i];
	}
	f->groups = groups_new(f->conf, NULL);
	assert_non_null(f->groups);
	f->now = (mono_t){1000 * US_PER_S};
	f->kernel = (struct desired_kernel){.nexthops = true, .rules = true};
	f->state = model_new();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	model_free(f->state);
	groups_free(f->groups);
	vpnd_conf_free(f->conf);
	free(f);
	return 0;
}

/* What is wanted by what is known of the tunnels now. */
static void build(struct fixture *f)
{
	model_free(f->state);
	f->state = model_new();
	groups_update(f->groups, f->tunnels, f->now);
	assert_int_equal(desired_build(f->conf, f->tunnels, f->groups, f->kernel, f->state), 0);
}

static struct nl_route route_with(struct fixture *f, size_t i, uint32_t metric)
{
	struct nl_route key = desired_route(&f->conf->routes[i]);
	const struct nl_route *found;

	key.metric = metric;
	build(f);
	found = model_find_route(f->state, &key);
	return found ? *found : (struct nl_route){0};
}

/*
 * The interfaces that route `i` leaves by, "11 12", with weights other than 1 as "11*3", whether by
 * a next hop object or by hops of its own: both must lead the same way.
 */
static const char *hops(struct fixture *f, size_t i, char out[static 64])
{
	struct nl_route r = route_with(f, i, DESIRED_METRIC);
	const struct nl_nexthop *group = model_find_nexthop(f->state, r.nexthop);
	size_t len = 0, n = group ? group->n_members : 0;
	struct nl_hop found[NL_HOPS_MAX] = {0};

	if (group && n == 0) {
		n = 1;
		found[group->ifindex - A_IFINDEX] = (struct nl_hop){group->ifindex, .weight = 1};
	}
	for (size_t h = 0; group && h < group->n_members; h++) {
		const struct nl_nexthop *m = model_find_nexthop(f->state, group->members[h].id);

		assert_non_null(m);
		found[m->ifindex - A_IFINDEX] =
			(struct nl_hop){.ifindex = m->ifindex, .weight = group->members[h].weight};
	}
	out[0] = '\0';
	for (size_t h = 0; h < 3; h++) {
		if (found[h].ifindex)
			len += (size_t)snprintf(
				out + len, 64 - len, "%s%u", len ? " " : "", found[h].ifindex);
		if (found[h].weight > 1)
			len += (size_t)snprintf(out + len, 64 - len, "*%u", found[h].weight);
	}
	f->kernel.nexthops = false;
	r = route_with(f, i, DESIRED_METRIC);
	f->kernel.nexthops = true;
	assert_int_equal(r.nexthop, 0);
	assert_int_equal(r.n_hops, n);
	for (size_t h = 0; h < n; h++)
		assert_int_equal(found[r.hops[h].ifindex - A_IFINDEX].weight, r.hops[h].weight);
	return out;
}

static void every_prefix_has_a_guard_whatever_its_tunnels(void **state)
{
	struct fixture *f = *state;

	for (int with_tunnels = 1; with_tunnels >= 0; with_tunnels--) {
		for (size_t i = 0; i < 3; i++) {
			struct nl_route guard = route_with(f, i, UINT32_MAX);

			assert_int_equal(guard.type, NL_ROUTE_UNREACHABLE);
			assert_int_equal(guard.protocol, NL_PROTO_GATEHOUSE);
			assert_int_equal(guard.n_hops, 0);
		}
		memset(f->tunnels, 0, sizeof(f->tunnels));
	}
}

static void guards_alone_are_nothing_else(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(desired_build_guards(f->conf, f->kernel, f->state), 0);
	assert_int_equal(f->state->n_routes, 4);
	assert_int_equal(f->state->n_addrs + f->state->n_links + f->state->n_nexthops, 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f->state->routes[i].type, NL_ROUTE_UNREACHABLE);
}

/* A rule that finds ways at least as narrow, and after it one that refuses. */
static void every_prefix_has_rules_that_need_no_route(void **state)
{
	struct fixture *f = *state;
	size_t refusing = 0;

	assert_int_equal(desired_build_guards(f->conf, f->kernel, f->state), 0);
	assert_int_equal(f->state->n_rules, 8 + 2 + 1); /* the last is the config's own */
	for (size_t i = 0; i < f->state->n_rules; i++) {
		const struct nl_rule *r = &f->state->rules[i];

		assert_int_equal(r->protocol, NL_PROTO_GATEHOUSE);
		if (r->priority == 7100)
			assert_int_equal(r->suppress_prefixlength, r->dst.len - 1);
		if (r->priority == 7101)
			refusing += r->unreachable;
	}
	assert_int_equal(refusing, 4 + 1); /* and our own network in the tunnel */
	f->kernel.rules = false;
	build(f);
	assert_int_equal(f->state->n_rules, 0);
}

static void rules_of_the_config_stay_as_long_as_the_guards_they_lead_to(void **state)
{
	struct fixture *f = *state;
	const struct nl_rule *own;

	assert_int_equal(desired_build_guards(f->conf, f->kernel, f->state), 0);
	own = &f->state->rules[0]; /* IPv4 comes first, and by its priority */
	assert_int_equal(own->priority, 90);
	assert_int_equal(own->table, 100);
	assert_int_equal(own->src.len, 24);
	assert_int_equal(own->fwmask, UINT32_MAX);
}

static void links_are_up_with_mtu_and_addresses(void **state)
{
	struct fixture *f = *state;
	const struct nl_link *link;

	build(f);
	link = model_link_by_index(f->state, A_IFINDEX);
	assert_non_null(link);
	assert_true(link->up);
	assert_int_equal(link->mtu, 1400);
	assert_int_equal(model_link_by_index(f->state, B_IFINDEX)->mtu, VPND_CONF_MTU);
	assert_int_equal(f->state->n_addrs, 1);
	assert_int_equal(f->state->addrs[0].local.len, 30);
	assert_int_equal(f->state->addrs[0].local.addr.bytes[3], 2);
	assert_int_equal(f->state->addrs[0].protocol, NL_PROTO_GATEHOUSE);
}

static void failover_goes_by_the_first_that_is_up(void **state)
{
	struct fixture *f = *state;
	char text[64];

	assert_string_equal(hops(f, ROUTE_241, text), "11");
	f->peers[0][0].down = true;
	assert_string_equal(hops(f, ROUTE_241, text), "12");
	f->peers[0][0].down = false;
	assert_string_equal(hops(f, ROUTE_241, text), "12"); /* it has to stay for a while */
	f->now.us += 5 * US_PER_S;
	assert_string_equal(hops(f, ROUTE_241, text), "11");
}

/* After a start: the first may be on its way, but not for long if the second is there. */
static void tunnel_that_has_answered_is_worth_more_than_one_that_has_not(void **state)
{
	struct fixture *f = *state;
	char text[64];

	assert_string_equal(hops(f, ROUTE_241, text), "11");
	f->peers[1][0].proven = true;
	assert_string_equal(hops(f, ROUTE_241, text), "11");
	assert_true(mono_before(groups_update(f->groups, f->tunnels, f->now), MONO_NEVER));
	f->now.us += US_PER_S / 2;
	assert_string_equal(hops(f, ROUTE_241, text), "12");
	f->peers[0][0].proven = true;
	assert_string_equal(hops(f, ROUTE_241, text), "12");
	f->now.us += 5 * US_PER_S; /* the hold time */
	assert_string_equal(hops(f, ROUTE_241, text), "11");
}

/* Then the guards answer at once, instead of a tunnel that drops. */
static void nothing_leads_into_tunnels_that_are_all_down(void **state)
{
	struct fixture *f = *state;
	char text[64];

	f->peers[0][0].down = true;
	f->peers[1][0].down = true;
	assert_string_equal(hops(f, ROUTE_241, text), "");
	assert_int_equal(route_with(f, ROUTE_241, UINT32_MAX).type, NL_ROUTE_UNREACHABLE);
	assert_null(model_find_nexthop(f->state, groups_of(f->groups, ROUTE_241)->nexthop));
	f->peers[1][0].down = false;
	assert_string_equal(hops(f, ROUTE_241, text), "12");
}

static void only_the_peer_that_has_the_prefix_counts(void **state)
{
	struct fixture *f = *state;
	char text[64];

	f->peers[0][1].down = true; /* 10.242.0.0/16 */
	assert_string_equal(hops(f, ROUTE_241, text), "11");
	assert_string_equal(hops(f, ROUTE_242, text), "12");
}

static void ecmp_goes_by_all_that_are_up(void **state)
{
	struct fixture *f = *state;
	char text[64];

	assert_string_equal(hops(f, ROUTE_242, text), "11 12*3");
	f->peers[0][1].down = true;
	assert_string_equal(hops(f, ROUTE_242, text), "12");
	f->peers[0][1].down = false;
	f->now.us += 1 * US_PER_S;
	build(f);
	f->now.us += 5 * US_PER_S;
	assert_string_equal(hops(f, ROUTE_242, text), "11 12*3");
}

static void routes_that_always_go_the_same_way_share_a_next_hop(void **state)
{
	struct fixture *f = *state;
	uint32_t first = route_with(f, ROUTE_241, DESIRED_METRIC).nexthop;

	assert_in_range(first, NL_NEXTHOP_FIRST, NL_NEXTHOP_LAST);
	assert_int_equal(route_with(f, ROUTE_SAME, DESIRED_METRIC).nexthop, first);
	assert_int_not_equal(route_with(f, ROUTE_242, DESIRED_METRIC).nexthop, first);
	/* The failover; two groups, of two tunnels in one family each. */
	assert_int_equal(f->state->n_nexthops, 1 + 2 + 4);
}

static void a_measured_path_sets_the_mtu_of_the_routes_into_it(void **state)
{
	struct fixture *f = *state;

	f->held[0].mtu = 1400;
	f->held[1].mtu = f->held[2].mtu = 1420;
	assert_int_equal(route_with(f, ROUTE_241, DESIRED_METRIC).mtu, 0);
	f->peers[0][1].pmtu = 1300; /* of another prefix */
	f->peers[1][0].pmtu = 1200; /* of a tunnel that does not carry it */
	assert_int_equal(route_with(f, ROUTE_241, DESIRED_METRIC).mtu, 0);
	f->peers[0][0].pmtu = 1380;
	assert_int_equal(route_with(f, ROUTE_241, DESIRED_METRIC).mtu, 1380);
	assert_false(route_with(f, ROUTE_241, DESIRED_METRIC).mtu_locked);
	assert_int_equal(route_with(f, ROUTE_242, DESIRED_METRIC).mtu, 1200); /* the least */
	assert_int_equal(route_with(f, ROUTE_V6, DESIRED_METRIC).mtu, 1280);
	assert_true(route_with(f, ROUTE_V6, DESIRED_METRIC).mtu_locked);
	assert_int_equal(route_with(f, ROUTE_241, UINT32_MAX).mtu, 0); /* the guard */
}

static void ipv6_multipath_has_gateways_and_a_single_hop_none(void **state)
{
	struct fixture *f = *state;
	struct nl_route r;

	f->kernel.nexthops = false;
	r = route_with(f, ROUTE_V6, DESIRED_METRIC);
	assert_int_equal(r.n_hops, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(r.hops[i].gateway.family, ADDR_V6);
		assert_int_equal(r.hops[i].gateway.bytes[0], 0xfe);
	}
	f->peers[1][0].down = true;
	r = route_with(f, ROUTE_V6, DESIRED_METRIC);
	assert_int_equal(r.n_hops, 1);
	assert_int_equal(r.hops[0].gateway.family, ADDR_NONE);
}

static void a_device_that_is_gone_or_moved_gets_nothing(void **state)
{
	struct fixture *f = *state;
	char text[64];

	f->held[0].ifindex = 0;
	assert_string_equal(hops(f, ROUTE_241, text), "12");
	f->held[0].ifindex = A_IFINDEX;
	f->held[0].away = true;
	assert_string_equal(hops(f, ROUTE_241, text), "12");
	assert_null(model_link_by_index(f->state, A_IFINDEX));
	assert_int_equal(f->state->n_addrs, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_prefix_has_a_guard_whatever_its_tunnels),
		TEST(guards_alone_are_nothing_else),
		TEST(every_prefix_has_rules_that_need_no_route),
		TEST(rules_of_the_config_stay_as_long_as_the_guards_they_lead_to),
		TEST(links_are_up_with_mtu_and_addresses),
		TEST(failover_goes_by_the_first_that_is_up),
		TEST(tunnel_that_has_answered_is_worth_more_than_one_that_has_not),
		TEST(nothing_leads_into_tunnels_that_are_all_down),
		TEST(only_the_peer_that_has_the_prefix_counts),
		TEST(ecmp_goes_by_all_that_are_up),
		TEST(routes_that_always_go_the_same_way_share_a_next_hop),
		TEST(a_measured_path_sets_the_mtu_of_the_routes_into_it),
		TEST(ipv6_multipath_has_gateways_and_a_single_hop_none),
		TEST(a_device_that_is_gone_or_moved_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
