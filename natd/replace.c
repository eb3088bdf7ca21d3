/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/replace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "natd/ruleset.h"

#define TABLE RULESET_FAMILY " " RULESET_TABLE

/* What happens to a block that the kernel has. */
enum fate {
	FATE_STAYS,  /* it is as it should be */
	FATE_FILLED, /* emptied, and filled anew */
	FATE_GOES,   /* is not wanted */
	FATE_MADE,   /* must be made anew: only when nothing in the table points to it */
};

/* --- kinds ------------------------------------------------------------------------------------ */

/* The words before the name: "chain", "set", "ct timeout". */
static size_t kind_len(const char *head)
{
	const char *space = strrchr(head, ' ');

	return space ? (size_t)(space - head) : strlen(head);
}

static bool is_kind(const struct listing_block *block, const char *kind)
{
	return kind_len(block->head) == strlen(kind) &&
	       strncmp(block->head, kind, strlen(kind)) == 0;
}

static bool is_set(const struct listing_block *block)
{
	return is_kind(block, "set") || is_kind(block, "map");
}

/* Who may point to others goes first: maps to chains, maps and rules to objects. */
static int rank(const struct listing_block *block)
{
	if (is_set(block))
		return 0;
	return is_kind(block, "chain") ? 1 : 2;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool has_memory(const struct listing_block *block)
{
	if (is_kind(block, "counter") || is_kind(block, "ct timeout"))
		return true;
	for (size_t i = 0; i < block->n; i++)
		if (starts_with(block->statements[i], "flags dynamic"))
			return true;
	return false;
}

/* --- fates ------------------------------------------------------------------------------------ */

/* Of a chain its hook, of a set all but its elements: what filling it does not change. */
static bool is_frame(const struct listing_block *block, const char *statement)
{
	if (is_set(block))
		return !starts_with(statement, "elements = ");
	return starts_with(statement, "type ");
}

/* The next statement of the frame, from *at on, or NULL. */
static const char *next_of_frame(const struct listing_block *block, size_t *at)
{
	while (*at < block->n) {
		const char *statement = block->statements[(*at)++];

		if (is_frame(block, statement))
			return statement;
	}
	return NULL;
}

static bool have_same_frame(const struct listing_block *a, const struct listing_block *b)
{
	size_t i = 0, j = 0;

	for (;;) {
		const char *x = next_of_frame(a, &i), *y = next_of_frame(b, &j);

		if (!x || !y)
			return x == y;
		if (strcmp(x, y) != 0)
			return false;
	}
}

static enum fate fate_of(const struct listing_block *block, const struct listing *wanted)
{
	const struct listing_block *next = listing_find(wanted, block->head);

	if (!next)
		return FATE_GOES;
	if (listing_block_equal(block, next))
		return FATE_STAYS;
	if (rank(block) < 2 && have_same_frame(block, next))
		return FATE_FILLED;
	return FATE_MADE;
}

/* --- only what differs ------------------------------------------------------------------------ */

static void write_command(FILE *f, const char *verb, const struct listing_block *block)
{
	size_t kind = kind_len(block->head);

	fprintf(f, "%s %.*s " TABLE "%s\n", verb, (int)kind, block->head, block->head + kind);
}

/* A chain that goes is emptied before, since it may point to another that goes. */
static void write_changes(FILE *f, const struct listing *wanted, const struct listing *found)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct listing_block *block = &found->blocks[i];
		enum fate fate = fate_of(block, wanted);

		if (fate == FATE_FILLED || (fate == FATE_GOES && is_kind(block, "chain")))
			write_command(f, "flush", block);
	}
	for (int turn = 0; turn <= 2; turn++)
		for (size_t i = 0; i < found->n; i++) {
			const struct listing_block *block = &found->blocks[i];

			if (rank(block) == turn && fate_of(block, wanted) == FATE_GOES)
				write_command(f, "delete", block);
		}
}

/* The text of a block as our ruleset has it, or NULL if it is laid out in another way. */
static const char *find_text(const char *ruleset, const char *head, size_t *len)
{
	static const char close[] = "\n\t}\n";
	char *start;
	const char *text, *end = NULL;

	if (asprintf(&start, "\n\t%s {\n", head) < 0)
		return NULL;
	text = strstr(ruleset, start);
	if (text)
		end = strstr(text + 1, close);
	free(start);
	if (!end)
		return NULL;
	*len = (size_t)(end - text) - 1 + strlen(close);
	return text + 1;
}

static int write_blocks(
	FILE *f, const char *ruleset, const struct listing *wanted, const struct listing *found)
{
	fputs("table " TABLE " {\n", f);
	for (size_t i = 0; i < wanted->n; i++) {
		const struct listing_block *block = &wanted->blocks[i];
		const struct listing_block *there = listing_find(found, block->head);
		const char *text;
		size_t len;

		if (there && fate_of(there, wanted) == FATE_STAYS)
			continue;
		text = find_text(ruleset, block->head, &len);
		if (!text)
			return -EINVAL;
		fwrite(text, 1, len, f);
	}
	fputs("}\n", f);
	return 0;
}

/* --- all but what has memory ------------------------------------------------------------------ */

static bool is_kept(const struct listing_block *block, const struct listing *wanted)
{
	return has_memory(block) && fate_of(block, wanted) == FATE_STAYS;
}

static void write_deletes(FILE *f, const struct listing *wanted, const struct listing *found)
{
	fputs("flush table " TABLE "\n", f);
	for (int turn = 0; turn <= 2; turn++)
		for (size_t i = 0; i < found->n; i++) {
			const struct listing_block *block = &found->blocks[i];

			if (rank(block) == turn && !is_kept(block, wanted))
				write_command(f, "delete", block);
		}
}

/* --- the whole -------------------------------------------------------------------------------- */

/* A statement of the table itself, such as a flag, can only be undone with the table. */
static bool is_foreign(const struct listing *found)
{
	for (size_t i = 0; i < found->n; i++)
		if (found->blocks[i].lone)
			return true;
	return false;
}

static bool is_piecemeal(const struct listing *wanted, const struct listing *found)
{
	for (size_t i = 0; i < found->n; i++)
		if (fate_of(&found->blocks[i], wanted) == FATE_MADE)
			return false;
	return true;
}

static int write_replacement(
	FILE *f, const char *ruleset, const struct listing *wanted, const struct listing *found)
{
	if (!found) {
		fputs(ruleset, f);
		return 0;
	}
	if (is_piecemeal(wanted, found)) {
		write_changes(f, wanted, found);
		return write_blocks(f, ruleset, wanted, found);
	}
	write_deletes(f, wanted, found);
	fputs(ruleset, f);
	return 0;
}

int replace_new(
	const char *ruleset, const struct listing *wanted, const struct listing *found, char **text)
{
	char *buffer = NULL;
	size_t len;
	FILE *f;
	int r;

	if (found && is_foreign(found))
		return replace_all(ruleset, text);
	f = open_memstream(&buffer, &len);
	if (!f)
		return -ENOMEM;
	r = write_replacement(f, ruleset, wanted, found);
	if (fclose(f))
		r = -ENOMEM;
	if (r < 0) {
		free(buffer);
		return r;
	}
	*text = buffer;
	return 0;
}

int replace_all(const char *ruleset, char **text)
{
	if (asprintf(text, "add table " TABLE "\ndelete table " TABLE "\n%s", ruleset) < 0)
		return -ENOMEM;
	return 0;
}
