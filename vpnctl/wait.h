/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `wait` waits for. */
#ifndef VPNCTL_WAIT_H
#define VPNCTL_WAIT_H

#include <stdbool.h>

#include "vpnctl/report.h"

#define WAIT_WHY_LEN 1024 /* bytes */

/* The text of --for, parsed. */
struct wait_goal {
	enum report_part part;
	const char *name; /* of a tunnel, or a prefix; borrowed from the text; NULL for nat */
};

/* Parse "tunnel=NAME", "prefix=PREFIX" or "nat". Returns 0 or -EINVAL. */
int wait_parse(const char *text, struct wait_goal *goal);

/* True if the report says that it is so; else why not is in `why`, safe to show. */
bool wait_reached(
	const struct wait_goal *goal, const struct report *report, char why[static WAIT_WHY_LEN]);

#endif
