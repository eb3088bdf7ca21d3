/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/decode.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert((int)NL_ROUTE_UNICAST == (int)RTN_UNICAST, "route types are the kernel's");
_Static_assert((int)NL_ROUTE_BLACKHOLE == (int)RTN_BLACKHOLE, "route types are the kernel's");
_Static_assert((int)NL_ROUTE_UNREACHABLE == (int)RTN_UNREACHABLE, "route types are the kernel's");
_Static_assert(NL_TABLE_MAIN == RT_TABLE_MAIN, "tables are the kernel's");
_Static_assert(NL_NAME_SIZE == IF_NAMESIZE, "link names fit");

static enum addr_family family_of(unsigned char af)
{
	return af == AF_INET ? ADDR_V4 : af == AF_INET6 ? ADDR_V6 : ADDR_NONE;
}

/* An address attribute; false if its length does not fit the family. */
static bool take_addr(struct nlattr *attr, enum addr_family family, struct addr *out)
{
	struct addr a = {.family = (uint8_t)family};

	if (nla_len(attr) != (int)addr_bits(family) / 8)
		return false;
	memcpy(a.bytes, nla_data(attr), (size_t)nla_len(attr));
	*out = a;
	return true;
}

/* A prefix whose length is in the message's header; without attribute all of the family. */
static bool take_prefix(
	struct nlattr *attr, enum addr_family family, uint8_t len, struct prefix *out)
{
	struct prefix p = {.addr.family = (uint8_t)family, .len = len};

	if (len > addr_bits(family) || (!attr && len != 0) ||
		(attr && !take_addr(attr, family, &p.addr)))
		return false;
	*out = p;
	return true;
}

int decode_link(struct nlmsghdr *h, struct nl_link *out)
{
	static struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = {.type = NLA_STRING},
		[IFLA_MTU] = {.type = NLA_U32},
		[IFLA_LINKINFO] = {.type = NLA_NESTED},
	};
	static struct nla_policy info_policy[IFLA_INFO_MAX + 1] = {
		[IFLA_INFO_KIND] = {.type = NLA_STRING},
	};
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct ifinfomsg *ifi = nlmsg_data(h);
	struct nl_link link = {0};

	if (nlmsg_parse(h, sizeof(*ifi), tb, IFLA_MAX, policy) < 0)
		return -EINVAL;
	/*
	 * Bridges report a port's coming and going as a link's, under their own family; wireless
	 * drivers report events as links without a name.
	 */
	if (ifi->ifi_family != AF_UNSPEC || !tb[IFLA_IFNAME])
		return -ENOENT;
	if (ifi->ifi_index <= 0)
		return -EINVAL;
	link.ifindex = (uint32_t)ifi->ifi_index;
	link.up = ifi->ifi_flags & IFF_UP;
	link.running = ifi->ifi_flags & IFF_RUNNING;
	nla_strlcpy(link.name, tb[IFLA_IFNAME], sizeof(link.name));
	if (tb[IFLA_MTU])
		link.mtu = nla_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_LINKINFO]) {
		if (nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], info_policy) < 0)
			return -EINVAL;
		if (info[IFLA_INFO_KIND])
			nla_strlcpy(link.kind, info[IFLA_INFO_KIND], sizeof(link.kind));
	}
	*out = link;
	return 0;
}

int decode_addr(struct nlmsghdr *h, struct nl_ifaddr *out)
{
	static struct nla_policy policy[IFA_MAX + 1] = {
		[IFA_FLAGS] = {.type = NLA_U32},
		[IFA_PROTO] = {.type = NLA_U8},
	};
	struct nlattr *tb[IFA_MAX + 1], *local;
	struct ifaddrmsg *ifa = nlmsg_data(h);
	struct nl_ifaddr addr = {0};
	enum addr_family family;

	if (nlmsg_parse(h, sizeof(*ifa), tb, IFA_MAX, policy) < 0)
		return -EINVAL;
	family = family_of(ifa->ifa_family);
	if (family == ADDR_NONE)
		return -ENOENT;
	/* With a peer, IFA_ADDRESS is the peer's. */
	local = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!local || !take_prefix(local, family, ifa->ifa_prefixlen, &addr.local))
		return -EINVAL;
	addr.ifindex = ifa->ifa_index;
	addr.flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : ifa->ifa_flags;
	if (tb[IFA_PROTO])
		addr.protocol = nla_get_u8(tb[IFA_PROTO]);
	*out = addr;
	return 0;
}

