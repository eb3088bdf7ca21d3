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
	"{ prefix = \"10.242.0.0/16\"; via = [ \"city-b\", \"city-a\" ]; policy = \"ecmp\"; },"   \
	"{ prefix = \"2001:db8:7::/48\"; via = [ \"city-c\", \"city-b\" ]; policy = \"ecmp\"; } " \
	");"

enum { A_IFINDEX = 11, B_IFINDEX, C_IFINDEX };
enum { ROUTE_241, ROUTE_242, ROUTE_V6 };

struct fixture {
	struct vpnd_conf *conf;
	struct held held[3];
	struct held_peer peers[3][2];
	struct held *tunnels[3];
	struct nl_state *state;
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
	f->state = model_new();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	model_free(f->state);
	vpnd_conf_free(f->conf);
	free(f);
	return 0;
}

static struct nl_route route_with(const struct fixture *f, size_t i, uint32_t metric)
{
	struct nl_route key = desired_route(&f->conf->routes[i]);
	const struct nl_route *found;

	key.metric = metric;
	assert_int_equal(desired_build(f->conf, f->tunnels, f->state), 0);
	found = model_find_route(f->state, &key);
	return found ? *found : (struct nl_route){0};
}

/* The interfaces that route `i` leaves by: "11 12". */
static const char *hops(const struct fixture *f, size_t i, char out[static 64])
{
	struct nl_route r = route_with(f, i, DESIRED_METRIC);
	size_t len = 0;

	out[0] = '\0';
	for (size_t h = 0; h < r.n_hops; h++)
		len += (size_t)snprintf(
			out + len, 64 - len, "%s%u", h ? " " : "", r.hops[h].ifindex);
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
		model_free(f->state);
		f->state = model_new();
	}
}

static void guards_alone_are_nothing_else(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(desired_build_guards(f->conf, f->state), 0);
	assert_int_equal(f->state->n_routes, 3);
	assert_int_equal(f->state->n_addrs + f->state->n_links + f->state->n_rules, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(f->state->routes[i].type, NL_ROUTE_UNREACHABLE);
}

static void links_are_up_with_mtu_and_addresses(void **state)
{
	struct fixture *f = *state;
	const struct nl_link *link;

	assert_int_equal(desired_build(f->conf, f->tunnels, f->state), 0);
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
	struct desired_choice c;
	char text[64];

	assert_string_equal(hops(f, ROUTE_241, text), "11");
	f->peers[0][0].down = true;
	assert_string_equal(hops(f, ROUTE_241, text), "12");
	c = desired_choose(&f->conf->routes[ROUTE_241], f->tunnels);
	assert_int_equal(c.backup, 0);
	f->peers[0][0].down = false;
	assert_string_equal(hops(f, ROUTE_241, text), "11");
	c = desired_choose(&f->conf->routes[ROUTE_241], f->tunnels);
	assert_int_equal(c.backup, 1);
}

static void failover_stays_where_it_began_when_all_are_down(void **state)
{
	struct fixture *f = *state;
	char text[64];

	f->peers[0][0].down = true;
	f->peers[1][0].down = true;
	assert_string_equal(hops(f, ROUTE_241, text), "11");
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

	assert_string_equal(hops(f, ROUTE_242, text), "11 12");
	f->peers[0][1].down = true;
	assert_string_equal(hops(f, ROUTE_242, text), "12");
	f->peers[1][0].down = true;
	assert_string_equal(hops(f, ROUTE_242, text), "11 12");
}

static void ipv6_multipath_has_gateways_and_a_single_hop_none(void **state)
{
	struct fixture *f = *state;
	struct nl_route r = route_with(f, ROUTE_V6, DESIRED_METRIC);

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
	model_free(f->state);
	f->state = model_new();
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
		TEST(links_are_up_with_mtu_and_addresses),
		TEST(failover_goes_by_the_first_that_is_up),
		TEST(failover_stays_where_it_began_when_all_are_down),
		TEST(only_the_peer_that_has_the_prefix_counts),
		TEST(ecmp_goes_by_all_that_are_up),
		TEST(ipv6_multipath_has_gateways_and_a_single_hop_none),
		TEST(a_device_that_is_gone_or_moved_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
