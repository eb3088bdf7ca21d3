/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From messages to state without a kernel: what encode.h writes is what decode.h reads, what the
 * kernel leaves unsaid is noticed, and no bytes whatever make the parsers read out of bounds (each
 * message lies in a block of its own size, for the address sanitizer to watch).
 */
#include "tests/unit/netlink/make.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include "netlink/encode.h"
#include "netlink/follow.h"
#include "netlink/request.h"

static const struct follow_filter only_ours;

/* --- messages --------------------------------------------------------------------------------- */

/* The message as bytes in a block of exactly its size; the caller frees. */
static struct nlmsghdr *take_bytes(struct nl_msg *msg)
{
	struct nlmsghdr *h;

	assert_non_null(msg);
	h = malloc(nlmsg_hdr(msg)->nlmsg_len);
	assert_non_null(h);
	memcpy(h, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	nlmsg_free(msg);
	return h;
}

static struct nlmsghdr *op_bytes(const struct diff_op *op, int type, int flags)
{
	struct nlmsghdr *h = take_bytes(encode_op(op));

	h->nlmsg_type = (uint16_t)type;
	h->nlmsg_flags = (uint16_t)flags;
	return h;
}

static struct nlmsghdr *route_bytes(const struct nl_route *r, int type, int flags)
{
	return op_bytes(&(struct diff_op){.kind = DIFF_ROUTE_ADD, .route = *r}, type, flags);
}

static struct nlmsghdr *link_bytes(int type, unsigned char family, bool up)
{
	struct ifinfomsg ifi = {
		.ifi_family = family, .ifi_index = 3, .ifi_flags = up ? IFF_UP | IFF_RUNNING : 0};
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);
	struct nlattr *info;

	nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, "city-a");
	nla_put_u32(msg, IFLA_MTU, 1420);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "tun");
	nla_nest_end(msg, info);
	return take_bytes(msg);
}

/* Follow a message and free it. */
static int follow(struct nl_state *s, struct nlmsghdr *h)
{
	int r = follow_message(s, h, &only_ours);

	free(h);
	return r;
}

/* --- objects with every part set ----------------------------------------------------------------
 */
static struct nl_route rich_route(void)
{
	struct nl_route r = make_route("fd00:1::/48", 3, 7, OURS);

	r.table = 7171;
	r.mtu = 1300;
	r.prefsrc = make_ip("fd00::2");
	r.n_hops = 2;
	r.hops[0] = (struct nl_hop){3, make_ip("fe80::1"), 1};
	r.hops[1] = (struct nl_hop){4, make_ip("fe80::2"), 200};
	return r;
}

static struct nl_rule rich_rule(void)
{
	struct nl_rule r = make_rule(ADDR_V4, 1000, 7171, OURS);

	r.fwmark = 5;
	r.fwmask = 0xff;
	r.src = make_prefix("10.1.0.0/16");
	r.dst = make_prefix("10.2.0.0/16");
	r.invert = true;
	r.suppress_prefixlength = 8;
	strcpy(r.iif, "eth0");
	return r;
}

static struct nl_rule refusing_rule(void)
{
	struct nl_rule r = make_rule(ADDR_V4, 1000, 0, OURS);

	r.dst = make_prefix("10.2.0.0/16");
	r.unreachable = true;
	return r;
}

static struct nl_nexthop rich_group(void)
{
	struct nl_nexthop n = make_group(7100002, 7100000, 7100001);

	n.members[1].weight = 200;
	return n;
}

static struct nl_route route_by_nexthop(void)
{
	struct nl_route r = make_route("10.3.0.0/16", 3, 7, OURS);

	r.nexthop = 7100002;
	r.mtu = 1300;
	r.mtu_locked = true;
	return r;
}