static struct nla_policy route_policy[RTA_MAX + 1] = {
	[RTA_TABLE] = {.type = NLA_U32},
	[RTA_PRIORITY] = {.type = NLA_U32},
	[RTA_OIF] = {.type = NLA_U32},
	[RTA_METRICS] = {.type = NLA_NESTED},
	[RTA_NH_ID] = {.type = NLA_U32},
};

/* The next hop that a set of attributes describes, the message's own or one of RTA_MULTIPATH. */
static bool take_hop(struct nlattr *gateway, uint32_t ifindex, uint8_t weight,
	enum addr_family family, struct nl_hop *out)
{
	struct nl_hop hop = {.ifindex = ifindex, .weight = weight};

	if (gateway && !take_addr(gateway, family, &hop.gateway))
		return false;
	*out = hop;
	return true;
}

/* RTA_MULTIPATH: records of a header, its length included, and attributes. Each step moves on. */
static bool take_hops(struct nlattr *multipath, enum addr_family family, struct nl_route *route)
{
	struct rtnexthop *nh = nla_data(multipath);
	size_t left = (size_t)nla_len(multipath);

	while (left >= sizeof(*nh) && route->n_hops < NL_HOPS_MAX) {
		struct nlattr *tb[RTA_MAX + 1];
		size_t step = NLMSG_ALIGN(nh->rtnh_len);

		if (nh->rtnh_len < sizeof(*nh) || nh->rtnh_len > left ||
			nla_parse(tb, RTA_MAX, (struct nlattr *)RTNH_DATA(nh),
				nh->rtnh_len - (int)sizeof(*nh), route_policy) < 0 ||
			!take_hop(tb[RTA_GATEWAY], (uint32_t)nh->rtnh_ifindex,
				(uint8_t)(nh->rtnh_hops == 255 ? 255 : nh->rtnh_hops + 1), family,
				&route->hops[route->n_hops]))
			return false;
		route->n_hops++;
		left -= step < left ? step : left;
		nh = (struct rtnexthop *)((char *)nh + step);
	}
	return true;
}

static bool take_metrics(struct nlattr *metrics, struct nl_route *route)
{
	static struct nla_policy policy[RTAX_MAX + 1] = {
		[RTAX_MTU] = {.type = NLA_U32},
		[RTAX_LOCK] = {.type = NLA_U32},
	};
	struct nlattr *tb[RTAX_MAX + 1];

	if (nla_parse_nested(tb, RTAX_MAX, metrics, policy) < 0)
		return false;
	if (tb[RTAX_MTU])
		route->mtu = nla_get_u32(tb[RTAX_MTU]);
	route->mtu_locked = tb[RTAX_LOCK] && nla_get_u32(tb[RTAX_LOCK]) & 1U << RTAX_MTU;
	return true;
}

/* Everything in a route's attributes but destination and header. */
static bool take_route_attrs(struct nlattr **tb, enum addr_family family, struct nl_route *route)
{
	if (tb[RTA_PRIORITY])
		route->metric = nla_get_u32(tb[RTA_PRIORITY]);
	if (tb[RTA_PREFSRC] && !take_addr(tb[RTA_PREFSRC], family, &route->prefsrc))
		return false;
	if (tb[RTA_METRICS] && !take_metrics(tb[RTA_METRICS], route))
		return false;
	if (route->type != NL_ROUTE_UNICAST)
		return true; /* IPv6 reports unreachable routes as leaving by lo */
	/* The kernel tells beside the id what stands behind it. */
	if (tb[RTA_NH_ID])
		route->nexthop = nla_get_u32(tb[RTA_NH_ID]);
	if (route->nexthop)
		return true;
	if (tb[RTA_MULTIPATH])
		return take_hops(tb[RTA_MULTIPATH], family, route);
	if (tb[RTA_OIF] || tb[RTA_GATEWAY]) {
		route->n_hops = 1;
		return take_hop(tb[RTA_GATEWAY], tb[RTA_OIF] ? nla_get_u32(tb[RTA_OIF]) : 0, 1,
			family, &route->hops[0]);
	}
	return true;
}

