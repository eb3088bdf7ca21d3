/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What natd knows, as JSON. */
#ifndef NATD_STATUS_H
#define NATD_STATUS_H

#include <stddef.h>

struct natd;
typedef struct json_t json_t;

/*
 * Ask the kernel for ruleset and counters, and tell all. Returns a new reference, or NULL with err
 * filled.
 */
json_t *status_json(struct natd *natd, char *err, size_t errlen);

#endif
