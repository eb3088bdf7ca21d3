/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the addresses of a name to try next: the first, as the resolver orders them (RFC 6724),
 * that was not tried yet in this round, whatever order or set a later answer has. Pure.
 */
#ifndef VPND_MONITOR_ROTATION_H
#define VPND_MONITOR_ROTATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

enum { ROTATION_MAX = 16 }; /* addresses of one name that are looked at */

/* Start with all zero. */
struct rotation {
	size_t n;
	struct addr tried[ROTATION_MAX];
};

/*
 * The next of `n` (1 to ROTATION_MAX) endpoints. When all have been tried, a new round begins. Sets
 * *last if it is the last one of its round.
 */
const struct endpoint *rotation_next(
	struct rotation *r, const struct endpoint *list, size_t n, bool *last);

#endif
