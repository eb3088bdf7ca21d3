/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is what the kernel might send about links, addresses, routes, rules and next hops:
 * messages one after the other. Whatever they are, what is decoded is in range, and a model keeps
 * it.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool truth)
{
	if (!truth)
		abort();
}

static bool is_family(uint8_t family)
{
	return family == ADDR_V4 || family == ADDR_V6;
}

static void take_route(struct nlmsghdr *h, struct nl_state *state)
{
	struct nl_route route;

	if (decode_route(h, &route) < 0)
		return;
	must(is_family(route.dst.addr.family) && route.n_hops <= NL_HOPS_MAX);
	must(route.dst.len <= addr_bits(route.dst.addr.family));
	model_put_route(state, &route);
}

static void take_nexthop(struct nlmsghdr *h, struct nl_state *state)
{
	struct nl_nexthop nexthop;

	if (decode_nexthop(h, &nexthop) < 0)
		return;
	must(nexthop.n_members <= NL_HOPS_MAX);
	model_put_nexthop(state, &nexthop);
}

static void take(struct nlmsghdr *h, struct nl_state *state)
{
	struct nl_link link;
	struct nl_ifaddr addr;
	struct nl_rule rule;

	if (h->nlmsg_type <= RTM_DELLINK && decode_link(h, &link) == 0) {
		must(strnlen(link.name, sizeof(link.name)) < sizeof(link.name));
		model_put_link(state, &link);
	} else if (h->nlmsg_type <= RTM_DELADDR && decode_addr(h, &addr) == 0) {
		must(is_family(addr.local.addr.family));
		model_put_addr(state, &addr);
	} else if (h->nlmsg_type <= RTM_DELROUTE) {
		take_route(h, state);
	} else if (h->nlmsg_type <= RTM_DELRULE && decode_rule(h, &rule) == 0) {
		must(is_family(rule.family));
		model_put_rule(state, &rule);
	} else if (h->nlmsg_type >= RTM_NEWNEXTHOP) {
		take_nexthop(h, state);
	}
}

/* As the kernel frames them; that it does so rightly is its promise. */
static void take_all(uint8_t *bytes, size_t len, struct nl_state *state)
{
	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr *h = (void *)bytes;
		size_t step = ((size_t)h->nlmsg_len + 3) / 4 * 4;

		if (h->nlmsg_len < sizeof(*h) || step > len)
			return;
		take(h, state);
		bytes += step;
		len -= step;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nl_state *state = model_new();
	uint8_t *bytes = malloc(len + 1); /* aligned, as a socket's buffer is */

	must(state && bytes);
	memcpy(bytes, data, len);
	take_all(bytes, len, state);
	free(bytes);
	model_free(state);
	return 0;
}
