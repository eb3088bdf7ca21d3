/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables by nft's own library: rulesets go in and come out as text, in the current network
 * namespace. Calls block until the kernel has answered.
 */
#ifndef NETLINK_NFT_H
#define NETLINK_NFT_H

#include <stddef.h>

struct nft;

/* The library with its socket; `*out` is the caller's to free. Returns 0 or -ENOMEM. */
int nft_new(struct nft **out);
void nft_free(struct nft *nft);
void nft_freep(struct nft **nft); /* for __attribute__((cleanup)) */

/*
 * Carry out the commands of `text` in one transaction: all or none. Returns 0, or -EINVAL with the
 * first complaint of library or kernel in err.
 */
int nft_run(struct nft *nft, const char *text, char *err, size_t errlen);

/*
 * List a table as text, without counters' values. The caller frees *text. Returns 0, -ENOENT if
 * there is no such table, or -EINVAL with err filled.
 */
int nft_list(struct nft *nft, const char *family, const char *table, char **text, char *err,
	size_t errlen);

/* List the named counters of a table as the library's JSON. Otherwise as above. */
int nft_list_counters(struct nft *nft, const char *family, const char *table, char **json,
	char *err, size_t errlen);

#endif