int decode_route(struct nlmsghdr *h, struct nl_route *out)
{
	struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg *rtm = nlmsg_data(h);
	struct nl_route route = {0};
	enum addr_family family;

	if (nlmsg_parse(h, sizeof(*rtm), tb, RTA_MAX, route_policy) < 0)
		return -EINVAL;
	family = family_of(rtm->rtm_family);
	if (family == ADDR_NONE || rtm->rtm_tos || rtm->rtm_src_len ||
		(rtm->rtm_flags & RTM_F_CLONED))
		return -ENOENT;
	if (!take_prefix(tb[RTA_DST], family, rtm->rtm_dst_len, &route.dst))
		return -EINVAL;
	route.table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	route.type = rtm->rtm_type;
	route.protocol = rtm->rtm_protocol;
	if (!take_route_attrs(tb, family, &route))
		return -EINVAL;
	*out = route;
	return 0;
}

/* NHA_GROUP: an array of fixed records. */
static bool take_members(struct nlattr *group, struct nl_nexthop *out)
{
	const struct nexthop_grp *members = nla_data(group);
	size_t n = (size_t)nla_len(group) / sizeof(*members);

	if (n == 0 || (size_t)nla_len(group) % sizeof(*members) != 0)
		return false;
	out->opaque |= n > NL_HOPS_MAX;
	for (size_t i = 0; i < n && i < NL_HOPS_MAX; i++) {
		/* A newer kernel has weights past 256, with the high byte beside. */
		out->opaque |= members[i].weight == UINT8_MAX || members[i].resvd1;
		out->members[i] = (struct nl_member){.id = members[i].id,
			.weight =
				(uint8_t)(members[i].weight == UINT8_MAX ? UINT8_MAX
									 : members[i].weight + 1)};
		out->n_members++;
	}
	return true;
}

int decode_nexthop(struct nlmsghdr *h, struct nl_nexthop *out)
{
	static struct nla_policy policy[NHA_MAX + 1] = {
		[NHA_ID] = {.type = NLA_U32},
		[NHA_OIF] = {.type = NLA_U32},
		[NHA_GROUP_TYPE] = {.type = NLA_U16},
	};
	struct nlattr *tb[NHA_MAX + 1];
	struct nhmsg *nhm = nlmsg_data(h);
	struct nl_nexthop nexthop = {0};

	if (nlmsg_parse(h, sizeof(*nhm), tb, NHA_MAX, policy) < 0 || !tb[NHA_ID])
		return -EINVAL;
	nexthop.id = nla_get_u32(tb[NHA_ID]);
	nexthop.family = (uint8_t)family_of(nhm->nh_family);
	nexthop.protocol = nhm->nh_protocol;
	nexthop.opaque =
		tb[NHA_BLACKHOLE] || tb[NHA_GATEWAY] || tb[NHA_ENCAP] || tb[NHA_FDB] ||
		(tb[NHA_GROUP_TYPE] && nla_get_u16(tb[NHA_GROUP_TYPE]) != NEXTHOP_GRP_TYPE_MPATH);
	if (tb[NHA_OIF])
		nexthop.ifindex = nla_get_u32(tb[NHA_OIF]);
	if (tb[NHA_GROUP] && !take_members(tb[NHA_GROUP], &nexthop))
		return -EINVAL;
	*out = nexthop;
	return 0;
}

