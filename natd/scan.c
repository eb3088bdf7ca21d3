/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Skip blanks and comments, but not a newline, which may end a statement. */
static const char *skip(const char *c)
{
	c += strspn(c, " \t");
	return *c == '#' ? c + strcspn(c, "\n") : c;
}

/* How long the word is that begins here: a mark, a quoted string, or all up to a blank or mark. */
static size_t word_len(const char *c)
{
	size_t quoted;

	if (strchr("{},", *c))
		return 1;
	if (*c != '"')
		return strcspn(c, " \t\n;{},\"");
	quoted = 1 + strcspn(c + 1, "\"");
	return c[quoted] ? quoted + 1 : quoted;
}

/* True if the word at `c` ends a statement that has `depth` braces open. */
static bool is_end(char c, bool nests, unsigned int depth, enum scan_end *end)
{
	if (c == '\0')
		*end = SCAN_EOF;
	else if ((c == '\n' || c == ';') && depth == 0)
		*end = SCAN_DONE;
	else if (c == '{' && !nests)
		*end = SCAN_OPEN;
	else if (c == '}' && depth == 0)
		*end = SCAN_CLOSE;
	else
		return false;
	return true;
}

static const char *copy_words(const char *c, bool nests, FILE *out, enum scan_end *end)
{
	const char *space = "";
	unsigned int depth = 0;

	for (;;) {
		size_t len;

		c = skip(c);
		if (is_end(*c, nests, depth, end))
			return *end == SCAN_EOF ? c : c + 1;
		if (*c == '\n' || *c == ';') {
			c++;
			continue;
		}
		len = word_len(c);
		depth += *c == '{';
		depth -= *c == '}';
		fprintf(out, "%s%.*s", *c == ',' ? "" : space, (int)len, c);
		space = " ";
		c += len;
	}
}

int scan_statement(const char **text, bool nests, char **statement, enum scan_end *end)
{
	char *buffer = NULL;
	size_t len;
	FILE *out = open_memstream(&buffer, &len);

	if (!out)
		return -ENOMEM;
	*text = copy_words(*text, nests, out, end);
	if (fclose(out)) {
		free(buffer);
		return -ENOMEM;
	}
	*statement = buffer;
	return 0;
}
