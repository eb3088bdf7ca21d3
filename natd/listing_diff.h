/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two listings side by side, for people. Pure. */
#ifndef NATD_LISTING_DIFF_H
#define NATD_LISTING_DIFF_H

#include <stdio.h>

#include "natd/listing.h"

/*
 * Print what leads from one listing to another: "-" before what goes, "+" before what comes, each
 * within its chain or set. Returns whether anything does.
 */
bool listing_diff(FILE *f, const struct listing *from, const struct listing *to);

#endif
