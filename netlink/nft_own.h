/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of nf_tables that nobody but this process may change, and that outlives it: with the
 * kernel's flags `owner` and `persist` (Linux 6.9). libnftables up to 1.0.9 has no word for the
 * second, so the table is made and taken here, and filled by libnftables in between, while it is
 * nobody's. What also is made here are timeouts of ICMP, for which nft has no word at all.
 *
 * When the process ends, however it ends, the table stays as it is, but is anybody's to change.
 */
#ifndef NETLINK_NFT_OWN_H
#define NETLINK_NFT_OWN_H

#include <stddef.h>
#include <stdint.h>

struct nft_own;

/* An object of the table: how long flows of a protocol may be silent that a rule gives it to. */
struct nft_own_timeout {
	const char *name;
	uint8_t family;   /* AF_INET or AF_INET6 */
	uint8_t protocol; /* IPPROTO_ICMP or IPPROTO_ICMPV6 */
	uint32_t seconds;
};

/*
 * The table `name` of the family inet, in the current network namespace; the name is borrowed.
 * Nothing is done to it yet. Returns 0 or a negative errno.
 */
int nft_own_new(const char *name, struct nft_own **out);
void nft_own_free(struct nft_own *own);

/*
 * Replace the table by an empty one with these timeouts, which is open to all until it is taken.
 * Returns 0; -EPERM if it is another process's; or another negative errno: this kernel knows no
 * such tables.
 */
int nft_own_open(struct nft_own *own, const struct nft_own_timeout *timeouts, size_t n);

/* Let nobody else change it any more. Returns 0 or a negative errno. */
int nft_own_take(struct nft_own *own);

/* Remove it, whether it is ours or nobody's. Returns as nft_own_open. */
int nft_own_remove(struct nft_own *own);

#endif
