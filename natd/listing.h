/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of nf_tables as text, taken apart so that two texts can be compared: the ruleset that we
 * wrote, and what nft lists of the kernel. Layout, comments, the order of blocks and of a set's
 * elements do not count. What a table collects while it works does not count either: elements of
 * dynamic sets. Nor does the policy of a timeout object, since nft leaves out of its list what
 * equals a default; our names of such objects tell their values.
 *
 * The comparison is the proof that a ruleset is in force. It does not trust that a transaction
 * reported success: the kernel's bytecode is turned back into words and these must be the words
 * that the config means, each chain with its hook, priority and policy. An nft that writes a word
 * in another way makes it fail loudly, never pass.
 */
#ifndef NATD_LISTING_H
#define NATD_LISTING_H

#include <stdbool.h>
#include <stddef.h>

/* "chain forward" and its statements, or a lone statement of the table (then n is 0). */
struct listing_block {
	char *head;
	char **statements;
	size_t n;
	bool lone;
};

/* Blocks sorted by head. */
struct listing {
	struct listing_block *blocks;
	size_t n;
};

/*
 * Take apart the text of one table. The caller frees *out with listing_free. Returns 0, -EINVAL if
 * that is no table, or -ENOMEM.
 */
int listing_parse(const char *text, struct listing **out);
void listing_free(struct listing *listing);
void listing_freep(struct listing **listing); /* for __attribute__((cleanup)) */

/* The block with this head, or NULL. */
const struct listing_block *listing_find(const struct listing *listing, const char *head);

bool listing_block_equal(const struct listing_block *a, const struct listing_block *b);

/* True if both say the same; else `why` names the first difference. */
bool listing_equal(
	const struct listing *wanted, const struct listing *found, char *why, size_t whylen);

#endif
