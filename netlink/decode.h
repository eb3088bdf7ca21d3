/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From rtnetlink messages (linux/rtnetlink.h, linux/nexthop.h, linux/fib_rules.h) to values of the
 * model. Pure: bytes in, struct out. The add and delete messages of one kind of object are decoded
 * alike.
 *
 * Each function returns 0, -EINVAL for a malformed message, or -ENOENT for one that is well-formed
 * but about something that the model leaves out; `out` is set only on 0.
 */
#ifndef NETLINK_DECODE_H
#define NETLINK_DECODE_H

#include <linux/netlink.h>

#include "netlink/model.h"

/* Left out: what bridges and other families tell about a link on the side. */
int decode_link(struct nlmsghdr *h, struct nl_link *out);

/* Left out: families other than IPv4 and IPv6. */
int decode_addr(struct nlmsghdr *h, struct nl_ifaddr *out);

/*
 * Left out: other families, cached clones, and routes for a TOS or an IPv6 source, whose place in
 * the table is not one of ours. Of more than NL_HOPS_MAX next hops the first are kept.
 */
int decode_route(struct nlmsghdr *h, struct nl_route *out);

/* What the struct cannot hold makes it `opaque`. Of more than NL_HOPS_MAX members the first stay.
 */
int decode_nexthop(struct nlmsghdr *h, struct nl_nexthop *out);

/* Left out: other families. What the struct cannot hold makes it `opaque`. */
int decode_rule(struct nlmsghdr *h, struct nl_rule *out);

#endif
