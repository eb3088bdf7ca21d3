/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "natd/scan.h"

static const char elements_start[] = "elements = { ";

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* --- what does not count ---------------------------------------------------------------------- */

static int compare_strings(const void *a, const void *b)
{
	char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Cut a list at its commas into `items`, which has room for all. Returns how many there are. */
static size_t split(char *list, char **items)
{
	size_t n = 0;

	for (char *comma; (comma = strstr(list, ", ")); list = comma + 2) {
		*comma = '\0';
		items[n++] = list;
	}
	items[n++] = list;
	return n;
}

/* Rewrite "elements = { b, a }" with the elements in order. */
static int sort_elements(char *statement)
{
	_cleanup_free_ char *copy = strdup(statement + strlen(elements_start));
	_cleanup_free_ char **items = calloc(strlen(statement), sizeof(*items));
	char *end = copy ? strrchr(copy, '}') : NULL;
	size_t n;

	if (!copy || !items)
		return -ENOMEM;
	if (!end || end == copy)
		return 0;
	end[-1] = '\0'; /* the space before it */
	n = split(copy, items);
	qsort(items, n, sizeof(*items), compare_strings);
	statement += strlen(elements_start);
	for (size_t i = 0; i < n; i++)
		statement = stpcpy(stpcpy(statement, i ? ", " : ""), items[i]);
	strcpy(statement, " }");
	return 0;
}

static bool is_dynamic(const struct listing_block *block)
{
	for (size_t i = 0; i < block->n; i++)
		if (starts_with(block->statements[i], "flags ") &&
			strstr(block->statements[i], "dynamic"))
			return true;
	return false;
}

static bool is_ignored(const char *head, bool dynamic, const char *statement)
{
	return (starts_with(head, "ct timeout ") && starts_with(statement, "policy = ")) ||
	       (dynamic && starts_with(statement, elements_start));
}

static int normalize(struct listing_block *block)
{
	bool dynamic = is_dynamic(block);
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < block->n; i++) {
		char *statement = block->statements[i];

		if (is_ignored(block->head, dynamic, statement)) {
			free(statement);
			continue;
		}
		if (starts_with(statement, elements_start) && sort_elements(statement) < 0)
			r = -ENOMEM;
		block->statements[kept++] = statement;
	}
	block->n = kept;
	return r;
}

/* --- taking apart ----------------------------------------------------------------------------- */

static int add_statement(struct listing_block *block, char *statement)
{
	char **more = reallocarray(block->statements, block->n + 1, sizeof(*more));

	if (!more) {
		free(statement);
		return -ENOMEM;
	}
	block->statements = more;
	more[block->n++] = statement;
	return 0;
}

static int parse_body(const char **text, struct listing_block *block)
{
	enum scan_end end;
	char *statement;
	int r;

	do {
		r = scan_statement(text, true, &statement, &end);
		if (r < 0)
			return r;
		if (*statement)
			r = add_statement(block, statement);
		else
			free(statement);
		if (r < 0)
			return r;
	} while (end == SCAN_DONE);
	return end == SCAN_CLOSE ? normalize(block) : -EINVAL;
}

/* `head` is taken over. */
static int add_block(struct listing *listing, char *head, const char **text, bool lone)
{
	struct listing_block *more =
		reallocarray(listing->blocks, listing->n + 1, sizeof(*listing->blocks));

	if (!more) {
		free(head);
		return -ENOMEM;
	}
	listing->blocks = more;
	more[listing->n] = (struct listing_block){.head = head, .lone = lone};
	listing->n++;
	return lone ? 0 : parse_body(text, &more[listing->n - 1]);
}

static int parse_blocks(const char **text, struct listing *listing)
{
	enum scan_end end;
	char *head;
	int r;

	do {
		r = scan_statement(text, false, &head, &end);
		if (r < 0)
			return r;
		if (*head || end == SCAN_OPEN)
			r = add_block(listing, head, text, end != SCAN_OPEN);
		else
			free(head);
		if (r < 0)
			return r;
	} while (end == SCAN_DONE || end == SCAN_OPEN);
	return end == SCAN_CLOSE ? 0 : -EINVAL;
}

