/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sorted arrays of values of one size, found by binary search. The array and its count are two
 * plain members of the owner's struct, which everybody may read.
 */
#ifndef NETLINK_SORTED_H
#define NETLINK_SORTED_H

#include <stdbool.h>
#include <stddef.h>

/* What the items of an array are. */
struct sorted {
	size_t item_size;                             /* bytes */
	int (*compare)(const void *a, const void *b); /* of keys, as for qsort */
	bool (*same)(const void *a, const void *b);   /* of whole items whose keys are equal */
};

/* How many of the `n` items have a key below that of `key`: where it is, or would be. */
size_t sorted_rank(const struct sorted *of, const void *items, size_t n, const void *key);

/* The item with the key of `key`, or NULL; it stays there until the next change. */
const void *sorted_find(const struct sorted *of, const void *items, size_t n, const void *key);

/* True if both arrays hold the same `n` items. */
bool sorted_equal(const struct sorted *of, const void *a, const void *b, size_t n);

/*
 * Copy `item` in, over what has its key. `slot` is the address of the owner's pointer to the items,
 * which come from malloc and may move. Returns 1 if the array changed, 0 if not, -ENOMEM.
 */
int sorted_put(const struct sorted *of, void *slot, size_t *n, const void *item);

/* Remove the item with the key of `key`; false if there is none. */
bool sorted_drop(const struct sorted *of, void *slot, size_t *n, const void *key);

#endif
