/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that may hold secrets, written at its end and read at its front. It lies in blocks that are
 * never moved, so no copy is left behind when it grows, and each is wiped when it has been read.
 */
#ifndef VPND_ENGINE_TEXT_H
#define VPND_ENGINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text_block;

/* Zero is the empty text. */
struct text {
	struct text_block *first, *last;
	size_t len; /* bytes that are not read yet */
	int error;  /* -ENOMEM once something did not fit into memory; nothing is added from then on
		     */
};

/* Add formatted text, at most TEXT_LINE_MAX bytes of it at once. */
#define TEXT_LINE_MAX 512
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes at the front that lie together: their number, 0 when there are none. */
size_t text_front(const struct text *text, const char **bytes);

/* Be done with `len` bytes at the front, at most as many as text_front told. */
void text_consume(struct text *text, size_t len);

/* Wipe and free all of it. The text is empty then, and without error. */
void text_done(struct text *text);

#endif
