/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was meant by a mistyped name: offer it all the right ones, then look at `best`. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *mistyped; /* borrowed */
	const char *best;     /* the nearest offered so far, borrowed; NULL: none is near */
	size_t typos;         /* between the two; while `best` is NULL, one more than is near */
};

/* Begin the search. Names of more than 64 bytes are near to nothing. */
struct nearest nearest_to(const char *mistyped);

/*
 * Offer a name. It is near if few letters had to be added, left out, changed or swapped with the
 * next, or if it begins as what was typed; not if that is more than half of it.
 */
void nearest_offer(struct nearest *nearest, const char *name);

#endif
