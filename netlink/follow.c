/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/follow.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#include "netlink/decode.h"

/* What decode.h says it leaves out is nothing to see. */
static int ignore_absent(int r)
{
	return r == -ENOENT ? 0 : r;
}

static int resync_if(bool doubtful)
{
	return doubtful ? FOLLOW_RESYNC : 0;
}

static int follow_link(struct nl_state *s, struct nlmsghdr *h)
{
	const struct nl_link *old;
	struct nl_link link;
	int r = decode_link(h, &link);
	bool went_down;

	if (r < 0)
		return ignore_absent(r);
	old = model_link_by_index(s, link.ifindex);
	went_down = old && old->up && (h->nlmsg_type == RTM_DELLINK || !link.up);
	r = h->nlmsg_type == RTM_DELLINK ? model_drop_link(s, link.ifindex)
					 : model_put_link(s, &link);
	if (r < 0)
		return r;
	return r | resync_if(went_down && model_routes_use_link(s, link.ifindex));
}

static int follow_addr(struct nl_state *s, struct nlmsghdr *h)
{
	struct nl_ifaddr addr;
	int r = decode_addr(h, &addr);

	if (r < 0)
		return ignore_absent(r);
	if (h->nlmsg_type == RTM_NEWADDR)
		return model_put_addr(s, &addr);
	/* With its last address a link loses its IPv4 routes, with its source a route itself. */
	return (model_drop_addr(s, &addr) ? FOLLOW_CHANGED : 0) |
	       resync_if(model_routes_use_link(s, addr.ifindex) ||
			 model_routes_use_source(s, &addr.local.addr));
}

/* `ip route replace` by anybody: what was in the place is gone, and only this message tells. */
static int clear_place(struct nl_state *s, const struct nl_route *route)
{
	int changed = model_drop_route(s, route) ? FOLLOW_CHANGED : 0;

	for (;;) {
		const struct nl_route *rival = model_find_rival(s, route);
		struct nl_route key;

		if (!rival)
			return changed;
		key = *rival;
		model_drop_route(s, &key);
		changed = FOLLOW_CHANGED;
	}
}

static int put_route(
	struct nl_state *s, const struct nlmsghdr *h, const struct nl_route *route, bool keep)
{
	int changed = 0, r;

	if (h->nlmsg_flags & NLM_F_REPLACE)
		changed = clear_place(s, route);
	r = keep ? model_put_route(s, route) : 0;
	return r < 0 ? r : r | changed;
}

static int follow_route(struct nl_state *s, struct nlmsghdr *h, const struct follow_filter *filter)
{
	const struct nl_route *held;
	struct nl_route route;
	bool keep, piecemeal;
	int r = decode_route(h, &route);

	if (r < 0)
		return ignore_absent(r);
	keep = route.protocol == NL_PROTO_GATEHOUSE ||
	       (filter->keep_route && filter->keep_route(&route, filter->arg));
	held = model_find_route(s, &route);
	piecemeal = route.dst.addr.family == ADDR_V6 && keep &&
		    ((h->nlmsg_flags & NLM_F_APPEND) || (held && held->n_hops > 1));
	if (h->nlmsg_type == RTM_NEWROUTE)
		r = put_route(s, h, &route, keep);
	else
		r = model_drop_route(s, &route) ? FOLLOW_CHANGED : 0;
	return r < 0 ? r : r | resync_if(piecemeal);
}

static bool nexthop_concerns_us(const struct nl_nexthop *n)
{
	return n->protocol == NL_PROTO_GATEHOUSE ||
	       (n->id >= NL_NEXTHOP_FIRST && n->id <= NL_NEXTHOP_LAST);
}

/* With a next hop go its routes, and groups shrink: not all of that is told. */
static int follow_nexthop(struct nl_state *s, struct nlmsghdr *h)
{
	struct nl_nexthop nexthop;
	int r = decode_nexthop(h, &nexthop);

	if (r < 0)
		return ignore_absent(r);
	if (h->nlmsg_type == RTM_NEWNEXTHOP)
		return nexthop_concerns_us(&nexthop) ? model_put_nexthop(s, &nexthop) : 0;
	return model_drop_nexthop(s, nexthop.id) ? FOLLOW_CHANGED | FOLLOW_RESYNC : 0;
}

static int follow_rule(struct nl_state *s, struct nlmsghdr *h)
{
	struct nl_rule rule;
	int r = decode_rule(h, &rule);

	if (r < 0)
		return ignore_absent(r);
	if (h->nlmsg_type == RTM_NEWRULE)
		return model_put_rule(s, &rule);
	return model_drop_rule(s, &rule) ? FOLLOW_CHANGED : 0;
}

int follow_message(struct nl_state *s, struct nlmsghdr *h, const struct follow_filter *filter)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return follow_link(s, h);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return follow_addr(s, h);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return follow_nexthop(s, h);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return follow_route(s, h, filter);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return follow_rule(s, h);
	}
	return 0;
}
