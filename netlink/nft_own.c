/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/nft_own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <stdlib.h>

#define FLAG_OWNER 2
#define FLAG_PERSIST 4 /* the headers of Linux 6.1 have no name for it */
#define BATCH_SIZE 4096

struct nft_own {
	const char *name;
	struct mnl_socket *socket;
};

/* One transaction: all of it happens or nothing. */
struct batch {
	char buffer[BATCH_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t len;
};

int nft_own_new(const char *name, struct nft_own **out)
{
	struct nft_own *own = calloc(1, sizeof(*own));
	int r;

	if (!own)
		return -ENOMEM;
	own->name = name;
	own->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!own->socket || mnl_socket_bind(own->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		nft_own_free(own);
		return r;
	}
	*out = own;
	return 0;
}

void nft_own_free(struct nft_own *own)
{
	if (own && own->socket)
		mnl_socket_close(own->socket);
	free(own);
}

/* --- messages --------------------------------------------------------------------------------- */

static struct nlmsghdr *add(
	struct batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t res_id)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(batch->buffer + batch->len);
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(h, sizeof(*nfg));

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return h;
}

/* Every message is complete when the next begins. */
static void end(struct batch *batch, const struct nlmsghdr *h)
{
	batch->len += MNL_ALIGN(h->nlmsg_len);
}

static struct nlmsghdr *add_change(
	struct batch *batch, const struct nft_own *own, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = add(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
		NLM_F_ACK | flags, NFPROTO_INET, 0);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, own->name);
	return h;
}

static void begin(struct batch *batch)
{
	batch->len = 0;
	end(batch, add(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

/* Made if it is not there, else with its flags changed to these. */
static void add_table(struct batch *batch, const struct nft_own *own, uint32_t flags)
{
	struct nlmsghdr *h = add_change(batch, own, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	mnl_attr_put_u32(h, NFTA_TABLE_FLAGS, htonl(flags));
	end(batch, h);
}

/* One that is not there would be an error, one that is nobody's must be taken first. */
static void add_removal(struct batch *batch, const struct nft_own *own)
{
	add_table(batch, own, FLAG_OWNER | FLAG_PERSIST);
	end(batch, add_change(batch, own, NFT_MSG_DELTABLE, 0));
}

static void add_timeout(
	struct batch *batch, const struct nft_own *own, const struct nft_own_timeout *timeout)
{
	struct nlmsghdr *h = add_change(batch, own, NFT_MSG_NEWOBJ, NLM_F_CREATE);
	struct nlattr *data, *values;

	mnl_attr_put_strz(h, NFTA_OBJ_NAME, timeout->name);
	mnl_attr_put_u32(h, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_CT_TIMEOUT));
	data = mnl_attr_nest_start(h, NFTA_OBJ_DATA);
	mnl_attr_put_u16(h, NFTA_CT_TIMEOUT_L3PROTO, htons(timeout->family));
	mnl_attr_put_u8(h, NFTA_CT_TIMEOUT_L4PROTO, timeout->protocol);
	values = mnl_attr_nest_start(h, NFTA_CT_TIMEOUT_DATA);
	_Static_assert((int)CTA_TIMEOUT_ICMP_TIMEOUT == (int)CTA_TIMEOUT_ICMPV6_TIMEOUT, "");
	mnl_attr_put_u32(h, CTA_TIMEOUT_ICMP_TIMEOUT, htonl(timeout->seconds));
	mnl_attr_nest_end(h, values);
	mnl_attr_nest_end(h, data);
	end(batch, h);
}

/* The first error of what the kernel answered, which it has when the sending returns. */
static int take_answers(const struct nft_own *own)
{
	char buffer[BATCH_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;
	int r = 0;

	while ((n = mnl_socket_recvfrom(own->socket, buffer, sizeof(buffer))) > 0) {
		int len = (int)n;

		for (const struct nlmsghdr *h = (void *)buffer; mnl_nlmsg_ok(h, len);
			h = mnl_nlmsg_next(h, &len)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type == NLMSG_ERROR &&
				mnl_nlmsg_get_payload_len(h) >= sizeof(*answer) && r == 0)
				r = answer->error;
		}
	}
	return r < 0 || errno == EAGAIN ? r : -errno;
}

static int commit(struct batch *batch, const struct nft_own *own)
{
	end(batch, add(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	if (mnl_socket_sendto(own->socket, batch->buffer, batch->len) < 0)
		return -errno;
	return take_answers(own);
}

/* --- the table -------------------------------------------------------------------------------- */

int nft_own_open(struct nft_own *own, const struct nft_own_timeout *timeouts, size_t n)
{
	struct batch batch;

	begin(&batch);
	add_removal(&batch, own);
	add_table(&batch, own, FLAG_PERSIST);
	for (size_t i = 0; i < n; i++)
		add_timeout(&batch, own, &timeouts[i]);
	return commit(&batch, own);
}

int nft_own_take(struct nft_own *own)
{
	struct batch batch;

	begin(&batch);
	add_table(&batch, own, FLAG_OWNER | FLAG_PERSIST);
	return commit(&batch, own);
}

int nft_own_remove(struct nft_own *own)
{
	struct batch batch;

	begin(&batch);
	add_removal(&batch, own);
	return commit(&batch, own);
}