/* "table inet gatehouse {" */
static int parse_head(const char **text)
{
	enum scan_end end;
	char *head;
	int r;

	do {
		r = scan_statement(text, false, &head, &end);
		if (r < 0)
			return r;
		if (end == SCAN_OPEN)
			r = starts_with(head, "table ") ? 0 : -EINVAL;
		else if (*head || end != SCAN_DONE)
			r = -EINVAL;
		free(head);
	} while (r == 0 && end != SCAN_OPEN);
	return r;
}

static int compare_blocks(const void *a, const void *b)
{
	const struct listing_block *x = a, *y = b;

	return strcmp(x->head, y->head);
}

int listing_parse(const char *text, struct listing **out)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	int r = listing ? parse_head(&text) : -ENOMEM;

	if (r == 0)
		r = parse_blocks(&text, listing);
	if (r < 0) {
		listing_free(listing);
		return r;
	}
	if (listing->n)
		qsort(listing->blocks, listing->n, sizeof(*listing->blocks), compare_blocks);
	*out = listing;
	return 0;
}

void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	for (size_t i = 0; i < listing->n; i++) {
		struct listing_block *block = &listing->blocks[i];

		for (size_t j = 0; j < block->n; j++)
			free(block->statements[j]);
		free(block->statements);
		free(block->head);
	}
	free(listing->blocks);
	free(listing);
}

void listing_freep(struct listing **listing)
{
	listing_free(*listing);
}

/* --- comparing -------------------------------------------------------------------------------- */

const struct listing_block *listing_find(const struct listing *listing, const char *head)
{
	for (size_t i = 0; i < listing->n; i++)
		if (strcmp(listing->blocks[i].head, head) == 0)
			return &listing->blocks[i];
	return NULL;
}

/* The first statement in which they differ, at most the number of either's. */
static size_t first_difference(const struct listing_block *a, const struct listing_block *b)
{
	size_t i = 0;

	while (i < a->n && i < b->n && strcmp(a->statements[i], b->statements[i]) == 0)
		i++;
	return i;
}

bool listing_block_equal(const struct listing_block *a, const struct listing_block *b)
{
	return a->lone == b->lone && a->n == b->n && first_difference(a, b) == a->n;
}

static void say_difference(const struct listing_block *wanted, const struct listing_block *found,
	char *why, size_t whylen)
{
	size_t i = first_difference(wanted, found);

	if (i >= wanted->n)
		snprintf(why, whylen, "%s: `%s` is too much", found->head,
			i < found->n ? found->statements[i] : "");
	else if (i >= found->n)
		snprintf(why, whylen, "%s: `%s` is missing", wanted->head, wanted->statements[i]);
	else
		snprintf(why, whylen, "%s: `%s` where `%s` belongs", wanted->head,
			found->statements[i], wanted->statements[i]);
}

bool listing_equal(
	const struct listing *wanted, const struct listing *found, char *why, size_t whylen)
{
	for (size_t i = 0; i < wanted->n; i++) {
		const struct listing_block *block = &wanted->blocks[i];
		const struct listing_block *other = listing_find(found, block->head);

		if (!other) {
			snprintf(why, whylen, "%s is missing", block->head);
			return false;
		}
		if (!listing_block_equal(block, other)) {
			say_difference(block, other, why, whylen);
			return false;
		}
	}
	for (size_t i = 0; i < found->n; i++)
		if (!listing_find(wanted, found->blocks[i].head)) {
			snprintf(why, whylen, "%s is not of this config", found->blocks[i].head);
			return false;
		}
	if (wanted->n == found->n)
		return true;
	snprintf(why, whylen, "something is there twice");
	return false;
}
