/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deadlines of many things, earliest first: a binary heap of embedded nodes. A node's deadline may
 * be moved earlier at any time; one that has become later is left in its place and found out to be
 * early when its time comes. That is cheaper, since traffic moves most deadlines later.
 */
#ifndef VPND_PROTO_DEADLINE_H
#define VPND_PROTO_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mono.h"

struct deadline {
	mono_t at;
	size_t place; /* in the heap, from 1; 0: not in it */
};

struct deadline_heap {
	struct deadline **nodes; /* nodes[0] is the earliest */
	size_t count, room;
};

/* Make room for `count` nodes in all, so that deadline_set cannot fail. 0 or -ENOMEM. */
int deadline_reserve(struct deadline_heap *heap, size_t count);
void deadline_done(struct deadline_heap *heap);

/* Put a node in at this time, or move it there. MONO_NEVER takes it out. */
void deadline_set(struct deadline_heap *heap, struct deadline *node, mono_t at);

/* The earliest node, or NULL. */
struct deadline *deadline_first(const struct deadline_heap *heap);

#endif
