/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The view of flows: what is told of them, in which order ever, and what is made of it. */
#include "tests/unit/natd/parse.h"

#include <jansson.h>
#include <netinet/in.h>

#include "natd/busiest.h"
#include "natd/flow_filter.h"
#include "natd/flow_table.h"
#include "natd/flows.h"

static const char conf_text[] = "uplinks = [ \"wan0\" ]; subnets = ( { prefix = "
				"\"10.1.0.0/16\"; }, { prefix = \"fd00:1::/64\"; } );";
static const char other_conf[] = "uplinks = [ \"wan0\" ]; subnets = ( { prefix = "
				 "\"fd00:1::/64\"; }, { prefix = \"10.1.0.0/16\"; } );";

/* What the hooks were told. */
static size_t begun, ended[FLOW_REASONS];

static void on_began(const struct flow_story *story, mono_t now, void *arg)
{
	(void)story;
	(void)now;
	(void)arg;
	begun++;
}

static void on_ended(const struct flow_story *story, enum flow_reason reason, mono_t now, void *arg)
{
	(void)story;
	(void)now;
	(void)arg;
	ended[reason]++;
}

static const mono_t t0 = {US_PER_S};

static struct flows *make(const struct natd_conf *conf)
{
	const struct flows_hooks hooks = {on_began, on_ended, NULL};
	struct flows *flows;

	begun = 0;
	memset(ended, 0, sizeof(ended));
	assert_int_equal(flows_new(conf, &hooks, t0, &flows), 0);
	return flows;
}

/* Past the first list. */
static struct flows *make_known(const struct natd_conf *conf)
{
	struct flows *flows = make(conf);

	flows_list_begins(flows);
	flows_list_ended(flows, t0);
	return flows;
}

/* UDP from 10.1.0.1:`port` to 192.0.2.9:53 by 203.0.113.7. */
static struct conntrack_flow udp(uint16_t port)
{
	struct conntrack_flow flow = {
		.original = {.src_port = port, .dst_port = 53},
		.reply = {.src_port = 53, .dst_port = port},
		.id = 1000u + port,
		.protocol = IPPROTO_UDP,
		.src_nat = true,
		.has_counts = true,
	};

	assert_int_equal(addr_parse("10.1.0.1", &flow.original.src), 0);
	assert_int_equal(addr_parse("192.0.2.9", &flow.original.dst), 0);
	assert_int_equal(addr_parse("192.0.2.9", &flow.reply.src), 0);
	assert_int_equal(addr_parse("203.0.113.7", &flow.reply.dst), 0);
	return flow;
}

static void carry(struct conntrack_flow *flow, uint64_t packets)
{
	flow->sent = (struct conntrack_count){packets, 100 * packets};
	flow->received = (struct conntrack_count){2 * packets, 300 * packets};
	flow->replied = true;
}

static void tell(struct flows *flows, enum conntrack_event event, const struct conntrack_flow *flow)
{
	flows_event(flows, event, flow, mono_add_s(t0, 3));
}

static const struct flow_tally *tally(const struct flows *flows)
{
	return flows_subnet(flows, 0);
}

static void a_flow_told_twice_counts_once(void **state)
{
	struct natd_conf *conf = parse_conf(conf_text);
	struct flows *flows = make_known(conf);
	struct conntrack_flow flow = udp(1);

	(void)state;
	tell(flows, CONNTRACK_NEW, &flow);
	tell(flows, CONNTRACK_NEW, &flow);
	flow.replied = true;
	tell(flows, CONNTRACK_UPDATE, &flow);
	tell(flows, CONNTRACK_FOUND, &flow);
	assert_int_equal(tally(flows)->active, 1);
	assert_int_equal(tally(flows)->attempts, 1);
	assert_int_equal(tally(flows)->established, 1);
	tell(flows, CONNTRACK_DESTROY, &flow);
	assert_int_equal(tally(flows)->active, 0);
	assert_int_equal(tally(flows)->ended[FLOW_IDLE], 1);
	assert_int_equal(begun, 1);
	assert_int_equal(ended[FLOW_IDLE], 1);
	flows_free(flows);
	natd_conf_free(conf);
}

