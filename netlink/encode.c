/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/encode.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/ip.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <sys/socket.h>

/*
 * A message under construction. The first attribute that does not fit spoils it, so that only
 * finish() needs to be checked.
 */
struct draft {
	struct nl_msg *msg;
	bool spoilt;
};

static struct draft begin(int type, int flags, void *header, size_t size)
{
	struct draft d = {.msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)};

	d.spoilt = !d.msg || nlmsg_append(d.msg, header, size, NLMSG_ALIGNTO) < 0;
	return d;
}

static struct nl_msg *finish(struct draft *d)
{
	if (!d->spoilt)
		return d->msg;
	nlmsg_free(d->msg);
	return NULL;
}

static void add(struct draft *d, int type, const void *data, size_t size)
{
	d->spoilt = d->spoilt || nla_put(d->msg, type, (int)size, data) < 0;
}

static void add_u8(struct draft *d, int type, uint8_t value)
{
	add(d, type, &value, sizeof(value));
}

static void add_be16(struct draft *d, int type, uint16_t value)
{
	value = htons(value);
	add(d, type, &value, sizeof(value));
}

static void add_u32(struct draft *d, int type, uint32_t value)
{
	add(d, type, &value, sizeof(value));
}

static void add_text(struct draft *d, int type, const char *text)
{
	add(d, type, text, strlen(text) + 1);
}

static void add_addr(struct draft *d, int type, const struct addr *a)
{
	add(d, type, a->bytes, addr_bits(a->family) / 8);
}

static struct nlattr *open_nest(struct draft *d, int type)
{
	struct nlattr *nest = d->spoilt ? NULL : nla_nest_start(d->msg, type);

	d->spoilt = d->spoilt || !nest;
	return nest;
}

static void close_nest(struct draft *d, struct nlattr *nest)
{
	if (!d->spoilt)
		nla_nest_end(d->msg, nest);
}

static unsigned char af_of(enum addr_family family)
{
	return family == ADDR_V6 ? AF_INET6 : AF_INET;
}

/* --- links ------------------------------------------------------------------------------------ */
struct nl_msg *encode_link(uint32_t ifindex, unsigned int flags, unsigned int mask, uint32_t mtu)
{
	struct ifinfomsg ifi = {.ifi_index = (int)ifindex, .ifi_flags = flags, .ifi_change = mask};
	struct draft d = begin(RTM_SETLINK, 0, &ifi, sizeof(ifi));

	if (mtu)
		add_u32(&d, IFLA_MTU, mtu);
	if (flags & IFF_UP) {
		struct nlattr *spec = open_nest(&d, IFLA_AF_SPEC);
		struct nlattr *inet = open_nest(&d, AF_INET);
		struct nlattr *conf = open_nest(&d, IFLA_INET_CONF);

		add_u32(&d, IPV4_DEVCONF_PROMOTE_SECONDARIES, 1);
		close_nest(&d, conf);
		close_nest(&d, inet);
		close_nest(&d, spec);
	}
	return finish(&d);
}

struct nl_msg *encode_link_by_name(int type, const char *name)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct draft d = begin(type, 0, &ifi, sizeof(ifi));

	add_text(&d, IFLA_IFNAME, name);
	return finish(&d);
}

/* --- addresses -------------------------------------------------------------------------------- */
static struct nl_msg *encode_addr(int type, int flags, const struct nl_ifaddr *a)
{
	enum addr_family family = a->local.addr.family;
	struct ifaddrmsg ifa = {
		.ifa_family = af_of(family),
		.ifa_prefixlen = a->local.len,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = a->ifindex,
	};
	struct draft d = begin(type, flags, &ifa, sizeof(ifa));

	add_addr(&d, IFA_LOCAL, &a->local.addr);
	add_addr(&d, IFA_ADDRESS, &a->local.addr);
	add_u8(&d, IFA_PROTO, NL_PROTO_GATEHOUSE);
	/* Nobody else can have the address at the far end of a tunnel: usable at once. */
	if (family == ADDR_V6)
		add_u32(&d, IFA_FLAGS, IFA_F_NODAD);
	return finish(&d);
}

/* --- next hops -------------------------------------------------------------------------------- */
static void add_members(struct draft *d, const struct nl_nexthop *n)
{
	struct nexthop_grp members[NL_HOPS_MAX] = {0};

	for (size_t i = 0; i < n->n_members; i++) {
		members[i].id = n->members[i].id;
		members[i].weight = (uint8_t)(n->members[i].weight ? n->members[i].weight - 1 : 0);
	}
	add(d, NHA_GROUP, members, n->n_members * sizeof(members[0]));
}

static struct nl_msg *encode_nexthop(int flags, const struct nl_nexthop *n)
{
	struct nhmsg nhm = {
		.nh_family = n->n_members > 0 ? AF_UNSPEC : af_of(n->family),
		.nh_protocol = n->protocol,
	};
	struct draft d = begin(RTM_NEWNEXTHOP, flags, &nhm, sizeof(nhm));

