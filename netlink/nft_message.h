/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says when something of nf_tables has changed. Pure. */
#ifndef NETLINK_NFT_MESSAGE_H
#define NETLINK_NFT_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

/* Who changed something, as far as the kernel tells. */
struct nft_change {
	char process[16]; /* name of the process, "" if unknown; any bytes but NUL may be in it */
	uint32_t pid;     /* as the initial process namespace counts, 0 if unknown */
};

/* Of an object (a table, a rule ...) that was changed, or of the transaction that did, at its end.
 */
struct nft_message {
	bool is_end;
	const char *table;        /* that the object is in, or is; borrowed; NULL if it says none */
	struct nft_change change; /* of the transaction */
};

/* The message's length must be that of what is in memory. Returns 0, or -EBADMSG if it is neither.
 */
int nft_message_parse(const struct nlmsghdr *message, struct nft_message *out);

#endif
