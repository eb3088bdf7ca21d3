/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/nearest.h"

#include <string.h>

#define NAME_LEN_MAX 64

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment distance; both names are at most NAME_LEN_MAX long. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][NAME_LEN_MAX + 1];
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

struct nearest nearest_to(const char *mistyped)
{
	return (struct nearest){.mistyped = mistyped, .typos = 2 + strlen(mistyped) / 4};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t typed = strlen(nearest->mistyped), len = strlen(name);
	size_t typos;

	if (!typed || typed > NAME_LEN_MAX || len > NAME_LEN_MAX)
		return;
	typos = strncmp(name, nearest->mistyped, typed) ? distance(nearest->mistyped, name) : 1;
	if (typos >= nearest->typos || 2 * typos > len)
		return;
	nearest->best = name;
	nearest->typos = typos;
}
