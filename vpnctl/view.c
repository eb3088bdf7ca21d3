/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/units.h"
#include "vpnctl/view.h"

#define COUNTERS_SHOWN 6

static const struct {
	const char *word;
	enum paint paint;
} states[] = {
	[REPLY_STATE_UNKNOWN] = {"-", PAINT_WARN},
	[REPLY_UP] = {"UP", PAINT_GOOD},
	[REPLY_DEGRADED] = {"DEGRADED", PAINT_WARN},
	[REPLY_DOWN] = {"DOWN", PAINT_BAD},
};

const char *view_state(enum reply_state state)
{
	return states[state].word;
}

enum paint view_state_paint(enum reply_state state)
{
	return states[state].paint;
}

void view_unreached(const struct view *view, unsigned int parts, struct pen pen)
{
	for (int d = 0; d < REPORT_DAEMONS; d++) {
		const char *error = view->report->daemons[d].error;

		if (report_concerns(d, parts) && error)
			fprintf(pen.f, "%s: %s\n", report_daemon_names[d], error);
	}
}

/* --- counters -----------------------------------------------------------------------------------
 */

static int by_count(const void *a, const void *b)
{
	const struct field_counter *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int64_t sum(const struct field_counter *counters, size_t n)
{
	int64_t total = 0;

	for (size_t i = 0; i < n; i++) {
		if (counters[i].count > 0 &&
			__builtin_add_overflow(total, counters[i].count, &total))
			return INT64_MAX;
	}
	return total;
}

static void print_largest(FILE *f, const struct field_counter *sorted, size_t n)
{
	char number[UNITS_LEN];
	size_t i;

	for (i = 0; i < n && i < COUNTERS_SHOWN && sorted[i].count > 0; i++) {
		_cleanup_free_ char *name = foreign_text(sorted[i].name, FOREIGN_WORD);
		fprintf(f, "%s%s %s", i ? ", " : " (", name ? name : "-",
			units_count(sorted[i].count, number));
	}
	if (i)
		fputs(i < n && sorted[i].count > 0 ? ", ...)" : ")", f);
}

char *view_counters(const struct field_list *counters)
{
	size_t size = counters->n * sizeof(struct field_counter);
	char number[UNITS_LEN];
	char *text = NULL;
	size_t len = 0;

	if (!counters->known)
		return strdup("-");
	_cleanup_free_ struct field_counter *sorted = malloc(size + 1);
	FILE *f = sorted ? open_memstream(&text, &len) : NULL;
	if (!f)
		return NULL;
	if (size) {
		memcpy(sorted, counters->items, size);
		qsort(sorted, counters->n, sizeof(*sorted), by_count);
	}
	fputs(units_count(sum(sorted, counters->n), number), f);
	print_largest(f, sorted, counters->n);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}
