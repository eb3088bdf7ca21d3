/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a ruleset takes the place of what the kernel has under our table's name, in one transaction.
 * Pure.
 *
 * Only what differs is touched: a chain or a set is emptied and filled anew, what is not wanted
 * goes, what is missing is added. If that will not do, since a set of that name is of another type,
 * all rules, chains and sets are replaced. Either way what carries memory stays as long as the new
 * ruleset has it too: counters their values, timeout objects the flows that were given them,
 * dynamic sets what they count.
 */
#ifndef NATD_REPLACE_H
#define NATD_REPLACE_H

#include "natd/listing.h"

/*
 * Write the commands that put `ruleset` (and `wanted`, the same taken apart) in the place of
 * `found`; NULL if there is no table. The caller frees *text. Returns 0, -EINVAL if `ruleset` is
 * not laid out as ours, or -ENOMEM.
 */
int replace_new(const char *ruleset, const struct listing *wanted, const struct listing *found,
	char **text);

/* The same for whatever is there, with nothing kept: when the above is refused. */
int replace_all(const char *ruleset, char **text);

#endif
