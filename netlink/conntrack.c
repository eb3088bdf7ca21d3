/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages are read with libmnl alone. libnetfilter_conntrack knows them all, but ends the process
 * (exit(3)) when an attribute has not the size that it knows, and allocates an object for each.
 */
#include "netlink/conntrack.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "base/flow_words.h"

_Static_assert((int)CONNTRACK_SYN_SENT2 == TCP_CONNTRACK_SYN_SENT2 &&
		       (int)CONNTRACK_STATES == TCP_CONNTRACK_MAX &&
		       (int)CONNTRACK_STATES == FLOW_WORDS_TCP_STATES,
	"the states are the kernel's, and each has a word");

bool conntrack_is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

bool conntrack_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

/* --- attributes ------------------------------------------------------------------------------- */

#define ATTRS_MAX 32
_Static_assert(CTA_MAX < ATTRS_MAX && CTA_PROTO_MAX < ATTRS_MAX && CTA_IP_MAX < ATTRS_MAX &&
		       CTA_PROTOINFO_TCP_MAX < ATTRS_MAX && CTA_COUNTERS_MAX < ATTRS_MAX,
	"room for all that is looked at");

/* The attributes of a message or of a nest, by type; NULL for what is not there. */
struct attrs {
	const struct nlattr *of[ATTRS_MAX];
};

