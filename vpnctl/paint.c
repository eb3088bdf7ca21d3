/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vpnctl/paint.h"

static const char *const escapes[] = {
	[PAINT_PLAIN] = "",
	[PAINT_GOOD] = "\033[32m",
	[PAINT_WARN] = "\033[33m",
	[PAINT_BAD] = "\033[1;31m",
};

struct pen paint_pen(FILE *f)
{
	const char *spare = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool dumb = !term || !strcmp(term, "dumb");

	return (struct pen){f, isatty(fileno(f)) && !dumb && !(spare && *spare)};
}

int paint_text(struct pen pen, enum paint paint, const char *text)
{
	if (!pen.colour || paint == PAINT_PLAIN)
		return fprintf(pen.f, "%s", text);
	fprintf(pen.f, "%s%s\033[0m", escapes[paint], text);
	return (int)strlen(text);
}
