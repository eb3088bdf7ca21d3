/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allowed IPs: which peer owns an inner address, by longest prefix over the whole device. A
 * path-compressed binary trie for each family; a prefix has one owner. Each owner holds the list
 * of its own prefixes, so that listing and removing a peer do not walk the trie.
 */
#ifndef VPND_PROTO_ALLOWEDIPS_H
#define VPND_PROTO_ALLOWEDIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct allowedips;
struct allowedips_node;

/* Embedded in the peer, which must not move; zero is the empty list. */
struct allowedips_owner {
	struct allowedips_node *first;
	size_t count;
};

/* NULL on ENOMEM. Freeing the table leaves owners alone: remove_all for each comes before it. */
struct allowedips *allowedips_new(void);
void allowedips_free(struct allowedips *table);

/*
 * Give `prefix` to `owner`; from whoever had it, if anyone had. Host bits are ignored. Returns 0,
 * or with the table unchanged -ENOMEM, or -EINVAL for what is no prefix.
 */
int allowedips_insert(
	struct allowedips *table, const struct prefix *prefix, struct allowedips_owner *owner);

/* Take exactly `prefix` from `owner`; -ENOENT if it does not own it, -EINVAL as above. */
int allowedips_remove(
	struct allowedips *table, const struct prefix *prefix, struct allowedips_owner *owner);

/* Take everything from `owner`. */
void allowedips_remove_all(struct allowedips *table, struct allowedips_owner *owner);

/* The owner of the longest prefix that holds the address (4 or 16 bytes, network order), or NULL.
 */
struct allowedips_owner *allowedips_lookup_v4(
	const struct allowedips *table, const uint8_t addr[static 4]);
struct allowedips_owner *allowedips_lookup_v6(
	const struct allowedips *table, const uint8_t addr[static 16]);

/*
 * Walk an owner's prefixes: start with *cursor = NULL, false at the end. Order is unspecified; the
 * table must not change in between.
 */
bool allowedips_next(const struct allowedips_owner *owner, const struct allowedips_node **cursor,
	struct prefix *out);

#endif
