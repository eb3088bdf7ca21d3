/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that came from elsewhere, made safe to show: escaped, and cut when it is absurdly long. */
#ifndef VPNCTL_FOREIGN_H
#define VPNCTL_FOREIGN_H

#include <stddef.h>

#include "vpnctl/field.h"

#define FOREIGN_WORD 64      /* bytes of a name or an address that are shown */
#define FOREIGN_SENTENCE 512 /* bytes of a reason that are shown */

/*
 * At most `max` bytes of `text`, escaped, then "..." if there were more. NULL and "" become "-".
 * Returns text that the caller frees, or NULL without memory.
 */
char *foreign_text(const char *text, size_t max);

/*
 * The first few of a list of texts (FIELD_TEXTS), each by foreign_text, with `between` between
 * them, then "N more"; "-" if there are none. `total` is how many there are, if that is more than
 * are listed. Returns text that the caller frees, or NULL without memory.
 */
char *foreign_list(const struct field_list *texts, const char *between, int64_t total);

#endif
