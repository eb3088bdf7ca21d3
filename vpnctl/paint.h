/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Colours: only for a person, who did not ask to be spared them. */
#ifndef VPNCTL_PAINT_H
#define VPNCTL_PAINT_H

#include <stdbool.h>
#include <stdio.h>

enum paint {
	PAINT_PLAIN,
	PAINT_GOOD,
	PAINT_WARN,
	PAINT_BAD,
};

/* Where to write, and whether in colour. */
struct pen {
	FILE *f;
	bool colour;
};

/* A pen for `f`: in colour if that is a terminal and NO_COLOR (no-color.org) is not set. */
struct pen paint_pen(FILE *f);

/* Write `text` in a colour; returns its width without the colour's own bytes. */
int paint_text(struct pen pen, enum paint paint, const char *text);

#endif