static void hosts_of_a_translated_prefix_take_no_room_among_the_addresses(void **state)
{
	struct natd_conf *conf =
		parse_conf("uplinks = [ \"wan0\" ]; subnets = ( { prefix = \"10.1.0.0/16\"; "
			   "snat_prefix = \"203.1.0.0/16\"; }, { prefix = \"10.2.0.0/16\"; } );");
	struct flows *flows = make_known(conf);
	size_t n;

	(void)state;
	for (uint16_t port = 1; port <= 5000; port++) {
		struct conntrack_flow flow = udp(port);

		flow.original.src.bytes[2] = flow.reply.dst.bytes[2] = (uint8_t)(port >> 8);
		flow.original.src.bytes[3] = flow.reply.dst.bytes[3] = (uint8_t)port;
		tell(flows, CONNTRACK_NEW, &flow);
	}
	assert_int_equal(tally(flows)->active, 5000);
	flows_addresses(flows, &n);
	assert_int_equal(n, 1);
	struct conntrack_flow other = udp(1);
	other.original.src.bytes[1] = 2;
	tell(flows, CONNTRACK_NEW, &other);
	assert_int_equal(flows_addresses(flows, &n)[1].tally.active, 1);
	assert_int_equal(n, 2);
	flows_free(flows);
	natd_conf_free(conf);
}

static void what_is_missing_from_a_list_has_ended_unseen(void **state)
{
	struct natd_conf *conf = parse_conf(conf_text);
	struct flows *flows = make_known(conf);
	struct conntrack_flow stays = udp(1), goes = udp(2), comes = udp(3), late = udp(4);

	(void)state;
	tell(flows, CONNTRACK_NEW, &stays);
	tell(flows, CONNTRACK_NEW, &goes);
	tell(flows, CONNTRACK_NEW, &late);
	flows_list_begins(flows);
	tell(flows, CONNTRACK_FOUND, &stays);
	tell(flows, CONNTRACK_NEW, &comes);    /* where the list had been already */
	tell(flows, CONNTRACK_DESTROY, &late); /* heard of after the list, so not unseen */
	flows_list_ended(flows, t0);
	assert_int_equal(tally(flows)->active, 2);
	assert_int_equal(tally(flows)->ended[FLOW_RESYNCED], 1);
	assert_int_equal(tally(flows)->ended[FLOW_UNANSWERED], 1);
	flows_free(flows);
	natd_conf_free(conf);
}

static void an_old_event_does_not_end_the_flow_that_took_the_place(void **state)
{
	struct natd_conf *conf = parse_conf(conf_text);
	struct flows *flows = make_known(conf);
	struct conntrack_flow old = udp(1), new = udp(1);

	(void)state;
	new.id = 77;
	tell(flows, CONNTRACK_NEW, &old);
	tell(flows, CONNTRACK_FOUND, &new);
	assert_int_equal(tally(flows)->ended[FLOW_RESYNCED], 1);
	tell(flows, CONNTRACK_UPDATE, &old);
	tell(flows, CONNTRACK_DESTROY, &old);
	assert_int_equal(tally(flows)->active, 1);
	assert_int_equal(tally(flows)->attempts, 2);
	flows_free(flows);
	natd_conf_free(conf);
}

static void flows_from_before_are_no_attempts_unless_their_begin_is_told(void **state)
{
	struct natd_conf *conf = parse_conf(conf_text);
	struct flows *flows = make(conf);
	struct conntrack_flow before = udp(1), raced = udp(2);
	uint64_t age_ms;

	(void)state;
	before.replied = raced.replied = true;
	flows_list_begins(flows);
	tell(flows, CONNTRACK_FOUND, &before);
	tell(flows, CONNTRACK_FOUND, &raced);
	tell(flows, CONNTRACK_NEW, &raced);
	assert_false(flows_known(flows));
	flows_list_ended(flows, t0);
	assert_true(flows_known(flows));
	assert_int_equal(tally(flows)->active, 2);
	assert_int_equal(tally(flows)->attempts, 1);
	assert_int_equal(tally(flows)->established, 1);
	assert_int_equal(begun, 1);
	assert_false(flows_age(flows, &before, mono_add_s(t0, 9), &age_ms));
	assert_true(flows_age(flows, &raced, mono_add_s(t0, 9), &age_ms));
	assert_int_equal(age_ms, 6000);
	flows_free(flows);
	natd_conf_free(conf);
}

static void expect_traffic(const struct flows *flows, uint64_t packets)
{
	assert_int_equal(tally(flows)->out.packets, packets);
	assert_int_equal(tally(flows)->out.bytes, 100 * packets);
	assert_int_equal(tally(flows)->in.packets, 2 * packets);
	assert_int_equal(tally(flows)->in.bytes, 300 * packets);
}

