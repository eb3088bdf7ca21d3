/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short ways to write links, addresses, routes and rules in tests. */
#ifndef TESTS_UNIT_NETLINK_MAKE_H
#define TESTS_UNIT_NETLINK_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netlink/model.h"

#define OURS NL_PROTO_GATEHOUSE
#define STRANGER 3 /* RTPROT_BOOT, what `ip route add` uses */

#define _cleanup_state_ __attribute__((cleanup(model_freep)))

static inline struct nl_state *make_state(void)
{
	struct nl_state *s = model_new();

	assert_non_null(s);
	return s;
}

static inline struct addr make_ip(const char *text)
{
	struct addr a = {0};

	if (*text)
		assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static inline struct prefix make_prefix(const char *text)
{
	struct prefix p = {0};

	if (*text)
		assert_int_equal(prefix_parse(text, true, &p), 0);
	return p;
}

static inline struct nl_link make_link(uint32_t ifindex, const char *name, uint32_t mtu, bool up)
{
	struct nl_link link = {.ifindex = ifindex, .mtu = mtu, .up = up};

	snprintf(link.name, sizeof(link.name), "%s", name);
	return link;
}

/* "169.254.10.2/30", host bits kept. */
static inline struct nl_ifaddr make_addr(uint32_t ifindex, const char *text, uint8_t protocol)
{
	struct nl_ifaddr a = {.ifindex = ifindex, .protocol = protocol};
	char ip[ADDR_STRLEN];

	snprintf(ip, sizeof(ip), "%.*s", (int)strcspn(text, "/"), text);
	a.local.addr = make_ip(ip);
	a.local.len = (uint8_t)atoi(strchr(text, '/') + 1);
	return a;
}

/* A route of the main table over one link; ifindex 0 makes it unreachable. */
static inline struct nl_route make_route(
	const char *dst, uint32_t ifindex, uint32_t metric, uint8_t protocol)
{
	struct nl_route r = {
		.table = NL_TABLE_MAIN,
		.dst = make_prefix(dst),
		.metric = metric,
		.protocol = protocol,
		.type = ifindex ? NL_ROUTE_UNICAST : NL_ROUTE_UNREACHABLE,
		.n_hops = ifindex != 0,
		.hops = {{.ifindex = ifindex}},
	};

	return r;
}

/* Straight onto a link. */
static inline struct nl_nexthop make_nexthop(uint32_t id, uint8_t family, uint32_t ifindex)
{
	return (struct nl_nexthop){
		.id = id, .family = family, .ifindex = ifindex, .protocol = OURS};
}

/* Of one member, or of two if `second` is not 0. */
static inline struct nl_nexthop make_group(uint32_t id, uint32_t first, uint32_t second)
{
	return (struct nl_nexthop){.id = id,
		.protocol = OURS,
		.n_members = second ? 2 : 1,
		.members = {{.id = first}, {.id = second}}};
}

static inline struct nl_rule make_rule(
	uint8_t family, uint32_t priority, uint32_t table, uint8_t protocol)
{
	return (struct nl_rule){
		.family = family,
		.priority = priority,
		.table = table,
		.protocol = protocol,
		.suppress_prefixlength = NL_SUPPRESS_NONE,
	};
}

static inline void put_link(
	struct nl_state *s, uint32_t ifindex, const char *name, uint32_t mtu, bool up)
{
	struct nl_link link = make_link(ifindex, name, mtu, up);

	assert_true(model_put_link(s, &link) >= 0);
}

static inline void put_addr(
	struct nl_state *s, uint32_t ifindex, const char *text, uint8_t protocol)
{
	struct nl_ifaddr addr = make_addr(ifindex, text, protocol);

	assert_true(model_put_addr(s, &addr) >= 0);
}

static inline void put_route(
	struct nl_state *s, const char *dst, uint32_t ifindex, uint32_t metric, uint8_t protocol)
{
	struct nl_route route = make_route(dst, ifindex, metric, protocol);

	assert_true(model_put_route(s, &route) >= 0);
}

static inline void put_nexthop(struct nl_state *s, struct nl_nexthop nexthop)
{
	assert_true(model_put_nexthop(s, &nexthop) >= 0);
}

static inline void put_rule(
	struct nl_state *s, uint8_t family, uint32_t priority, uint32_t table, uint8_t protocol)
{
	struct nl_rule rule = make_rule(family, priority, table, protocol);

	assert_true(model_put_rule(s, &rule) >= 0);
}

#endif
