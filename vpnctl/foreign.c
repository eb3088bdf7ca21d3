/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vpnctl/foreign.h"

#define LIST_SHOWN 8 /* elements of a list that are shown */
#define CUT_MARK "..."

char *foreign_text(const char *text, size_t max)
{
	if (!text || !*text)
		return strdup("-");

	size_t len = strnlen(text, max + 1);
	bool cut = len > max;
	if (cut)
		len = max;
	size_t room = LOG_ESCAPED_LEN(len) + strlen(CUT_MARK);
	char *out = malloc(room);
	if (!out)
		return NULL;
	log_escape(text, len, out, LOG_ESCAPED_LEN(len));
	if (cut)
		strcat(out, CUT_MARK);
	return out;
}

char *foreign_list(const struct field_list *texts, const char *between, int64_t total)
{
	const char *const *items = texts->items;
	size_t shown = texts->n < LIST_SHOWN ? texts->n : LIST_SHOWN;
	int64_t more = (total > (int64_t)texts->n ? total : (int64_t)texts->n) - (int64_t)shown;
	char *out = NULL;
	size_t size = 0;

	if (!shown)
		return strdup("-");
	FILE *f = open_memstream(&out, &size);
	if (!f)
		return NULL;
	for (size_t i = 0; i < shown; i++) {
		_cleanup_free_ char *one = foreign_text(items[i], FOREIGN_WORD);
		fprintf(f, "%s%s", i ? between : "", one ? one : "-");
	}
	if (more)
		fprintf(f, "%s%" PRId64 " more", between, more);
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}