	add_u32(&d, NHA_ID, n->id);
	if (n->n_members > 0)
		add_members(&d, n);
	else
		add_u32(&d, NHA_OIF, n->ifindex);
	return finish(&d);
}

static struct nl_msg *encode_nexthop_id(int type, int flags, uint32_t id)
{
	struct nhmsg nhm = {.nh_family = AF_UNSPEC};
	struct draft d = begin(type, flags, &nhm, sizeof(nhm));

	if (id)
		add_u32(&d, NHA_ID, id);
	return finish(&d);
}

/* --- routes ----------------------------------------------------------------------------------- */
static void add_multipath(struct draft *d, const struct nl_route *r)
{
	struct nlattr *nest = open_nest(d, RTA_MULTIPATH);

	for (size_t i = 0; i < r->n_hops && !d->spoilt; i++) {
		const struct nl_hop *hop = &r->hops[i];
		size_t gateway_size = addr_bits(hop->gateway.family) / 8;
		struct rtnexthop *nh = nlmsg_reserve(d->msg, sizeof(*nh), NLMSG_ALIGNTO);

		d->spoilt = !nh;
		if (d->spoilt)
			return;
		*nh = (struct rtnexthop){
			.rtnh_len =
				(unsigned short)(sizeof(*nh) +
						 (gateway_size ? nla_total_size((int)gateway_size)
							       : 0)),
			.rtnh_hops = (unsigned char)(hop->weight ? hop->weight - 1 : 0),
			.rtnh_ifindex = (int)hop->ifindex,
		};
		if (gateway_size)
			add_addr(d, RTA_GATEWAY, &hop->gateway);
	}
	close_nest(d, nest);
}

static void add_hops(struct draft *d, const struct nl_route *r)
{
	if (r->nexthop) {
		add_u32(d, RTA_NH_ID, r->nexthop);
	} else if (r->n_hops > 1) {
		add_multipath(d, r);
	} else if (r->n_hops == 1) {
		add_u32(d, RTA_OIF, r->hops[0].ifindex);
		if (r->hops[0].gateway.family != ADDR_NONE)
			add_addr(d, RTA_GATEWAY, &r->hops[0].gateway);
	}
}

static void add_mtu(struct draft *d, const struct nl_route *r)
{
	struct nlattr *nest = open_nest(d, RTA_METRICS);

	add_u32(d, RTAX_MTU, r->mtu);
	if (r->mtu_locked)
		add_u32(d, RTAX_LOCK, 1U << RTAX_MTU);
	close_nest(d, nest);
}