static void follow_reads_what_encode_writes(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	struct nl_state *same _cleanup_state_ = make_state();
	const struct diff_op ops[] = {
		{.kind = DIFF_ADDR_ADD, .addr = make_addr(3, "169.254.10.2/30", OURS)},
		{.kind = DIFF_ROUTE_ADD, .route = rich_route()},
		{.kind = DIFF_ROUTE_ADD, .route = make_route("10.0.0.0/8", 0, 9, OURS)},
		{.kind = DIFF_ROUTE_ADD, .route = make_route("0.0.0.0/0", 3, 0, OURS)},
		{.kind = DIFF_RULE_ADD, .rule = rich_rule()},
		{.kind = DIFF_RULE_ADD, .rule = make_rule(ADDR_V6, 9, 254, OURS)},
		{.kind = DIFF_RULE_ADD, .rule = refusing_rule()},
		{.kind = DIFF_NEXTHOP_ADD, .nexthop = make_nexthop(7100000, ADDR_V6, 3)},
		{.kind = DIFF_NEXTHOP_ADD, .nexthop = rich_group()},
		{.kind = DIFF_ROUTE_ADD, .route = route_by_nexthop()},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		assert_int_equal(follow(s, take_bytes(encode_op(&ops[i]))), FOLLOW_CHANGED);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		assert_false(follow(s, take_bytes(encode_op(&ops[i]))) & FOLLOW_CHANGED);
	model_put_addr(same, &ops[0].addr);
	for (size_t i = 1; i < 4; i++)
		model_put_route(same, &ops[i].route);
	for (size_t i = 4; i < 7; i++)
		model_put_rule(same, &ops[i].rule);
	model_put_nexthop(same, &ops[7].nexthop);
	model_put_nexthop(same, &ops[8].nexthop);
	model_put_route(same, &ops[9].route);
	assert_true(model_equal(s, same));
}

static void follow_forgets_what_is_deleted(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	const struct diff_op ops[] = {
		{.kind = DIFF_ADDR_DEL, .addr = make_addr(3, "169.254.10.2/30", OURS)},
		{.kind = DIFF_ROUTE_DEL, .route = make_route("10.0.0.0/8", 3, 9, OURS)},
		{.kind = DIFF_ROUTE_DEL, .route = make_route("fd00::/8", 3, 9, OURS)},
		{.kind = DIFF_RULE_DEL, .rule = rich_rule()},
		{.kind = DIFF_RULE_DEL, .rule = make_rule(ADDR_V4, 9, 254, OURS)},
		{.kind = DIFF_RULE_DEL, .rule = make_rule(ADDR_V6, 9, 254, OURS)},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		model_put_addr(s, &ops[0].addr);
		model_put_route(s, i < 2 ? &ops[1].route : &ops[2].route);
		model_put_rule(s, &ops[i < 3 ? 3 : i].rule);
		assert_true(follow(s, take_bytes(encode_op(&ops[i]))) & FOLLOW_CHANGED);
		assert_int_equal(follow(s, take_bytes(encode_op(&ops[i]))) & FOLLOW_CHANGED, 0);
	}
}

static void follow_keeps_links_by_index_and_ignores_bridge_ports(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	const struct nl_link *link;

	(void)unused;
	assert_int_equal(follow(s, link_bytes(RTM_NEWLINK, AF_UNSPEC, true)), FOLLOW_CHANGED);
	link = model_link_by_name(s, "city-a");
	assert_non_null(link);
	assert_true(link->up && link->running && link->mtu == 1420 && link->ifindex == 3);
	assert_string_equal(link->kind, "tun");
	assert_int_equal(follow(s, link_bytes(RTM_DELLINK, AF_BRIDGE, true)), 0);
	assert_int_equal(s->n_links, 1);
	assert_int_equal(follow(s, link_bytes(RTM_DELLINK, AF_UNSPEC, true)), FOLLOW_CHANGED);
	assert_int_equal(s->n_links, 0);
}

static void follow_asks_for_a_dump_when_a_link_with_routes_goes_down(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();

	(void)unused;
	follow(s, link_bytes(RTM_NEWLINK, AF_UNSPEC, true));
	assert_int_equal(follow(s, link_bytes(RTM_NEWLINK, AF_UNSPEC, false)), FOLLOW_CHANGED);
	follow(s, link_bytes(RTM_NEWLINK, AF_UNSPEC, true));
	put_route(s, "10.0.0.0/8", 3, 0, OURS);
	assert_int_equal(follow(s, link_bytes(RTM_NEWLINK, AF_UNSPEC, false)),
		FOLLOW_CHANGED | FOLLOW_RESYNC);
}

static void follow_asks_for_a_dump_when_an_address_under_routes_goes(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	const struct diff_op gone = {
		.kind = DIFF_ADDR_DEL, .addr = make_addr(5, "169.254.10.2/30", OURS)};
	struct nl_route route = make_route("10.0.0.0/8", 3, 0, OURS);

	(void)unused;
	model_put_addr(s, &gone.addr);
	model_put_route(s, &route);
	assert_int_equal(follow(s, take_bytes(encode_op(&gone))), FOLLOW_CHANGED);
	route.prefsrc = gone.addr.local.addr;
	model_put_addr(s, &gone.addr);
	model_put_route(s, &route);
	assert_int_equal(follow(s, take_bytes(encode_op(&gone))), FOLLOW_CHANGED | FOLLOW_RESYNC);
}

static void follow_drops_ours_when_a_stranger_replaces_it(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	struct nl_route other = make_route("10.0.0.0/8", 4, 0, STRANGER);

	(void)unused;
	put_route(s, "10.0.0.0/8", 3, 0, OURS);
	assert_int_equal(follow(s, route_bytes(&other, RTM_NEWROUTE, 0)), 0);
	assert_int_equal(s->n_routes, 1);
	assert_int_equal(
		follow(s, route_bytes(&other, RTM_NEWROUTE, NLM_F_REPLACE)), FOLLOW_CHANGED);
	assert_int_equal(s->n_routes, 0);
}

static void follow_asks_for_a_dump_when_a_next_hop_goes(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	const struct diff_op del = {.kind = DIFF_NEXTHOP_DEL, .nexthop = rich_group()};
	const struct diff_op strangers = {
		.kind = DIFF_NEXTHOP_ADD, .nexthop = {.id = 5, .family = ADDR_V4, .ifindex = 3}};

	(void)unused;
	put_nexthop(s, rich_group());
	assert_int_equal(follow(s, take_bytes(encode_op(&del))), FOLLOW_CHANGED | FOLLOW_RESYNC);
	assert_int_equal(follow(s, take_bytes(encode_op(&del))), 0);
	assert_int_equal(follow(s, take_bytes(encode_op(&strangers))), 0);
	assert_int_equal(s->n_nexthops, 0);
}

static void follow_asks_for_a_dump_when_ipv6_multipath_comes_in_pieces(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	struct nl_route whole = rich_route(), piece = whole;

	(void)unused;
	piece.n_hops = 1;
	model_put_route(s, &whole);
	assert_true(follow(s, route_bytes(&piece, RTM_DELROUTE, 0)) & FOLLOW_RESYNC);
	model_drop_route(s, &whole);
	assert_true(follow(s, route_bytes(&piece, RTM_NEWROUTE, NLM_F_APPEND)) & FOLLOW_RESYNC);
}

static void follow_marks_a_rule_that_selects_by_more(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	const struct diff_op op = {
		.kind = DIFF_RULE_ADD, .rule = make_rule(ADDR_V4, 1000, 77, STRANGER)};
	const int beyond[] = {FRA_UID_RANGE, FRA_MAX + 1, 100};

	(void)unused;
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		struct nl_msg *msg = encode_op(&op);

		nla_put_u64(msg, beyond[i], 1);
		follow(s, take_bytes(msg));
		assert_int_equal(s->n_rules, 1);
		assert_true(s->rules[0].opaque);
	}
}

