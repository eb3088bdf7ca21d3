/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/apply.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/decode.h"
#include "netlink/encode.h"
#include "netlink/request.h"

struct apply {
	struct nl_sock *sk;
};

int apply_new(struct apply **out)
{
	struct apply *a __attribute__((cleanup(apply_freep))) = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	r = request_open(&a->sk);
	if (r < 0)
		return r;
	*out = a;
	a = NULL;
	return 0;
}

void apply_free(struct apply *a)
{
	if (!a)
		return;
	nl_socket_free(a->sk);
	free(a);
}

void apply_freep(struct apply **a)
{
	apply_free(*a);
}

/* --- races ------------------------------------------------------------------------------------
 * The diff was made from what netlink had told until then. In the meantime the world may have moved
 * to where the op would take it.
 */
static bool is_gone_already(enum diff_kind kind, int error)
{
	switch (kind) {
	case DIFF_ADDR_DEL:
		return error == -EADDRNOTAVAIL || error == -ENODEV;
	case DIFF_ROUTE_DEL:
		return error == -ESRCH || error == -ENODEV;
	case DIFF_RULE_DEL:
	case DIFF_NEXTHOP_DEL:
		return error == -ENOENT;
	case DIFF_LINK_SET:
	case DIFF_ADDR_ADD:
	case DIFF_NEXTHOP_ADD:
	case DIFF_NEXTHOP_REPLACE:
	case DIFF_ROUTE_ADD:
	case DIFF_ROUTE_REPLACE:
	case DIFF_RULE_ADD:
		break;
	}
	return false;
}

/* The kernel compares addresses and rules whole before it says so, but of a route only the place.
 */
static bool is_there_already(enum diff_kind kind, int error)
{
	return error == -EEXIST && (kind == DIFF_ADDR_ADD || kind == DIFF_RULE_ADD);
}

struct place {
	const struct nl_route *route;
	bool ours;
};

static int look_for_ours(struct nlmsghdr *h, void *arg)
{
	struct place *place = arg;
	struct nl_route r;

	if (decode_route(h, &r) == 0 && r.protocol == NL_PROTO_GATEHOUSE &&
		r.table == place->route->table && r.metric == place->route->metric &&
		prefix_equal(&r.dst, &place->route->dst))
		place->ours = true;
	return 0;
}

/* A route is in the place: take it over if it is ours, an earlier run's or a repeated event's. */
static int take_place(struct apply *a, const struct nl_route *route, char *text)
{
	const unsigned char family = route->dst.addr.family == ADDR_V6 ? AF_INET6 : AF_INET;
	const struct diff_op replace = {.kind = DIFF_ROUTE_REPLACE, .route = *route};
	struct place place = {.route = route};
	int r = request_run(a->sk, encode_dump_routes(family, NL_PROTO_GATEHOUSE, route->table),
		look_for_ours, &place, text);

	if (place.ours)
		return request_run(a->sk, encode_op(&replace), NULL, NULL, text);
	snprintf(text, REQUEST_TEXT_SIZE, "another program's is in its place");
	return r == -EINTR ? r : -EEXIST;
}

static int look_at_nexthop(struct nlmsghdr *h, void *arg)
{
	struct nl_nexthop n;
	bool *ours = arg;

	*ours = decode_nexthop(h, &n) == 0 && n.protocol == NL_PROTO_GATEHOUSE;
	return 0;
}

/* The same for the id of a next hop. */
static int take_id(struct apply *a, const struct nl_nexthop *nexthop, char *text)
{
	const struct diff_op replace = {.kind = DIFF_NEXTHOP_REPLACE, .nexthop = *nexthop};
	bool ours = false;

	if (request_run(a->sk, encode_get_nexthop(nexthop->id), look_at_nexthop, &ours, text) ==
			0 &&
		ours)
		return request_run(a->sk, encode_op(&replace), NULL, NULL, text);
	snprintf(text, REQUEST_TEXT_SIZE, "another program's has its id");
	return -EEXIST;
}

/* --- ops -------------------------------------------------------------------------------------- */
int apply_op(struct apply *a, const struct diff_op *op, const struct nl_state *names,
	char line[static APPLY_LINE_SIZE])
{
	char text[REQUEST_TEXT_SIZE];
	size_t used;
	int r = request_run(a->sk, encode_op(op), NULL, NULL, text);

	if (r == -EEXIST && op->kind == DIFF_ROUTE_ADD)
		r = take_place(a, &op->route, text);
	else if (r == -EEXIST && op->kind == DIFF_NEXTHOP_ADD)
		r = take_id(a, &op->nexthop, text);
	if (is_gone_already(op->kind, r) || is_there_already(op->kind, r))
		r = 0;
	used = strlen(diff_describe_op(op, names, line));
	if (r < 0)
		snprintf(line + used, APPLY_LINE_SIZE - used, *text ? ": %s (%s)" : ": %s",
			strerror(-r), text);
	return r;
}

int apply_diff(struct apply *a, const struct diff *d, const struct nl_state *names,
	void (*report)(const struct diff_op *op, int error, const char *line, void *arg), void *arg,
	struct apply_result *result)
{
	struct apply_result so_far = {0};
	int first = 0;

	for (size_t i = 0; i < d->n_ops; i++) {
		char line[APPLY_LINE_SIZE];
		int r;

		if (so_far.failed && d->ops[i].cleanup) {
			so_far.withheld++;
			continue;
		}
		r = apply_op(a, &d->ops[i], names, line);
		if (r < 0)
			so_far.failed++;
		else
			so_far.done++;
		first = first ? first : r;
		if (report)
			report(&d->ops[i], r, line, arg);
	}
	if (result)
		*result = so_far;
	return first;
}

/* --- links ------------------------------------------------------------------------------------ */
static int run(struct apply *a, struct nl_msg *msg)
{
	char text[REQUEST_TEXT_SIZE];

	return request_run(a->sk, msg, NULL, NULL, text);
}

static int take_link(struct nlmsghdr *h, void *arg)
{
	return decode_link(h, arg);
}

int apply_find_link(struct apply *a, const char *name, struct nl_link *out)
{
	struct nl_link link = {0};
	char text[REQUEST_TEXT_SIZE];
	int r = request_run(a->sk, encode_link_by_name(RTM_GETLINK, name), take_link, &link, text);

	if (r < 0)
		return r;
	*out = link;
	return 0;
}

int apply_link_up(struct apply *a, uint32_t ifindex)
{
	return run(a, encode_link(ifindex, IFF_UP, IFF_UP, 0));
}

int apply_link_down(struct apply *a, uint32_t ifindex)
{
	return run(a, encode_link(ifindex, 0, IFF_UP, 0));
}

int apply_link_mtu(struct apply *a, uint32_t ifindex, uint32_t mtu)
{
	return run(a, encode_link(ifindex, 0, 0, mtu));
}

int apply_link_delete(struct apply *a, const char *name)
{
	return run(a, encode_link_by_name(RTM_DELLINK, name));
}