/*
 * True if the message has a selector or action that struct nl_rule lacks, one of a newer kernel
 * included: such a rule must never be taken for one of the plain rules that we want.
 */
static bool rule_is_opaque(struct nlmsghdr *h)
{
	const uint64_t known = 1ULL << FRA_DST | 1ULL << FRA_SRC | 1ULL << FRA_IIFNAME |
			       1ULL << FRA_PRIORITY | 1ULL << FRA_FWMARK |
			       1ULL << FRA_SUPPRESS_PREFIXLEN | 1ULL << FRA_TABLE |
			       1ULL << FRA_FWMASK | 1ULL << FRA_PROTOCOL | 1ULL << FRA_PAD;
	struct fib_rule_hdr *frh = nlmsg_data(h);
	struct nlattr *attr;
	int left;

	nlmsg_for_each_attr(attr, h, sizeof(*frh), left)
	{
		int type = nla_type(attr);

		if (type == FRA_L3MDEV && nla_len(attr) == 1 && nla_get_u8(attr) == 0)
			continue; /* always there on kernels with l3mdev */
		if (type > 63 || !(known & 1ULL << type))
			return true;
	}
	return (frh->action != FR_ACT_TO_TBL && frh->action != FR_ACT_UNREACHABLE) || frh->tos;
}

int decode_rule(struct nlmsghdr *h, struct nl_rule *out)
{
	static struct nla_policy policy[FRA_MAX + 1] = {
		[FRA_IIFNAME] = {.type = NLA_STRING},
		[FRA_PRIORITY] = {.type = NLA_U32},
		[FRA_FWMARK] = {.type = NLA_U32},
		[FRA_FWMASK] = {.type = NLA_U32},
		[FRA_TABLE] = {.type = NLA_U32},
		[FRA_SUPPRESS_PREFIXLEN] = {.type = NLA_U32},
		[FRA_PROTOCOL] = {.type = NLA_U8},
	};
	struct nlattr *tb[FRA_MAX + 1];
	struct fib_rule_hdr *frh = nlmsg_data(h);
	struct nl_rule rule = {.suppress_prefixlength = NL_SUPPRESS_NONE};
	enum addr_family family;

	if (nlmsg_parse(h, sizeof(*frh), tb, FRA_MAX, policy) < 0)
		return -EINVAL;
	family = family_of(frh->family);
	if (family == ADDR_NONE)
		return -ENOENT;
	/* Any address is ADDR_NONE in a rule, whatever its family. */
	if ((frh->src_len && !take_prefix(tb[FRA_SRC], family, frh->src_len, &rule.src)) ||
		(frh->dst_len && !take_prefix(tb[FRA_DST], family, frh->dst_len, &rule.dst)))
		return -EINVAL;
	rule.family = (uint8_t)family;
	rule.unreachable = frh->action == FR_ACT_UNREACHABLE;
	rule.table = tb[FRA_TABLE] ? nla_get_u32(tb[FRA_TABLE]) : frh->table;
	rule.invert = frh->flags & FIB_RULE_INVERT;
	rule.opaque = rule_is_opaque(h);
	if (tb[FRA_PRIORITY])
		rule.priority = nla_get_u32(tb[FRA_PRIORITY]);
	if (tb[FRA_FWMARK])
		rule.fwmark = nla_get_u32(tb[FRA_FWMARK]);
	if (tb[FRA_FWMASK])
		rule.fwmask = nla_get_u32(tb[FRA_FWMASK]);
	if (tb[FRA_SUPPRESS_PREFIXLEN])
		rule.suppress_prefixlength = (int32_t)nla_get_u32(tb[FRA_SUPPRESS_PREFIXLEN]);
	if (tb[FRA_PROTOCOL])
		rule.protocol = nla_get_u8(tb[FRA_PROTOCOL]);
	if (tb[FRA_IIFNAME])
		nla_strlcpy(rule.iif, tb[FRA_IIFNAME], sizeof(rule.iif));
	*out = rule;
	return 0;
}
