/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ops of a diff in words, close to what one would type to `ip`. */
#include "netlink/diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text that grows to the right and is cut where the room ends. */
struct line {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct line *l, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(l->at, l->left, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= l->left)
		n = l->left ? (int)l->left - 1 : 0;
	l->at += n;
	l->left -= (size_t)n;
}

static void say_link(
	struct line *l, const char *word, uint32_t ifindex, const struct nl_state *names)
{
	const struct nl_link *link = model_link_by_index(names, ifindex);

	if (link)
		say(l, " %s %s", word, link->name);
	else
		say(l, " %s if%u", word, ifindex);
}

static void say_prefix(struct line *l, const char *word, const struct prefix *p)
{
	char text[PREFIX_STRLEN];

	if (p->addr.family != ADDR_NONE)
		say(l, " %s%s%s", word, *word ? " " : "", prefix_format(p, text));
}

static void say_addr(struct line *l, const char *word, const struct addr *a)
{
	char text[ADDR_STRLEN];

	if (a->family != ADDR_NONE)
		say(l, " %s %s", word, addr_format(a, text));
}

static void describe_link(struct line *l, const struct nl_link *link, const struct nl_state *names)
{
	const char *name = link->name;

	if (*name)
		say(l, " %s", name);
	else
		say_link(l, "dev", link->ifindex, names);
	if (link->up)
		say(l, " up");
	if (link->mtu)
		say(l, " mtu %u", link->mtu);
}

static void describe_addr(struct line *l, const struct nl_ifaddr *a, const struct nl_state *names)
{
	say_prefix(l, "", &a->local);
	say_link(l, "dev", a->ifindex, names);
}

static void describe_nexthop(
	struct line *l, const struct nl_nexthop *n, const struct nl_state *names)
{
	say(l, " %u", n->id);
	if (n->n_members == 0)
		say_link(l, n->family == ADDR_V6 ? "v6 dev" : "dev", n->ifindex, names);
	for (size_t i = 0; i < n->n_members; i++) {
		const struct nl_nexthop *member = model_find_nexthop(names, n->members[i].id);

		if (member && member->n_members == 0)
			say_link(l, i ? "and" : "group of", member->ifindex, names);
		else
			say(l, " %s %u", i ? "and" : "group of", n->members[i].id);
		if (n->members[i].weight > 1)
			say(l, " weight %u", n->members[i].weight);
	}
}

static void describe_route(struct line *l, const struct nl_route *r, const struct nl_state *names)
{
	if (r->type == NL_ROUTE_BLACKHOLE)
		say(l, " blackhole");
	else if (r->type == NL_ROUTE_UNREACHABLE)
		say(l, " unreachable");
	say_prefix(l, "", &r->dst);
	if (r->nexthop)
		say(l, " nexthop %u", r->nexthop);
	for (size_t i = 0; i < r->n_hops; i++) {
		if (r->n_hops > 1)
			say(l, " nexthop");
		say_addr(l, "via", &r->hops[i].gateway);
		say_link(l, "dev", r->hops[i].ifindex, names);
		if (r->n_hops > 1 && r->hops[i].weight > 1)
			say(l, " weight %u", r->hops[i].weight);
	}
	if (r->table != NL_TABLE_MAIN)
		say(l, " table %u", r->table);
	if (r->metric)
		say(l, " metric %u", r->metric);
	if (r->mtu)
		say(l, r->mtu_locked ? " mtu lock %u" : " mtu %u", r->mtu);
	say_addr(l, "src", &r->prefsrc);
}

static void describe_rule(struct line *l, const struct nl_rule *r)
{
	say(l, " %s%u:", r->family == ADDR_V6 ? "v6 " : "", r->priority);
	if (r->invert)
		say(l, " not");
	say_prefix(l, "from", &r->src);
	say_prefix(l, "to", &r->dst);
	if (r->fwmask)
		say(l, " fwmark 0x%x/0x%x", r->fwmark, r->fwmask);
	if (r->iif[0])
		say(l, " iif %s", r->iif);
	if (r->unreachable)
		say(l, " unreachable");
	else
		say(l, " lookup %u", r->table);
	if (r->suppress_prefixlength != NL_SUPPRESS_NONE)
		say(l, " suppress_prefixlength %d", r->suppress_prefixlength);
}

char *diff_describe_op(
	const struct diff_op *op, const struct nl_state *names, char out[static DIFF_LINE_SIZE])
{
	static const char *const verbs[] = {
		[DIFF_LINK_SET] = "set link",
		[DIFF_ADDR_ADD] = "add address",
		[DIFF_ADDR_DEL] = "delete address",
		[DIFF_NEXTHOP_ADD] = "add nexthop",
		[DIFF_NEXTHOP_REPLACE] = "replace nexthop",
		[DIFF_NEXTHOP_DEL] = "delete nexthop",
		[DIFF_ROUTE_ADD] = "add route",
		[DIFF_ROUTE_REPLACE] = "replace route",
		[DIFF_ROUTE_DEL] = "delete route",
		[DIFF_RULE_ADD] = "add rule",
		[DIFF_RULE_DEL] = "delete rule",
	};
	struct line l = {out, DIFF_LINE_SIZE};

	say(&l, "%s", verbs[op->kind]);
	switch (op->kind) {
	case DIFF_LINK_SET:
		describe_link(&l, &op->link, names);
		break;
	case DIFF_ADDR_ADD:
	case DIFF_ADDR_DEL:
		describe_addr(&l, &op->addr, names);
		break;
	case DIFF_NEXTHOP_ADD:
	case DIFF_NEXTHOP_REPLACE:
	case DIFF_NEXTHOP_DEL:
		describe_nexthop(&l, &op->nexthop, names);
		break;
	case DIFF_ROUTE_ADD:
	case DIFF_ROUTE_REPLACE:
	case DIFF_ROUTE_DEL:
		describe_route(&l, &op->route, names);
		break;
	case DIFF_RULE_ADD:
	case DIFF_RULE_DEL:
		describe_rule(&l, &op->rule);
		break;
	}
	return out;
}

char *diff_describe_problem(
	const struct diff_problem *p, const struct nl_state *names, char out[static DIFF_LINE_SIZE])
{
	struct line l = {out, DIFF_LINE_SIZE};

	diff_describe_op(&p->op, names, out);
	l.at += strlen(out);
	l.left -= strlen(out);
	switch (p->obstacle) {
	case DIFF_STRANGER:
		say(&l, ": another program's is in its place");
		break;
	case DIFF_NO_LINK:
		say(&l, ": the link does not exist");
		break;
	}
	return out;
}
