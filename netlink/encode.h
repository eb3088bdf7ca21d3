/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From ops and questions to rtnetlink messages, built attribute by attribute: libnl-route knows
 * neither IFA_PROTO nor everything in our rules. Pure. Each returns a message of the caller's to
 * nlmsg_free, or NULL when out of memory.
 */
#ifndef NETLINK_ENCODE_H
#define NETLINK_ENCODE_H

#include <netlink/msg.h>

#include "netlink/diff.h"
#include "netlink/way.h"

/* The request that carries out `op`. Adding insists that nothing is in the place (NLM_F_EXCL). */
struct nl_msg *encode_op(const struct diff_op *op);

/*
 * Change what `flags` and `mask` (IFF_*) name, the MTU unless 0. Going up also sets
 * promote_secondaries.
 */
struct nl_msg *encode_link(uint32_t ifindex, unsigned int flags, unsigned int mask, uint32_t mtu);

/* RTM_GETLINK or RTM_DELLINK of a link by name. */
struct nl_msg *encode_link_by_name(int type, const char *name);

/*
 * Dumps, in the form that NETLINK_GET_STRICT_CHK asks for. Routes of one family (AF_INET, AF_INET6)
 * and, unless they are 0, one protocol and one table; a kernel that does not filter sends more.
 */
struct nl_msg *encode_dump_links(void);
struct nl_msg *encode_dump_addrs(void);
struct nl_msg *encode_dump_routes(unsigned char family, uint8_t protocol, uint32_t table);
struct nl_msg *encode_dump_rules(unsigned char family);

/* Next hops all, and one by its id. */
struct nl_msg *encode_dump_nexthops(void);
struct nl_msg *encode_get_nexthop(uint32_t id);

/* RTM_GETROUTE for one datagram. */
struct nl_msg *encode_way(const struct way_query *query);

#endif
