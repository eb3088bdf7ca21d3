/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings a ruleset into the kernel, and tells whether it is there. */
#ifndef NATD_LOAD_H
#define NATD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct listing;
struct nft;

/* What the kernel has of a ruleset. */
enum load_state {
	LOAD_VERIFIED, /* all of it and nothing else, read back and compared */
	LOAD_DIFFERS,  /* a table of our name that says something else */
	LOAD_MISSING,  /* no table of our name */
};

/*
 * Compare the kernel's table with `wanted`. *state is set and, unless it is LOAD_VERIFIED, `why`
 * filled. Returns 0, or a negative errno with `why` filled if the kernel could not be asked.
 */
int load_verify(struct nft *nft, const struct listing *wanted, enum load_state *state, char *why,
	size_t whylen);

/*
 * Put a ruleset (and `wanted`, the same taken apart) in the place of what our table has, in one
 * transaction, then verify it. Returns 0 if it is in force; -EINVAL if the kernel refused it, so
 * that nothing has changed; -EBADMSG if it was taken but does not read back the same; or another
 * negative errno. `why` is filled on failure.
 */
int load_ruleset(struct nft *nft, const char *ruleset, const struct listing *wanted, char *why,
	size_t whylen);

/*
 * Print what would change if `wanted` took the place of what our table has (natd/listing_diff.h).
 * Returns 1 if anything would, 0 if not, or a negative errno with `why` filled.
 */
int load_diff(struct nft *nft, const struct listing *wanted, FILE *f, char *why, size_t whylen);

/*
 * Whether our table has a block with this head. Returns 1 or 0, also if there is no table, or a
 * negative errno with `why` filled.
 */
int load_has(struct nft *nft, const char *head, char *why, size_t whylen);

/*
 * Whether a natd runs in this network namespace, whichever its run directory is: it holds the guard
 * (natd/ruleset.h). False as well where the kernel has no tables with an owner.
 */
bool load_is_claimed(struct nft *nft);

/* Remove our table. Returns 0, also if there was none, or a negative errno with `why` filled. */
int load_remove(struct nft *nft, char *why, size_t whylen);

#endif