/* A route straight onto a link reaches no further than the link. */
static unsigned char scope_of(const struct nl_route *r)
{
	bool on_link = !r->nexthop && r->n_hops == 1 && r->hops[0].gateway.family == ADDR_NONE;

	return on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

static struct draft begin_route(int type, int flags, unsigned char scope, const struct nl_route *r)
{
	struct rtmsg rtm = {
		.rtm_family = af_of(r->dst.addr.family),
		.rtm_dst_len = r->dst.len,
		.rtm_table = r->table < 256 ? (unsigned char)r->table : RT_TABLE_UNSPEC,
		.rtm_protocol = r->protocol,
		.rtm_scope = scope,
		.rtm_type = r->type,
	};
	struct draft d = begin(type, flags, &rtm, sizeof(rtm));

	add_addr(&d, RTA_DST, &r->dst.addr);
	add_u32(&d, RTA_TABLE, r->table);
	if (r->metric)
		add_u32(&d, RTA_PRIORITY, r->metric);
	return d;
}

static struct nl_msg *encode_route(int flags, const struct nl_route *r)
{
	struct draft d = begin_route(RTM_NEWROUTE, flags, scope_of(r), r);

	add_hops(&d, r);
	/*
	 * To a nexthop object also if it is none: a route without metrics shares what Linux keeps
	 * of any other IPv4 route to that object, and so the metrics of the one that it replaces.
	 */
	if (r->mtu || r->nexthop)
		add_mtu(&d, r);
	if (r->prefsrc.family != ADDR_NONE)
		add_addr(&d, RTA_PREFSRC, &r->prefsrc);
	return finish(&d);
}

/*
 * Its place, type and protocol name it, and the protocol keeps strangers' safe. Without next hops
 * IPv6 deletes all of them at once.
 */
static struct nl_msg *encode_route_del(const struct nl_route *r)
{
	struct draft d = begin_route(RTM_DELROUTE, 0, RT_SCOPE_NOWHERE, r);

	return finish(&d);
}

/* --- rules ------------------------------------------------------------------------------------ */
static struct nl_msg *encode_rule(int type, int flags, const struct nl_rule *r)
{
	struct fib_rule_hdr frh = {
		.family = af_of(r->family),
		.src_len = r->src.len,
		.dst_len = r->dst.len,
		.table = r->table < 256 ? (unsigned char)r->table : RT_TABLE_UNSPEC,
		.action = r->unreachable ? FR_ACT_UNREACHABLE : FR_ACT_TO_TBL,
		.flags = r->invert ? FIB_RULE_INVERT : 0,
	};
	struct draft d = begin(type, flags, &frh, sizeof(frh));

	add_u32(&d, FRA_PRIORITY, r->priority);
	if (!r->unreachable)
		add_u32(&d, FRA_TABLE, r->table);
	add_u8(&d, FRA_PROTOCOL, r->protocol);
	if (r->src.len)
		add_addr(&d, FRA_SRC, &r->src.addr);
	if (r->dst.len)
		add_addr(&d, FRA_DST, &r->dst.addr);
	if (r->fwmask) {
		add_u32(&d, FRA_FWMARK, r->fwmark);
		add_u32(&d, FRA_FWMASK, r->fwmask);
	}
	if (r->iif[0])
		add_text(&d, FRA_IIFNAME, r->iif);
	if (r->suppress_prefixlength != NL_SUPPRESS_NONE)
		add_u32(&d, FRA_SUPPRESS_PREFIXLEN, (uint32_t)r->suppress_prefixlength);
	return finish(&d);
}

struct nl_msg *encode_op(const struct diff_op *op)
{
	const int create = NLM_F_CREATE | NLM_F_EXCL, replace = NLM_F_CREATE | NLM_F_REPLACE;

	switch (op->kind) {
	case DIFF_LINK_SET:
		return encode_link(op->link.ifindex, op->link.up ? IFF_UP : 0,
			op->link.up ? IFF_UP : 0, op->link.mtu);
	case DIFF_ADDR_ADD:
		return encode_addr(RTM_NEWADDR, create, &op->addr);
	case DIFF_ADDR_DEL:
		return encode_addr(RTM_DELADDR, 0, &op->addr);
	case DIFF_NEXTHOP_ADD:
		return encode_nexthop(create, &op->nexthop);
	case DIFF_NEXTHOP_REPLACE:
		return encode_nexthop(replace, &op->nexthop);
	case DIFF_NEXTHOP_DEL:
		return encode_nexthop_id(RTM_DELNEXTHOP, 0, op->nexthop.id);
	case DIFF_ROUTE_ADD:
		return encode_route(create, &op->route);
	case DIFF_ROUTE_REPLACE:
		return encode_route(replace, &op->route);
	case DIFF_ROUTE_DEL:
		return encode_route_del(&op->route);
	case DIFF_RULE_ADD:
		return encode_rule(RTM_NEWRULE, create, &op->rule);
	case DIFF_RULE_DEL:
		return encode_rule(RTM_DELRULE, 0, &op->rule);
	}
	return NULL;
}

/* --- dumps ------------------------------------------------------------------------------------ */
struct nl_msg *encode_dump_links(void)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC};
	struct draft d = begin(RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));

	add_u32(&d, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return finish(&d);
}

struct nl_msg *encode_dump_addrs(void)
{
	struct ifaddrmsg ifa = {.ifa_family = AF_UNSPEC};
	struct draft d = begin(RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa));

	return finish(&d);
}

struct nl_msg *encode_dump_nexthops(void)
{
	return encode_nexthop_id(RTM_GETNEXTHOP, NLM_F_DUMP, 0);
}

struct nl_msg *encode_get_nexthop(uint32_t id)
{
	return encode_nexthop_id(RTM_GETNEXTHOP, 0, id);
}

struct nl_msg *encode_dump_routes(unsigned char family, uint8_t protocol, uint32_t table)
{
	struct rtmsg rtm = {.rtm_family = family, .rtm_protocol = protocol};
	struct draft d = begin(RTM_GETROUTE, NLM_F_DUMP, &rtm, sizeof(rtm));

	if (table)
		add_u32(&d, RTA_TABLE, table);
	return finish(&d);
}

struct nl_msg *encode_dump_rules(unsigned char family)
{
	struct fib_rule_hdr frh = {.family = family};
	struct draft d = begin(RTM_GETRULE, NLM_F_DUMP, &frh, sizeof(frh));

	return finish(&d);
}

struct nl_msg *encode_way(const struct way_query *query)
{
	const unsigned char bits = (unsigned char)addr_bits(query->remote.family);
	struct rtmsg rtm = {.rtm_family = af_of(query->remote.family),
		.rtm_dst_len = bits,
		.rtm_src_len = bits};
	struct draft d = begin(RTM_GETROUTE, 0, &rtm, sizeof(rtm));

	add_addr(&d, RTA_DST, &query->remote);
	add_addr(&d, RTA_SRC, &query->local);
	add_u8(&d, RTA_IP_PROTO, IPPROTO_UDP);
	add_be16(&d, RTA_SPORT, query->local_port);
	add_be16(&d, RTA_DPORT, query->remote_port);
	if (query->fwmark)
		add_u32(&d, RTA_MARK, query->fwmark);
	return finish(&d);
}
