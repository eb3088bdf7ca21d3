/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A text table whose columns are as wide as their content, two spaces apart, with lines of notes
 * between its rows. Filled cell by cell, left to right; lack of memory is kept and told by
 * table_print.
 */
#ifndef VPNCTL_TABLE_H
#define VPNCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "vpnctl/paint.h"

struct table {
	size_t columns;
	struct table_cell *cells;
	size_t n, room;
	bool failed;
};

/* An empty table with a header of `columns` names. */
void table_init(struct table *t, const char *const *names, size_t columns);

/* The next cell; the text is copied and must be safe to show. */
void table_put(struct table *t, enum paint paint, const char *text);

/* The next cell, of text that came from elsewhere (foreign_text). */
void table_put_foreign(struct table *t, const char *text);

/* The next cell, of text that the caller hands over to be freed; NULL counts as lack of memory. */
void table_take(struct table *t, enum paint paint, char *text);

/* After a complete row: a line "  LABEL  text"; the second, of text from elsewhere. */
void table_note(struct table *t, const char *label, const char *text);
void table_note_foreign(struct table *t, const char *label, const char *text);

/* Print it. Returns 0 or -ENOMEM. */
int table_print(const struct table *t, struct pen pen);

void table_done(struct table *t);

#endif