/* --- foreign bytes ---------------------------------------------------------------------------- */

/* Each byte set to each of some values that matter to lengths, and each shorter length. */
static void torture(struct nlmsghdr *whole)
{
	static const unsigned char values[] = {0, 1, 3, 4, 5, 8, 127, 128, 254, 255};
	const uint32_t size = whole->nlmsg_len;

	for (uint32_t at = sizeof(*whole); at < size; at++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			struct nl_state *s _cleanup_state_ = make_state();
			struct nlmsghdr *h = malloc(size);
			int r;

			memcpy(h, whole, size);
			((unsigned char *)h)[at] = values[v];
			r = follow(s, h);
			assert_true(r >= 0 || r == -EINVAL);
			assert_true(
				r >= 0 || s->n_links + s->n_addrs + s->n_routes + s->n_rules == 0);
		}
	}
	for (uint32_t cut = sizeof(*whole); cut < size; cut++) {
		struct nl_state *s _cleanup_state_ = make_state();
		struct nlmsghdr *h = malloc(cut);
		int r;

		memcpy(h, whole, cut);
		h->nlmsg_len = cut;
		r = follow(s, h);
		assert_true(r >= 0 || r == -EINVAL);
	}
	free(whole);
}

static void follow_survives_any_bytes(void **unused)
{
	struct nl_route route = rich_route();

	(void)unused;
	torture(link_bytes(RTM_NEWLINK, AF_UNSPEC, true));
	torture(op_bytes(
		&(struct diff_op){.kind = DIFF_ADDR_ADD, .addr = make_addr(3, "fd00::1/64", OURS)},
		RTM_NEWADDR, 0));
	torture(route_bytes(&route, RTM_NEWROUTE, 0));
	torture(op_bytes(
		&(struct diff_op){.kind = DIFF_RULE_ADD, .rule = rich_rule()}, RTM_NEWRULE, 0));
}

