/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/deadline.h"

#include <errno.h>
#include <stdlib.h>

int deadline_reserve(struct deadline_heap *heap, size_t count)
{
	struct deadline **nodes;
	size_t room = heap->room ? heap->room : 8;

	while (room < count)
		room *= 2;
	if (room == heap->room)
		return 0;
	nodes = reallocarray(heap->nodes, room, sizeof(struct deadline *));
	if (!nodes)
		return -ENOMEM;
	heap->nodes = nodes;
	heap->room = room;
	return 0;
}

void deadline_done(struct deadline_heap *heap)
{
	free(heap->nodes);
	*heap = (struct deadline_heap){0};
}

static void put(struct deadline_heap *heap, size_t i, struct deadline *node)
{
	heap->nodes[i] = node;
	node->place = i + 1;
}

static void sift_up(struct deadline_heap *heap, size_t i, struct deadline *node)
{
	while (i > 0 && mono_before(node->at, heap->nodes[(i - 1) / 2]->at)) {
		put(heap, i, heap->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(heap, i, node);
}

static void sift_down(struct deadline_heap *heap, size_t i, struct deadline *node)
{
	size_t child;

	while ((child = 2 * i + 1) < heap->count) {
		if (child + 1 < heap->count &&
			mono_before(heap->nodes[child + 1]->at, heap->nodes[child]->at))
			child++;
		if (!mono_before(heap->nodes[child]->at, node->at))
			break;
		put(heap, i, heap->nodes[child]);
		i = child;
	}
	put(heap, i, node);
}

static void take_out(struct deadline_heap *heap, struct deadline *node)
{
	size_t i = node->place - 1;
	struct deadline *last = heap->nodes[--heap->count];

	node->place = 0;
	if (last == node)
		return;
	put(heap, i, last);
	sift_up(heap, i, last);
	sift_down(heap, last->place - 1, last);
}

void deadline_set(struct deadline_heap *heap, struct deadline *node, mono_t at)
{
	if (node->place)
		take_out(heap, node);
	node->at = at;
	if (at.us == MONO_NEVER.us)
		return;
	sift_up(heap, heap->count++, node);
}

struct deadline *deadline_first(const struct deadline_heap *heap)
{
	return heap->count ? heap->nodes[0] : NULL;
}
