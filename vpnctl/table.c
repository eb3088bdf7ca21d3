/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/table.h"

#define GAP 2 /* spaces between columns */

struct table_cell {
	char *text;
	enum paint paint;
	bool note; /* a line of its own */
};

static void add(struct table *t, struct table_cell cell)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct table_cell *cells = reallocarray(t->cells, room, sizeof(*cells));
		if (cells) {
			t->cells = cells;
			t->room = room;
		}
	}
	if (!cell.text || t->n == t->room) {
		t->failed = true;
		free(cell.text);
		return;
	}
	t->cells[t->n++] = cell;
}

void table_init(struct table *t, const char *const *names, size_t columns)
{
	*t = (struct table){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		table_put(t, PAINT_PLAIN, names[i]);
}

void table_put(struct table *t, enum paint paint, const char *text)
{
	table_take(t, paint, strdup(text));
}

void table_put_foreign(struct table *t, const char *text)
{
	table_take(t, PAINT_PLAIN, foreign_text(text, FOREIGN_WORD));
}

void table_take(struct table *t, enum paint paint, char *text)
{
	add(t, (struct table_cell){.text = text, .paint = paint});
}

void table_note(struct table *t, const char *label, const char *text)
{
	char *line;

	if (asprintf(&line, "  %s  %s", label, text) < 0)
		line = NULL;
	add(t, (struct table_cell){.text = line, .note = true});
}

void table_note_foreign(struct table *t, const char *label, const char *text)
{
	_cleanup_free_ char *safe = foreign_text(text, FOREIGN_SENTENCE);

	if (safe)
		table_note(t, label, safe);
	else
		t->failed = true;
}

static void measure(const struct table *t, size_t *widths)
{
	size_t column = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->cells[i].note)
			continue;
		size_t width = strlen(t->cells[i].text);
		if (width > widths[column])
			widths[column] = width;
		column = (column + 1) % t->columns;
	}
}

int table_print(const struct table *t, struct pen pen)
{
	_cleanup_free_ size_t *widths = calloc(t->columns, sizeof(*widths));

	if (t->failed || !widths)
		return -ENOMEM;
	measure(t, widths);
	size_t column = 0;
	for (size_t i = 0; i < t->n; i++) {
		int width = paint_text(pen, t->cells[i].paint, t->cells[i].text);
		bool last = t->cells[i].note || column + 1 == t->columns;
		if (last)
			fputc('\n', pen.f);
		else
			fprintf(pen.f, "%*s", (int)widths[column] + GAP - width, "");
		if (!t->cells[i].note)
			column = (column + 1) % t->columns;
	}
	return 0;
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	*t = (struct table){0};
}
