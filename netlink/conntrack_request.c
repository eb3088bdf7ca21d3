/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the kernel about flows: lists, deletions, statistics. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "netlink/conntrack.h"

#define LIST_BUFFER_SIZE 32768 /* bytes; the kernel fills no more at a time */
#define REQUEST_BUFFER_SIZE 8192
#define ANSWER_TIMEOUT_S                                                        \
	1 /* the kernel answers within the call: this is for what never happens \
	   */

static struct nlmsghdr *begin(
	char *buffer, uint8_t type, uint16_t flags, uint32_t seq, enum addr_family family)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *nfg;

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(h, sizeof(*nfg));
	nfg->nfgen_family = family == ADDR_V4 ? AF_INET : family == ADDR_V6 ? AF_INET6 : AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	return h;
}

/* --- listing ---------------------------------------------------------------------------------- */

struct conntrack_list {
	struct mnl_socket *socket;
	conntrack_fn found; /* of the call that is under way */
	void *arg;
	char buffer[LIST_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

int conntrack_list_new(enum addr_family family, struct conntrack_list **out)
{
	struct conntrack_list *list = calloc(1, sizeof(*list));
	struct nlmsghdr *h;
	int r = 0;

	if (!list)
		return -ENOMEM;
	list->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!list->socket || mnl_socket_bind(list->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	h = begin(list->buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, 1, family);
	if (r == 0 && mnl_socket_sendto(list->socket, h, h->nlmsg_len) < 0)
		r = -errno;
	if (r < 0) {
		conntrack_list_free(list);
		return r;
	}
	*out = list;
	return 0;
}

void conntrack_list_free(struct conntrack_list *list)
{
	if (!list)
		return;
	if (list->socket)
		mnl_socket_close(list->socket);
	free(list);
}

int conntrack_list_fd(const struct conntrack_list *list)
{
	return mnl_socket_get_fd(list->socket);
}

static int take_found(const struct nlmsghdr *h, void *arg)
{
	struct conntrack_list *list = arg;
	struct conntrack_flow flow;
	enum conntrack_event event;

	if (conntrack_parse(h, &flow, &event) == 0)
		list->found(CONNTRACK_FOUND, &flow, list->arg);
	return MNL_CB_OK;
}

int conntrack_list_read(struct conntrack_list *list, conntrack_fn found, void *arg)
{
	ssize_t n = mnl_socket_recvfrom(list->socket, list->buffer, sizeof(list->buffer));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	list->found = found;
	list->arg = arg;
	n = mnl_cb_run(
		list->buffer, (size_t)n, 1, mnl_socket_get_portid(list->socket), take_found, list);
	return n < 0 ? -errno : n != MNL_CB_STOP;
}

/* --- requests --------------------------------------------------------------------------------- */

struct conntrack_request {
	struct mnl_socket *socket;
	uint32_t seq;
	char buffer[REQUEST_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

int conntrack_request_new(struct conntrack_request **out)
{
	const struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	struct conntrack_request *request = calloc(1, sizeof(*request));
	int r = 0;

	if (!request)
		return -ENOMEM;
	request->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!request->socket || mnl_socket_bind(request->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		setsockopt(mnl_socket_get_fd(request->socket), SOL_SOCKET, SO_RCVTIMEO, &limit,
			sizeof(limit)) < 0)
		r = -errno;
	if (r < 0) {
		conntrack_request_free(request);
		return r;
	}
	*out = request;
	return 0;
}

void conntrack_request_free(struct conntrack_request *request)
{
	if (!request)
		return;
	if (request->socket)
		mnl_socket_close(request->socket);
	free(request);
}

/* Send what is in the buffer and take the answer, up to its end. */
static int exchange(struct conntrack_request *request, mnl_cb_t take, void *arg)
{
	const struct nlmsghdr *h = (const void *)request->buffer;
	int r;

	if (mnl_socket_sendto(request->socket, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(
			request->socket, request->buffer, sizeof(request->buffer));

		if (n < 0)
			return -errno;
		r = mnl_cb_run(request->buffer, (size_t)n, request->seq,
			mnl_socket_get_portid(request->socket), take, arg);
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

static void put_addrs(struct nlmsghdr *h, const struct conntrack_tuple *tuple)
{
	bool v4 = tuple->src.family == ADDR_V4;
	struct nlattr *nest = mnl_attr_nest_start(h, CTA_TUPLE_IP);

	mnl_attr_put(h, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, v4 ? 4 : 16, tuple->src.bytes);
	mnl_attr_put(h, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, v4 ? 4 : 16, tuple->dst.bytes);
	mnl_attr_nest_end(h, nest);
}

static void put_protocol(struct nlmsghdr *h, uint8_t protocol, const struct conntrack_tuple *tuple)
{
	struct nlattr *nest = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	bool v6 = protocol == IPPROTO_ICMPV6;

	mnl_attr_put_u8(h, CTA_PROTO_NUM, protocol);
	if (conntrack_is_icmp(protocol)) {
		mnl_attr_put_u16(
			h, v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, htons(tuple->src_port));
		mnl_attr_put_u8(h, v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE,
			(uint8_t)(tuple->dst_port >> 8));
		mnl_attr_put_u8(h, v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE,
			(uint8_t)tuple->dst_port);
	} else {
		mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(tuple->src_port));
		mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(tuple->dst_port));
	}
	mnl_attr_nest_end(h, nest);
}

int conntrack_delete(struct conntrack_request *request, const struct conntrack_flow *flow)
{
	struct nlmsghdr *h = begin(request->buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, ++request->seq,
		flow->original.src.family);
	struct nlattr *tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG);

	put_addrs(h, &flow->original);
	put_protocol(h, flow->protocol, &flow->original);
	mnl_attr_nest_end(h, tuple);
	if (flow->zone)
		mnl_attr_put_u16(h, CTA_ZONE, htons(flow->zone));
	mnl_attr_put_u32(h, CTA_ID, htonl(flow->id));
	return exchange(request, NULL, NULL);
}

/* --- statistics ------------------------------------------------------------------------------- */

static int add_stat(const struct nlattr *attr, void *arg)
{
	struct conntrack_stats *stats = arg;
	uint64_t *const counters[] = {
		[CTA_STATS_INVALID] = &stats->invalid,
		[CTA_STATS_INSERT_FAILED] = &stats->insert_failed,
		[CTA_STATS_DROP] = &stats->drop,
		[CTA_STATS_EARLY_DROP] = &stats->early_drop,
		[CTA_STATS_CLASH_RESOLVE] = &stats->clash_resolve,
		[CTA_STATS_CHAIN_TOOLONG] = &stats->chain_toolong,
	};
	uint16_t type = mnl_attr_get_type(attr);

	if (type < sizeof(counters) / sizeof(counters[0]) && counters[type] &&
		mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		*counters[type] += ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

static int take_cpu(const struct nlmsghdr *h, void *arg)
{
	return mnl_attr_parse(h, sizeof(struct nfgenmsg), add_stat, arg);
}

int conntrack_read_stats(struct conntrack_request *request, struct conntrack_stats *out)
{
	struct conntrack_stats stats = {0};
	int r;

	begin(request->buffer, IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_DUMP, ++request->seq, ADDR_NONE);
	r = exchange(request, take_cpu, &stats);
	if (r == 0)
		*out = stats;
	return r;
}