static int note(const struct nlattr *attr, void *arg)
{
	struct attrs *attrs = arg;

	if (mnl_attr_get_type(attr) < ATTRS_MAX)
		attrs->of[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* Returns 0 or -EBADMSG. */
static int open_nest(const struct nlattr *nest, struct attrs *out)
{
	*out = (struct attrs){0};
	return nest && mnl_attr_parse_nested(nest, note, out) == MNL_CB_OK ? 0 : -EBADMSG;
}

static bool has(const struct nlattr *attr, size_t len)
{
	return attr && mnl_attr_get_payload_len(attr) == len;
}

/* What is not there or of another size is 0. */
static uint8_t get_u8(const struct nlattr *attr)
{
	return has(attr, 1) ? mnl_attr_get_u8(attr) : 0;
}

static uint16_t get_u16(const struct nlattr *attr)
{
	return has(attr, 2) ? ntohs(mnl_attr_get_u16(attr)) : 0;
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return has(attr, 4) ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

static uint64_t get_u64(const struct nlattr *attr)
{
	return has(attr, 8) ? be64toh(mnl_attr_get_u64(attr)) : 0;
}

/* --- a flow ----------------------------------------------------------------------------------- */

static int get_addr(const struct nlattr *v4, const struct nlattr *v6, struct addr *out)
{
	if (has(v4, 4)) {
		*out = (struct addr){.family = ADDR_V4};
		memcpy(out->bytes, mnl_attr_get_payload(v4), 4);
		return 0;
	}
	if (has(v6, 16)) {
		*out = (struct addr){.family = ADDR_V6};
		memcpy(out->bytes, mnl_attr_get_payload(v6), 16);
		return 0;
	}
	return -EBADMSG;
}

/* What stands in the place of ports is where the one who began has his. */
static void get_ports(const struct attrs *proto, bool original, struct conntrack_tuple *out)
{
	bool v4 = proto->of[CTA_PROTO_ICMP_ID];
	uint16_t id = get_u16(proto->of[v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID]);
	uint8_t type = get_u8(proto->of[v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE]);
	uint8_t code = get_u8(proto->of[v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE]);
	uint16_t kind = (uint16_t)(type << 8 | code);

	if (v4 || proto->of[CTA_PROTO_ICMPV6_ID]) {
		out->src_port = original ? id : kind;
		out->dst_port = original ? kind : id;
		return;
	}
	out->src_port = get_u16(proto->of[CTA_PROTO_SRC_PORT]);
	out->dst_port = get_u16(proto->of[CTA_PROTO_DST_PORT]);
}

static int get_tuple(
	const struct nlattr *nest, bool original, uint8_t *protocol, struct conntrack_tuple *out)
{
	struct attrs tuple, ip, proto;

	if (open_nest(nest, &tuple) < 0 || open_nest(tuple.of[CTA_TUPLE_IP], &ip) < 0 ||
		open_nest(tuple.of[CTA_TUPLE_PROTO], &proto) < 0 ||
		get_addr(ip.of[CTA_IP_V4_SRC], ip.of[CTA_IP_V6_SRC], &out->src) < 0 ||
		get_addr(ip.of[CTA_IP_V4_DST], ip.of[CTA_IP_V6_DST], &out->dst) < 0 ||
		out->src.family != out->dst.family || !has(proto.of[CTA_PROTO_NUM], 1))
		return -EBADMSG;
	*protocol = get_u8(proto.of[CTA_PROTO_NUM]);
	get_ports(&proto, original, out);
	return 0;
}

static bool get_count(const struct nlattr *nest, struct conntrack_count *out)
{
	struct attrs attrs;

	if (!nest || open_nest(nest, &attrs) < 0)
		return false;
	out->packets = get_u64(attrs.of[CTA_COUNTERS_PACKETS]);
	out->bytes = get_u64(attrs.of[CTA_COUNTERS_BYTES]);
	return true;
}

static enum conntrack_state get_state(const struct nlattr *nest)
{
	struct attrs info, tcp;
	uint8_t state;

	if (!nest || open_nest(nest, &info) < 0 || open_nest(info.of[CTA_PROTOINFO_TCP], &tcp) < 0)
		return CONNTRACK_NO_STATE;
	state = get_u8(tcp.of[CTA_PROTOINFO_TCP_STATE]);
	return state < CONNTRACK_STATES ? state : CONNTRACK_NO_STATE;
}

static int get_flow(const struct attrs *attrs, struct conntrack_flow *flow)
{
	uint32_t status = get_u32(attrs->of[CTA_STATUS]);
	uint8_t answering;

	if (get_tuple(attrs->of[CTA_TUPLE_ORIG], true, &flow->protocol, &flow->original) < 0 ||
		get_tuple(attrs->of[CTA_TUPLE_REPLY], false, &answering, &flow->reply) < 0)
		return -EBADMSG;
	if (conntrack_is_icmp(flow->protocol))
		flow->reply.src_port =
			flow->original.dst_port; /* the request's, not the answer's */
	flow->has_counts = get_count(attrs->of[CTA_COUNTERS_ORIG], &flow->sent);
	flow->has_counts &= get_count(attrs->of[CTA_COUNTERS_REPLY], &flow->received);
	flow->id = get_u32(attrs->of[CTA_ID]);
	flow->has_timeout = has(attrs->of[CTA_TIMEOUT], 4);
	flow->timeout_s = get_u32(attrs->of[CTA_TIMEOUT]);
	flow->zone = get_u16(attrs->of[CTA_ZONE]);
	flow->state = (uint8_t)get_state(attrs->of[CTA_PROTOINFO]);
	flow->replied = status & IPS_SEEN_REPLY;
	flow->assured = status & IPS_ASSURED;
	flow->src_nat = status & IPS_SRC_NAT;
	flow->dst_nat = status & IPS_DST_NAT;
	return 0;
}

static int get_event(const struct nlmsghdr *message, enum conntrack_event *event)
{
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_CTNETLINK)
		return -EBADMSG;
	switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
	case IPCTNL_MSG_CT_NEW:
		if (message->nlmsg_flags & NLM_F_MULTI)
			*event = CONNTRACK_FOUND;
		else
			*event = message->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)
					 ? CONNTRACK_NEW
					 : CONNTRACK_UPDATE;
		return 0;
	case IPCTNL_MSG_CT_DELETE:
		*event = CONNTRACK_DESTROY;
		return 0;
	default:
		return -EBADMSG;
	}
}

int conntrack_parse(
	const struct nlmsghdr *message, struct conntrack_flow *flow, enum conntrack_event *event)
{
	struct conntrack_flow parsed = {0};
	struct attrs attrs = {0};

	if (message->nlmsg_len < MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg)) ||
		get_event(message, event) < 0 ||
		mnl_attr_parse(message, sizeof(struct nfgenmsg), note, &attrs) != MNL_CB_OK ||
		get_flow(&attrs, &parsed) < 0)
		return -EBADMSG;
	*flow = parsed;
	return 0;
}
