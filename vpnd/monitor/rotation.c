/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/rotation.h"

static bool was_tried(const struct rotation *r, const struct addr *a)
{
	for (size_t i = 0; i < r->n; i++)
		if (addr_equal(&r->tried[i], a))
			return true;
	return false;
}

static const struct endpoint *first_untried(
	const struct rotation *r, const struct endpoint *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!was_tried(r, &list[i].addr))
			return &list[i];
	return NULL;
}

const struct endpoint *rotation_next(
	struct rotation *r, const struct endpoint *list, size_t n, bool *last)
{
	const struct endpoint *next = r->n < ROTATION_MAX ? first_untried(r, list, n) : NULL;

	if (!next) {
		r->n = 0;
		next = list;
	}
	r->tried[r->n++] = next->addr;
	*last = r->n == ROTATION_MAX || !first_untried(r, list, n);
	return next;
}