static void follow_refuses_an_address_of_the_wrong_length(void **unused)
{
	struct nl_state *s _cleanup_state_ = make_state();
	struct ifaddrmsg ifa = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 3};
	const char sixteen[16] = {0};

	(void)unused;
	for (int size = 0; size <= 16; size++) {
		struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWADDR, 0);

		nlmsg_append(msg, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
		nla_put(msg, IFA_LOCAL, size, sixteen);
		assert_int_equal(follow(s, take_bytes(msg)), size == 4 ? FOLLOW_CHANGED : -EINVAL);
	}
}

/* An NLMSG_ERROR for a request of 20 bytes of payload, echoed unless capped. */
static struct nlmsghdr *error_bytes(bool capped, const char *text)
{
	struct nl_msg *msg = nlmsg_alloc_simple(NLMSG_ERROR, NLM_F_ACK_TLVS);
	struct nlmsgerr e = {.error = -EINVAL, .msg.nlmsg_len = NLMSG_HDRLEN + 20};
	char echo[20] = {0};

	nlmsg_append(msg, &e, sizeof(e), NLMSG_ALIGNTO);
	if (capped)
		nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_CAPPED;
	else
		nlmsg_append(msg, &echo, sizeof(echo), NLMSG_ALIGNTO);
	nla_put_u32(msg, NLMSGERR_ATTR_OFFS, 16);
	nla_put_string(msg, NLMSGERR_ATTR_MSG, text);
	return take_bytes(msg);
}

static void request_explains_with_and_without_the_request_echoed(void **unused)
{
	char text[REQUEST_TEXT_SIZE], longest[REQUEST_TEXT_SIZE + 50];

	(void)unused;
	for (int capped = 0; capped < 2; capped++) {
		struct nlmsghdr *h = error_bytes(capped, "Device \x1b[2J is\n not up");

		request_explain(h, text);
		assert_string_equal(text, "Device ?[2J is? not up");
		for (uint32_t cut = sizeof(*h); cut < h->nlmsg_len; cut++) {
			struct nlmsghdr *part = malloc(cut);

			memcpy(part, h, cut);
			part->nlmsg_len = cut;
			request_explain(part, text);
			free(part);
		}
		for (uint32_t at = sizeof(*h); at < h->nlmsg_len * 256; at++) {
			unsigned char *byte = (unsigned char *)h + at / 256;
			const unsigned char kept = *byte;

			if (at / 256 < sizeof(*h))
				continue;
			*byte = (unsigned char)at;
			request_explain(h, text);
			*byte = kept;
		}
		free(h);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	{
		struct nlmsghdr *h = error_bytes(true, longest);

		request_explain(h, text);
		free(h);
	}
	assert_int_equal(strlen(text), REQUEST_TEXT_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follow_reads_what_encode_writes),
		cmocka_unit_test(follow_forgets_what_is_deleted),
		cmocka_unit_test(follow_keeps_links_by_index_and_ignores_bridge_ports),
		cmocka_unit_test(follow_asks_for_a_dump_when_a_link_with_routes_goes_down),
		cmocka_unit_test(follow_asks_for_a_dump_when_an_address_under_routes_goes),
		cmocka_unit_test(follow_drops_ours_when_a_stranger_replaces_it),
		cmocka_unit_test(follow_asks_for_a_dump_when_a_next_hop_goes),
		cmocka_unit_test(follow_asks_for_a_dump_when_ipv6_multipath_comes_in_pieces),
		cmocka_unit_test(follow_marks_a_rule_that_selects_by_more),
		cmocka_unit_test(follow_survives_any_bytes),
		cmocka_unit_test(follow_refuses_an_address_of_the_wrong_length),
		cmocka_unit_test(request_explains_with_and_without_the_request_echoed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
