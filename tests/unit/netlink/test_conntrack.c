/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel said about flows, recorded on a gateway, and what is read of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>

#include "netlink/conntrack.h"

#define RECORDED "tests/fuzz/corpus/fuzz_conntrack/"
#define MESSAGES_MAX 64

/* A recording taken apart. */
struct heard {
	size_t n;
	struct conntrack_flow flows[MESSAGES_MAX];
	enum conntrack_event events[MESSAGES_MAX];
	char bytes[65536];
	size_t len;
};

static int hear(const struct nlmsghdr *message, void *arg)
{
	struct heard *heard = arg;

	assert_true(heard->n < MESSAGES_MAX);
	assert_int_equal(
		conntrack_parse(message, &heard->flows[heard->n], &heard->events[heard->n]), 0);
	heard->n++;
	return MNL_CB_OK;
}

static void play(const char *name, struct heard *heard)
{
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	memset(heard, 0, sizeof(*heard));
	heard->len = fread(heard->bytes, 1, sizeof(heard->bytes), f);
	fclose(f);
	assert_true(mnl_cb_run(heard->bytes, heard->len, 0, 0, hear, heard) >= MNL_CB_STOP);
}

static void expect_tuple(
	const struct conntrack_tuple *tuple, const char *src, const char *dst, int dst_port)
{
	char text[ADDR_STRLEN];

	assert_string_equal(addr_format(&tuple->src, text), src);
	assert_string_equal(addr_format(&tuple->dst, text), dst);
	if (dst_port >= 0)
		assert_int_equal(tuple->dst_port, dst_port);
}

/* The first flow of a protocol and family, in its last event of a kind; NULL if there is none. */
static const struct conntrack_flow *find(
	const struct heard *heard, enum conntrack_event event, uint8_t protocol)
{
	for (size_t i = 0; i < heard->n; i++)
		if (heard->events[i] == event && heard->flows[i].protocol == protocol)
			return &heard->flows[i];
	return NULL;
}

static void a_translated_tcp_flow_is_read_whole(void **state)
{
	static struct heard heard;
	const struct conntrack_flow *flow;

	(void)state;
	play(RECORDED "events", &heard);
	flow = find(&heard, CONNTRACK_NEW, IPPROTO_TCP);
	assert_non_null(flow);
	expect_tuple(&flow->original, "10.40.15.10", "198.51.100.10", 80);
	expect_tuple(&flow->reply, "198.51.100.10", "203.0.113.7", -1);
	assert_int_equal(flow->reply.src_port, 80);
	assert_true(flow->src_nat && !flow->dst_nat && !flow->replied);
	assert_int_equal(flow->state, CONNTRACK_SYN_SENT);
}

static void an_end_has_counts_and_tells_that_it_was_early(void **state)
{
	static struct heard heard;
	const struct conntrack_flow *flow;

	(void)state;
	play(RECORDED "events", &heard);
	flow = find(&heard, CONNTRACK_DESTROY, IPPROTO_UDP);
	assert_non_null(flow);
	expect_tuple(&flow->original, "fd40:15::10", "2001:db8:100::10", 80);
	expect_tuple(&flow->reply, "2001:db8:100::10", "2001:db8:113::7", -1);
	assert_true(flow->has_timeout && flow->has_counts && flow->replied);
	assert_int_equal(flow->sent.packets, 1);
	assert_int_equal(flow->received.packets, 1);
	assert_true(flow->sent.bytes > 40 && flow->id != 0);
}

static void icmp_has_its_id_and_kind_in_place_of_ports(void **state)
{
	static struct heard heard;
	const struct conntrack_flow *flow;

	(void)state;
	play(RECORDED "events", &heard);
	flow = find(&heard, CONNTRACK_DESTROY, IPPROTO_ICMP);
	assert_non_null(flow);
	assert_int_equal(flow->original.dst_port, 8 << 8);
	assert_int_equal(flow->original.src_port, flow->reply.dst_port);
	assert_false(conntrack_has_ports(flow->protocol));
}

static void a_list_is_told_from_events(void **state)
{
	static struct heard heard;

	(void)state;
	play(RECORDED "list", &heard);
	assert_true(heard.n >= 4);
	for (size_t i = 0; i < heard.n; i++)
		assert_int_equal(heard.events[i], CONNTRACK_FOUND);
}

/* A message of this many bytes in memory of that size, so that reading past its end shows. */
static void parse_cut(const struct nlmsghdr *message, size_t len)
{
	struct nlmsghdr *cut = malloc(len);
	struct conntrack_flow flow;
	enum conntrack_event event;

	memcpy(cut, message, len);
	cut->nlmsg_len = (uint32_t)len;
	conntrack_parse(cut, &flow, &event);
	free(cut);
}

static void a_broken_message_is_refused_or_read(void **state)
{
	static struct heard heard;
	char *message = heard.bytes;

	(void)state;
	play(RECORDED "events", &heard);
	while (message < heard.bytes + heard.len) {
		size_t len = ((struct nlmsghdr *)(void *)message)->nlmsg_len;

		for (size_t i = sizeof(struct nlmsghdr); i <= len; i++)
			parse_cut((void *)message, i);
		for (size_t i = sizeof(struct nlmsghdr); i < len; i++)
			for (int bit = 0; bit < 8; bit++) {
				message[i] ^= (char)(1 << bit);
				parse_cut((void *)message, len);
				message[i] ^= (char)(1 << bit);
			}
		message += len;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_translated_tcp_flow_is_read_whole),
		cmocka_unit_test(an_end_has_counts_and_tells_that_it_was_early),
		cmocka_unit_test(icmp_has_its_id_and_kind_in_place_of_ports),
		cmocka_unit_test(a_list_is_told_from_events),
		cmocka_unit_test(a_broken_message_is_refused_or_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
