/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/replace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "natd/ruleset.h"

#define TABLE RULESET_FAMILY " " RULESET_TABLE

/* How many words of a block's head come before its name: "chain", "ct timeout". */
static size_t kind_len(const char *head)
{
	const char *name = strrchr(head, ' ');

	return name ? (size_t)(name - head) : 0;
}

static bool is_kind(const struct listing_block *block, const char *kind)
{
	return kind_len(block->head) == strlen(kind) &&
	       strncmp(block->head, kind, strlen(kind)) == 0;
}

/* Who may point to others goes first: maps to chains, maps and rules to objects. */
static int rank(const struct listing_block *block)
{
	if (is_kind(block, "set") || is_kind(block, "map"))
		return 0;
	return is_kind(block, "chain") ? 1 : 2;
}

static bool has_memory(const struct listing_block *block)
{
	if (is_kind(block, "counter") || is_kind(block, "ct timeout"))
		return true;
	for (size_t i = 0; i < block->n; i++)
		if (strcmp(block->statements[i], "flags dynamic") == 0)
			return true;
	return false;
}

static bool stays(const struct listing_block *block, const struct listing *wanted)
{
	const struct listing_block *next = listing_find(wanted, block->head);

	return next && has_memory(block) && listing_block_equal(block, next);
}

static void write_deletes(FILE *f, const struct listing *wanted, const struct listing *found)
{
	for (int turn = 0; turn <= 2; turn++)
		for (size_t i = 0; i < found->n; i++) {
			const struct listing_block *block = &found->blocks[i];
			size_t kind = kind_len(block->head);

			if (rank(block) == turn && !stays(block, wanted))
				fprintf(f, "delete %.*s " TABLE "%s\n", (int)kind, block->head,
					block->head + kind);
		}
}

/* A statement of the table itself, such as a flag, can only be undone with the table. */
static bool is_foreign(const struct listing *found)
{
	for (size_t i = 0; i < found->n; i++)
		if (found->blocks[i].lone)
			return true;
	return false;
}

static int finish(FILE *f, const char *ruleset, char **buffer, char **text)
{
	fputs(ruleset, f);
	if (fclose(f)) {
		free(*buffer);
		return -ENOMEM;
	}
	*text = *buffer;
	return 0;
}

int replace_new(
	const char *ruleset, const struct listing *wanted, const struct listing *found, char **text)
{
	char *buffer = NULL;
	size_t len;
	FILE *f;

	if (found && is_foreign(found))
		return replace_all(ruleset, text);
	f = open_memstream(&buffer, &len);
	if (!f)
		return -ENOMEM;
	if (found) {
		fputs("flush table " TABLE "\n", f);
		write_deletes(f, wanted, found);
	}
	return finish(f, ruleset, &buffer, text);
}

int replace_all(const char *ruleset, char **text)
{
	char *buffer = NULL;
	size_t len;
	FILE *f = open_memstream(&buffer, &len);

	if (!f)
		return -ENOMEM;
	fputs("add table " TABLE "\ndelete table " TABLE "\n", f);
	return finish(f, ruleset, &buffer, text);
}
