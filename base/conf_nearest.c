/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/conf_ctx.h"

#define NAME_MAX_LEN 64

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/*
 * How many letters one has to insert, remove, replace or swap with the next (optimal string
 * alignment) to make one name of the other. Both are at most NAME_MAX_LEN long.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MAX_LEN + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t replace = last[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min3(now[j], now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_len];
}

const char *conf_nearest(const struct conf_table *table, const char *name)
{
	const char *best = NULL;
	size_t len = strlen(name);
	size_t best_distance = 2 + len / 4; /* from here on, the names have nothing in common */

	if (len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct conf_row *row = &table->rows[i];
		size_t d;

		if (row->type == CONF_WHERE || strlen(row->name) > NAME_MAX_LEN)
			continue;
		d = distance(name, row->name);
		if (d < best_distance) {
			best = row->name;
			best_distance = d;
		}
	}
	return best;
}
