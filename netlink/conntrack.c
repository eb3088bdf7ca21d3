/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/conntrack.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <string.h>

const char *const conntrack_state_names[CONNTRACK_STATES] = {
	[CONNTRACK_NO_STATE] = "none",
	[CONNTRACK_SYN_SENT] = "syn_sent",
	[CONNTRACK_SYN_RECV] = "syn_recv",
	[CONNTRACK_ESTABLISHED] = "established",
	[CONNTRACK_FIN_WAIT] = "fin_wait",
	[CONNTRACK_CLOSE_WAIT] = "close_wait",
	[CONNTRACK_LAST_ACK] = "last_ack",
	[CONNTRACK_TIME_WAIT] = "time_wait",
	[CONNTRACK_CLOSE] = "close",
	[CONNTRACK_SYN_SENT2] = "syn_sent2",
};
_Static_assert((int)CONNTRACK_SYN_SENT2 == TCP_CONNTRACK_SYN_SENT2 &&
		       (int)CONNTRACK_STATES == TCP_CONNTRACK_MAX,
	"the states are the kernel's");

bool conntrack_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

/* The attributes of one direction's tuple. */
struct side {
	enum nf_conntrack_attr v4_src, v4_dst, v6_src, v6_dst, src_port, dst_port;
};
static const struct side original = {ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_SRC,
	ATTR_ORIG_IPV6_DST, ATTR_ORIG_PORT_SRC, ATTR_ORIG_PORT_DST};
static const struct side reply = {ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_SRC,
	ATTR_REPL_IPV6_DST, ATTR_REPL_PORT_SRC, ATTR_REPL_PORT_DST};

static int get_addr(const struct nf_conntrack *ct, enum nf_conntrack_attr v4,
	enum nf_conntrack_attr v6, struct addr *out)
{
	bool is_v4 = nfct_attr_is_set(ct, v4) > 0;
	const void *bytes = is_v4                          ? nfct_get_attr(ct, v4)
			    : nfct_attr_is_set(ct, v6) > 0 ? nfct_get_attr(ct, v6)
							   : NULL;

	if (!bytes)
		return -EBADMSG;
	*out = (struct addr){.family = is_v4 ? ADDR_V4 : ADDR_V6};
	memcpy(out->bytes, bytes, is_v4 ? 4 : 16);
	return 0;
}

static int get_tuple(
	const struct nf_conntrack *ct, const struct side *side, struct conntrack_tuple *out)
{
	int r = get_addr(ct, side->v4_src, side->v6_src, &out->src);

	if (r == 0)
		r = get_addr(ct, side->v4_dst, side->v6_dst, &out->dst);
	if (r == 0 && out->src.family != out->dst.family)
		r = -EBADMSG;
	if (nfct_attr_is_set(ct, side->src_port) > 0 && nfct_attr_is_set(ct, side->dst_port) > 0) {
		out->src_port = ntohs(nfct_get_attr_u16(ct, side->src_port));
		out->dst_port = ntohs(nfct_get_attr_u16(ct, side->dst_port));
	}
	return r;
}

/* The kernel tells the id of both directions, but the library only one. */
static void get_icmp(const struct nf_conntrack *ct, struct conntrack_flow *flow)
{
	uint16_t id = ntohs(nfct_get_attr_u16(ct, ATTR_ICMP_ID));
	uint16_t kind = (uint16_t)(nfct_get_attr_u8(ct, ATTR_ICMP_TYPE) << 8 |
				   nfct_get_attr_u8(ct, ATTR_ICMP_CODE));

	flow->original.src_port = flow->reply.dst_port = id;
	flow->original.dst_port = flow->reply.src_port = kind;
}

static void get_counts(const struct nf_conntrack *ct, struct conntrack_flow *flow)
{
	flow->has_counts = nfct_attr_is_set(ct, ATTR_ORIG_COUNTER_PACKETS) > 0 &&
			   nfct_attr_is_set(ct, ATTR_REPL_COUNTER_PACKETS) > 0;
	if (!flow->has_counts)
		return;
	flow->sent.packets = nfct_get_attr_u64(ct, ATTR_ORIG_COUNTER_PACKETS);
	flow->sent.bytes = nfct_get_attr_u64(ct, ATTR_ORIG_COUNTER_BYTES);
	flow->received.packets = nfct_get_attr_u64(ct, ATTR_REPL_COUNTER_PACKETS);
	flow->received.bytes = nfct_get_attr_u64(ct, ATTR_REPL_COUNTER_BYTES);
}

static int get_flow(const struct nf_conntrack *ct, struct conntrack_flow *flow)
{
	uint32_t status = nfct_get_attr_u32(ct, ATTR_STATUS);
	int r = get_tuple(ct, &original, &flow->original);

	if (r == 0)
		r = get_tuple(ct, &reply, &flow->reply);
	if (r < 0 || nfct_attr_is_set(ct, ATTR_L4PROTO) <= 0)
		return -EBADMSG;
	if (nfct_attr_is_set(ct, ATTR_ICMP_TYPE) > 0)
		get_icmp(ct, flow);
	get_counts(ct, flow);
	flow->id = nfct_get_attr_u32(ct, ATTR_ID);
	flow->has_timeout = nfct_attr_is_set(ct, ATTR_TIMEOUT) > 0;
	flow->timeout_s = nfct_get_attr_u32(ct, ATTR_TIMEOUT);
	flow->zone = nfct_get_attr_u16(ct, ATTR_ZONE);
	flow->protocol = nfct_get_attr_u8(ct, ATTR_L4PROTO);
	flow->state = nfct_get_attr_u8(ct, ATTR_TCP_STATE);
	if (flow->state >= CONNTRACK_STATES)
		flow->state = CONNTRACK_NO_STATE;
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
		*event = message->nlmsg_flags & NLM_F_MULTI                   ? CONNTRACK_FOUND
			 : message->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL) ? CONNTRACK_NEW
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
	struct nf_conntrack *ct;
	int r;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg) ||
		message->nlmsg_len < MNL_NLMSG_HDRLEN)
		return -EBADMSG;
	r = get_event(message, event);
	if (r < 0)
		return r;
	ct = nfct_new();
	if (!ct)
		return -ENOMEM;
	r = nfct_nlmsg_parse(message, ct) < 0 ? -EBADMSG : get_flow(ct, &parsed);
	nfct_destroy(ct);
	if (r == 0)
		*flow = parsed;
	return r;
}
