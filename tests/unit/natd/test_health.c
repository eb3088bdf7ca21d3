/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The judgement: each cause alone must be found and named. */
#include "tests/unit/natd/parse.h"

#include "natd/health.h"
#include "netlink/model.h"

static const char conf_text[] =
	"uplinks = [ \"wan0\", \"wan1\" ]; subnets = ( { prefix = \"10.1.0.0/16\"; }, { prefix = "
	"\"fd00:1::/64\"; snat = [ \"2001:db8::7\" ]; } );";

static void put_link(struct nl_state *net, uint32_t ifindex, const char *name, bool up)
{
	struct nl_link link = {.ifindex = ifindex, .up = up, .running = up};

	snprintf(link.name, sizeof(link.name), "%s", name);
	assert_true(model_put_link(net, &link) >= 0);
}

static void put_address(struct nl_state *net, uint32_t ifindex, const char *text)
{
	struct nl_ifaddr address = {.ifindex = ifindex};

	assert_int_equal(prefix_parse_host(text, &address.local), 0);
	assert_true(model_put_addr(net, &address) >= 0);
}

/* All is well, until a test changes something. */
static struct nl_state *well(struct health_facts *facts)
{
	struct nl_state *net = model_new();

	assert_non_null(net);
	put_link(net, 2, "wan0", true);
	put_link(net, 3, "wan1", true);
	put_address(net, 2, "192.0.2.7/24");
	put_address(net, 3, "198.51.100.7/24");
	*facts = (struct health_facts){
		.ruleset = LOAD_VERIFIED,
		.ruleset_why = "chain leak is missing",
		.net = net,
		.proc = {true, true, 799, 1000},
	};
	return net;
}

static void expect(
	const struct health_facts *facts, enum health_state wanted, const char *reason_part)
{
	struct natd_conf *conf = parse_conf(conf_text);
	char reason[HEALTH_REASON_SIZE];

	assert_int_equal(health_judge(conf, facts, reason), wanted);
	if (!strstr(reason, reason_part))
		fail_msg("\"%s\" does not say \"%s\"", reason, reason_part);
	assert_int_equal(*reason == '\0', wanted == HEALTH_UP);
	natd_conf_free(conf);
}

static void nothing_wrong_is_up(void **state)
{
	struct health_facts facts;
	struct nl_state *net = well(&facts);

	(void)state;
	expect(&facts, HEALTH_UP, "");
	facts.proc.flows = facts.proc.flows_max = 0; /* conntrack is not loaded yet */
	expect(&facts, HEALTH_UP, "");
	model_free(net);
}

static void what_stops_all_is_down(void **state)
{
	struct health_facts facts;
	struct nl_state *net = well(&facts);

	(void)state;
	facts.proc.forwarding_v4 = false;
	expect(&facts, HEALTH_DOWN, "net.ipv4.ip_forward = 0");
	facts.proc.forwarding_v4 = true;
	facts.proc.forwarding_v6 = false;
	expect(&facts, HEALTH_DOWN, "net.ipv6.conf.all.forwarding = 0");
	facts.ruleset = LOAD_DIFFERS;
	expect(&facts, HEALTH_DOWN, "chain leak is missing");
	facts.ruleset = LOAD_MISSING;
	expect(&facts, HEALTH_DOWN, "not in force");
	model_free(net);
}

static void one_lost_uplink_is_degraded_all_are_down(void **state)
{
	struct health_facts facts;
	struct nl_state *net = well(&facts);

	(void)state;
	put_link(net, 3, "wan1", false);
	expect(&facts, HEALTH_DEGRADED, "wan1 is down");
	model_drop_link(net, 3);
	expect(&facts, HEALTH_DEGRADED, "wan1 does not exist");
	model_drop_addr(net, &(struct nl_ifaddr){.ifindex = 2, .local = net->addrs[0].local});
	expect(&facts, HEALTH_DOWN, "wan0 has no IPv4 address");
	model_free(net);
}

static void a_loopback_or_link_local_address_is_none(void **state)
{
	struct health_facts facts;
	struct nl_state *net = well(&facts);

	(void)state;
	model_drop_addr(net, &(struct nl_ifaddr){.ifindex = 2, .local = net->addrs[0].local});
	put_address(net, 2, "127.0.0.5/8");
	put_address(net, 2, "fe80::1/64");
	expect(&facts, HEALTH_DEGRADED, "wan0 has no IPv4 address");
	model_free(net);
}

static void an_uplink_address_inside_a_subnet_is_named(void **state)
{
	struct health_facts facts;
	struct nl_state *net = well(&facts);

	(void)state;
	put_address(net, 2, "10.1.0.7/24");
	expect(&facts, HEALTH_DEGRADED, "10.1.0.7 of uplink wan0 is in subnet 10.1.0.0/16");
	model_free(net);
}

static void a_nearly_full_table_is_degraded(void **state)
{
	struct health_facts facts;
	struct nl_state *net = well(&facts);

	(void)state;
	facts.table_full = true;
	expect(&facts, HEALTH_DEGRADED, "more than 80 % full");
	model_free(net);
}

static void a_table_is_full_from_80_percent_until_75(void **state)
{
	struct proc proc = {.flows = 799, .flows_max = 1000};

	(void)state;
	assert_false(health_table_full(&proc, false));
	proc.flows = 800;
	assert_true(health_table_full(&proc, false));
	proc.flows = 750;
	assert_true(health_table_full(&proc, true));
	assert_false(health_table_full(&proc, false));
	proc.flows = 749;
	assert_false(health_table_full(&proc, true));
	proc.flows = proc.flows_max = 0; /* conntrack is not loaded yet */
	assert_false(health_table_full(&proc, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong_is_up),
		cmocka_unit_test(what_stops_all_is_down),
		cmocka_unit_test(one_lost_uplink_is_degraded_all_are_down),
		cmocka_unit_test(a_loopback_or_link_local_address_is_none),
		cmocka_unit_test(an_uplink_address_inside_a_subnet_is_named),
		cmocka_unit_test(a_nearly_full_table_is_degraded),
		cmocka_unit_test(a_table_is_full_from_80_percent_until_75),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
