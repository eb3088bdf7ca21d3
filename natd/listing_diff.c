/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/listing_diff.h"

#include <string.h>

static void print_statements(
	FILE *f, char mark, const struct listing_block *block, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		fprintf(f, "%c\t%s\n", mark, block->statements[i]);
}

static void print_block(FILE *f, char mark, const struct listing_block *block)
{
	fprintf(f, "%c%s%s\n", mark, block->head, block->lone ? "" : " {");
	print_statements(f, mark, block, 0, block->n);
	if (!block->lone)
		fprintf(f, "%c}\n", mark);
}

/* The statements between those that both begin and those that both end with. */
static void print_change(FILE *f, const struct listing_block *from, const struct listing_block *to)
{
	size_t least = from->n < to->n ? from->n : to->n, before = 0, after = 0;

	while (before < least && strcmp(from->statements[before], to->statements[before]) == 0)
		before++;
	while (after < least - before && strcmp(from->statements[from->n - 1 - after],
						 to->statements[to->n - 1 - after]) == 0)
		after++;
	fprintf(f, " %s {\n", from->head);
	print_statements(f, '-', from, before, from->n - after);
	print_statements(f, '+', to, before, to->n - after);
	fputs(" }\n", f);
}

bool listing_diff(FILE *f, const struct listing *from, const struct listing *to)
{
	size_t i = 0, j = 0;
	bool differ = false;

	while (i < from->n || j < to->n) {
		const struct listing_block *a = i < from->n ? &from->blocks[i] : NULL;
		const struct listing_block *b = j < to->n ? &to->blocks[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->head, b->head);

		i += order <= 0;
		j += order >= 0;
		if (order == 0 && listing_block_equal(a, b))
			continue;
		differ = true;
		if (order < 0)
			print_block(f, '-', a);
		else if (order > 0)
			print_block(f, '+', b);
		else
			print_change(f, a, b);
	}
	return differ;
}