/* A flow's end must not count what a list has of it already, whenever it comes. */
static void traffic_counts_once_whenever_a_flow_ends(void **state)
{
	struct natd_conf *conf = parse_conf(conf_text);
	struct flows *flows = make_known(conf);
	struct conntrack_flow a = udp(1), b = udp(2), brief = udp(3);

	(void)state;
	tell(flows, CONNTRACK_NEW, &a);
	tell(flows, CONNTRACK_NEW, &b);
	carry(&brief, 1);
	tell(flows, CONNTRACK_DESTROY, &brief);
	expect_traffic(flows, 1);
	carry(&a, 10);
	carry(&b, 100);
	flows_list_begins(flows);
	tell(flows, CONNTRACK_FOUND, &a);
	tell(flows, CONNTRACK_FOUND, &b);
	carry(&b, 150);
	tell(flows, CONNTRACK_DESTROY, &b); /* before the list has ended */
	flows_list_ended(flows, t0);
	expect_traffic(flows, 111);
	carry(&a, 20);
	tell(flows, CONNTRACK_DESTROY, &a);
	expect_traffic(flows, 111);
	flows_list_begins(flows);
	flows_list_begins(flows); /* the first of them was given up */
	flows_list_ended(flows, t0);
	expect_traffic(flows, 171);
	flows_list_begins(flows);
	flows_list_ended(flows, t0);
	expect_traffic(flows, 171);
	flows_free(flows);
	natd_conf_free(conf);
}

static void another_config_keeps_the_figures_of_a_subnet(void **state)
{
	struct natd_conf *conf = parse_conf(conf_text), *other = parse_conf(other_conf);
	struct flows *flows = make_known(conf);
	struct conntrack_flow flow = udp(1);

	(void)state;
	tell(flows, CONNTRACK_NEW, &flow);
	flows_set_conf(flows, other);
	assert_int_equal(flows_subnet(flows, 0)->attempts, 0);
	assert_int_equal(flows_subnet(flows, 1)->attempts, 1);
	assert_int_equal(flows_subnet(flows, 1)->active, 1);
	tell(flows, CONNTRACK_DESTROY, &flow);
	assert_int_equal(flows_subnet(flows, 1)->active, 0);
	flows_free(flows);
	natd_conf_free(other);
	natd_conf_free(conf);
}

/* --- reasons ---------------------------------------------------------------------------------- */

static void ends_have_the_right_reason(void **state)
{
	struct conntrack_flow flow = udp(1);

	(void)state;
	assert_int_equal(flow_role_reason(&flow), FLOW_UNANSWERED);
	flow.replied = true;
	assert_int_equal(flow_role_reason(&flow), FLOW_IDLE);
	flow.has_timeout = true;
	assert_int_equal(flow_role_reason(&flow), FLOW_REMOVED);
	flow.protocol = IPPROTO_TCP;
	flow.state = CONNTRACK_ESTABLISHED;
	assert_int_equal(flow_role_reason(&flow), FLOW_REMOVED);
	flow.has_timeout = false;
	assert_int_equal(flow_role_reason(&flow), FLOW_IDLE);
	flow.state = CONNTRACK_TIME_WAIT;
	assert_int_equal(flow_role_reason(&flow), FLOW_CLOSED);
	flow.replied = false;
	flow.has_timeout = true;
	flow.state = CONNTRACK_CLOSE;
	assert_int_equal(flow_role_reason(&flow), FLOW_REFUSED);
}

/* --- the table against a list ------------------------------------------------------------------
 */

#define ORACLE 3000

static struct conntrack_flow any_flow(uint32_t n)
{
	struct conntrack_flow flow = udp((uint16_t)(n % 50));

	flow.original.src.bytes[3] = (uint8_t)(n / 50);
	flow.original.dst.bytes[3] = (uint8_t)(n / 50 / 256);
	if (n % 3 == 0) {
		flow.original.src.family = flow.original.dst.family = ADDR_V6;
		flow.reply.src.family = flow.reply.dst.family = ADDR_V6;
		flow.original.src.bytes[15] = (uint8_t)n;
	}
	if (n % 7)
		flow.reply.src = flow.original.dst;
	flow.id = n;
	return flow;
}

