/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/uapi_changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_CHANGES = 256 };

struct uapi_changes_block {
	struct uapi_changes_block *next;
	size_t count;
	struct uapi_change changes[BLOCK_CHANGES];
};

/* The block with room for one more change, or NULL. */
static struct uapi_changes_block *tail(struct uapi_changes *changes)
{
	struct uapi_changes_block *block = changes->last;

	if (block && block->count < BLOCK_CHANGES)
		return block;
	block = malloc(sizeof(*block));
	if (!block)
		return NULL;
	block->next = NULL;
	block->count = 0;
	*(changes->last ? &changes->last->next : &changes->first) = block;
	changes->last = block;
	return block;
}

int uapi_changes_add(struct uapi_changes *changes, enum uapi_op op, struct uapi_change **out)
{
	struct uapi_changes_block *block;

	if (changes->count == UAPI_CHANGES_MAX)
		return -E2BIG;
	block = tail(changes);
	if (!block)
		return -ENOMEM;
	*out = &block->changes[block->count++];
	**out = (struct uapi_change){.op = op};
	changes->count++;
	return 0;
}

const struct uapi_change *uapi_changes_next(
	const struct uapi_changes *changes, struct uapi_cursor *cursor)
{
	if (!cursor->block)
		cursor->block = changes->first;
	else if (cursor->next == cursor->block->count && cursor->block->next)
		*cursor = (struct uapi_cursor){.block = cursor->block->next};
	if (!cursor->block || cursor->next == cursor->block->count)
		return NULL;
	return &cursor->block->changes[cursor->next++];
}

const struct uapi_change *uapi_changes_last(const struct uapi_changes *changes, enum uapi_op op)
{
	const struct uapi_change *change, *last = NULL;
	struct uapi_cursor cursor = {0};

	while ((change = uapi_changes_next(changes, &cursor)))
		if (change->op == op)
			last = change;
	return last;
}

void uapi_changes_done(struct uapi_changes *changes)
{
	struct uapi_changes_block *block = changes->first, *next;

	for (; block; block = next) {
		next = block->next;
		explicit_bzero(block, sizeof(*block));
		free(block);
	}
	*changes = (struct uapi_changes){0};
}
