/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * There is one message an object, then one with the new generation and the process that asked for
 * it. The first attribute of every object's message is the name of its table.
 */
#include "netlink/nft_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

_Static_assert((int)NFTA_TABLE_NAME == (int)NFTA_CHAIN_TABLE &&
		       (int)NFTA_TABLE_NAME == (int)NFTA_RULE_TABLE &&
		       (int)NFTA_TABLE_NAME == (int)NFTA_SET_TABLE &&
		       (int)NFTA_TABLE_NAME == (int)NFTA_SET_ELEM_LIST_TABLE &&
		       (int)NFTA_TABLE_NAME == (int)NFTA_OBJ_TABLE &&
		       (int)NFTA_TABLE_NAME == (int)NFTA_FLOWTABLE_TABLE,
	"every object names its table by the same attribute");

static int see_object(const struct nlattr *attr, void *arg)
{
	struct nft_message *out = arg;

	if (mnl_attr_get_type(attr) == NFTA_TABLE_NAME &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		out->table = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static int see_end(const struct nlattr *attr, void *arg)
{
	struct nft_message *out = arg;

	if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_PID &&
		mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		out->change.pid = ntohl(mnl_attr_get_u32(attr));
	if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_NAME &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		strncpy(out->change.process, mnl_attr_get_str(attr),
			sizeof(out->change.process) - 1);
	return MNL_CB_OK;
}

int nft_message_parse(const struct nlmsghdr *message, struct nft_message *out)
{
	struct nft_message parsed = {
		.is_end = NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWGEN};

	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
		message->nlmsg_len < MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg)) ||
		mnl_attr_parse(message, sizeof(struct nfgenmsg),
			parsed.is_end ? see_end : see_object, &parsed) != MNL_CB_OK)
		return -EBADMSG;
	*out = parsed;
	return 0;
}