static void check_all(struct flow_table *table, const bool *there)
{
	size_t count = 0;

	for (uint32_t n = 0; n < ORACLE; n++) {
		struct conntrack_flow flow = any_flow(n), found;
		struct flow_record *record = flow_table_find(table, &flow);

		count += there[n];
		assert_int_equal(!!record, there[n]);
		if (!record)
			continue;
		flow_table_expand(record, &found);
		assert_int_equal(found.id, n);
		assert_true(addr_equal(&found.original.src, &flow.original.src));
		assert_true(addr_equal(&found.original.dst, &flow.original.dst));
		assert_true(addr_equal(&found.reply.src, &flow.reply.src));
		assert_true(addr_equal(&found.reply.dst, &flow.reply.dst));
		assert_int_equal(found.dst_nat, n % 7 == 0);
		assert_int_equal(found.reply.dst_port, flow.reply.dst_port);
		assert_true(found.src_nat);
	}
	assert_int_equal(flow_table_count(table), count);
}

static void the_table_is_a_list_that_is_fast(void **state)
{
	struct flow_table *table = flow_table_new();
	static bool there[ORACLE];
	unsigned int seed = 0x5eed;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint32_t n = (uint32_t)rand_r(&seed) % ORACLE;
		struct conntrack_flow flow = any_flow(n);
		struct flow_record *record = flow_table_find(table, &flow);

		if (record)
			flow_table_remove(table, record);
		else
			assert_non_null(flow_table_add(table, &flow));
		there[n] = !there[n];
		if (i % 2000 == 0)
			check_all(table, there);
	}
	check_all(table, there);
	assert_true(flow_table_bytes(table) < 1 << 20);
	flow_table_free(table);
}

/* --- destinations and filters ------------------------------------------------------------------
 */

static void the_busiest_come_first_with_their_exact_number(void **state)
{
	struct flow_table *table = flow_table_new();
	struct busiest found[BUSIEST_MAX];

	(void)state;
	for (uint32_t n = 0; n < 4000; n++) {
		struct conntrack_flow flow = udp((uint16_t)(1000 + n));

		/* 1000 to .0, 800 to .1, the rest to one each. */
		if (n < 1800)
			flow.original.dst.bytes[3] = n < 1000 ? 0 : 1;
		else
			memcpy(&flow.original.dst.bytes[0], &n, sizeof(n));
		assert_non_null(flow_table_add(table, &flow));
	}
	assert_int_equal(busiest_find(table, found, BUSIEST_MAX), BUSIEST_MAX);
	assert_int_equal(found[0].flows, 1000);
	assert_int_equal(found[0].address.bytes[3], 0);
	assert_int_equal(found[1].flows, 800);
	assert_int_equal(found[1].port, 53);
	assert_int_equal(found[1].public.bytes[0], 203);
	assert_int_equal(found[2].flows, 1);
	flow_table_free(table);
}

static int parse_filter(const char *text, struct flow_filter *filter, char *err)
{
	json_t *request = json_loads(text, 0, NULL);
	int r = flow_filter_parse(request, filter, err, 200);

	json_decref(request);
	return r;
}

static void a_filter_of_nothing_is_empty_and_a_wrong_one_has_a_reason(void **state)
{
	static const char *const wrong[] = {"{\"from\":\"ten\"}", "{\"to\":7}",
		"{\"proto\":\"tpc\"}", "{\"proto\":\"256\"}", "{\"port\":65536}",
		"{\"port\":\"80\"}", "{\"nat\":\"10.0.0.0/8\"}", "{\"state\":\"fine\"}"};
	struct flow_filter filter;
	char err[200] = "";

	(void)state;
	assert_int_equal(parse_filter("{\"cmd\":\"flows\",\"limit\":3}", &filter, err), 0);
	assert_true(flow_filter_is_empty(&filter));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		*err = '\0';
		assert_true(parse_filter(wrong[i], &filter, err) < 0);
		assert_true(*err);
	}
	assert_int_equal(parse_filter("{\"port\":0}", &filter, err), 0);
	assert_false(flow_filter_is_empty(&filter));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_told_twice_counts_once),
		cmocka_unit_test(hosts_of_a_translated_prefix_take_no_room_among_the_addresses),
		cmocka_unit_test(what_is_missing_from_a_list_has_ended_unseen),
		cmocka_unit_test(an_old_event_does_not_end_the_flow_that_took_the_place),
		cmocka_unit_test(flows_from_before_are_no_attempts_unless_their_begin_is_told),
		cmocka_unit_test(traffic_counts_once_whenever_a_flow_ends),
		cmocka_unit_test(another_config_keeps_the_figures_of_a_subnet),
		cmocka_unit_test(ends_have_the_right_reason),
		cmocka_unit_test(the_table_is_a_list_that_is_fast),
		cmocka_unit_test(the_busiest_come_first_with_their_exact_number),
		cmocka_unit_test(a_filter_of_nothing_is_empty_and_a_wrong_one_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
