/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_LEN = 16 * 1024 }; /* bytes of text in a block */

struct text_block {
	struct text_block *next;
	size_t start, end; /* of what is not read yet */
	char bytes[BLOCK_LEN];
};

/* The block with room for one more line, or NULL. */
static struct text_block *tail(struct text *text)
{
	struct text_block *block = text->last;

	if (block && BLOCK_LEN - block->end > TEXT_LINE_MAX)
		return block;
	block = malloc(sizeof(*block));
	if (!block)
		return NULL;
	block->next = NULL;
	block->start = block->end = 0;
	*(text->last ? &text->last->next : &text->first) = block;
	text->last = block;
	return block;
}

void text_add(struct text *text, const char *format, ...)
{
	struct text_block *block = text->error ? NULL : tail(text);
	va_list args;
	int len;

	if (!block) {
		text->error = -ENOMEM;
		return;
	}
	va_start(args, format);
	len = vsnprintf(block->bytes + block->end, TEXT_LINE_MAX + 1, format, args);
	va_end(args);
	if (len > TEXT_LINE_MAX)
		len = TEXT_LINE_MAX;
	if (len > 0) {
		block->end += (size_t)len;
		text->len += (size_t)len;
	}
}

size_t text_front(const struct text *text, const char **bytes)
{
	const struct text_block *block = text->first;

	if (!block)
		return 0;
	*bytes = block->bytes + block->start;
	return block->end - block->start;
}

static void drop_first(struct text *text)
{
	struct text_block *block = text->first;

	text->first = block->next;
	if (!text->first)
		text->last = NULL;
	explicit_bzero(block, sizeof(*block));
	free(block);
}

void text_consume(struct text *text, size_t len)
{
	struct text_block *block = text->first;

	if (len == 0)
		return;
	block->start += len;
	text->len -= len;
	if (block->start == block->end)
		drop_first(text);
}

void text_done(struct text *text)
{
	while (text->first)
		drop_first(text);
	*text = (struct text){0};
}
