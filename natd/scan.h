/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft's text as statements: what listing.c takes tables apart with. */
#ifndef NATD_SCAN_H
#define NATD_SCAN_H

#include <stdbool.h>

/* What ended a statement. */
enum scan_end {
	SCAN_DONE,  /* newline or ';' */
	SCAN_OPEN,  /* '{' that begins a block */
	SCAN_CLOSE, /* '}' that ends the block around it */
	SCAN_EOF,
};

/*
 * Read one statement from *text and move *text behind it: its words, one space between them, a
 * comma close to the word before it, comments left out. With `nests`, braces belong to the
 * statement, as of a set in a rule; without, '{' ends it. The caller frees *statement, which may be
 * empty. Returns 0 or -ENOMEM; each call but one that meets SCAN_EOF makes progress.
 */
int scan_statement(const char **text, bool nests, char **statement, enum scan_end *end);

#endif
