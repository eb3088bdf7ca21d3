/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No capacity is kept: an array of n items has room for the next power of two at least. Exactly
 * when n is zero or a power of two there may be no room for one more, and it is made.
 */
#include "netlink/sorted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t sorted_rank(const struct sorted *of, const void *items, size_t n, const void *key)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (of->compare((const char *)items + middle * of->item_size, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const void *sorted_find(const struct sorted *of, const void *items, size_t n, const void *key)
{
	size_t at = sorted_rank(of, items, n, key);
	const char *place;

	if (at == n)
		return NULL;
	place = (const char *)items + at * of->item_size;
	return of->compare(place, key) == 0 ? place : NULL;
}

bool sorted_equal(const struct sorted *of, const void *a, const void *b, size_t n)
{
	for (size_t at = 0; at < n * of->item_size; at += of->item_size) {
		const char *x = (const char *)a + at, *y = (const char *)b + at;

		if (of->compare(x, y) != 0 || !of->same(x, y))
			return false;
	}
	return true;
}

/* The pointer that `slot` is the address of: of another type than any here, so copied, not cast. */
static char *load(const void *slot)
{
	char *items;

	memcpy(&items, slot, sizeof(items));
	return items;
}

int sorted_put(const struct sorted *of, void *slot, size_t *n, const void *item)
{
	char *items = load(slot), *place;
	size_t at = sorted_rank(of, items, *n, item);

	if (sorted_find(of, items, *n, item)) {
		place = items + at * of->item_size;
		if (of->same(place, item))
			return 0;
		memcpy(place, item, of->item_size);
		return 1;
	}
	if ((*n & (*n - 1)) == 0) {
		items = reallocarray(items, *n ? 2 * *n : 1, of->item_size);
		if (!items)
			return -ENOMEM;
		memcpy(slot, &items, sizeof(items));
	}
	place = items + at * of->item_size;
	memmove(place + of->item_size, place, (*n - at) * of->item_size);
	memcpy(place, item, of->item_size);
	++*n;
	return 1;
}

bool sorted_drop(const struct sorted *of, void *slot, size_t *n, const void *key)
{
	char *items = load(slot), *place;
	size_t at = sorted_rank(of, items, *n, key);

	if (!sorted_find(of, items, *n, key))
		return false;
	place = items + at * of->item_size;
	--*n;
	memmove(place, place + of->item_size, (*n - at) * of->item_size);
	return true;
}
