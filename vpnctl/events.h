/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `events`, as text and as JSON. */
#ifndef VPNCTL_EVENTS_H
#define VPNCTL_EVENTS_H

#include <stdbool.h>
#include <stdio.h>

#include "vpnctl/reply.h"

/* One line: time, subject, what happened and why. Returns 0 or -ENOMEM. */
int events_print(FILE *f, const struct reply_event *event);

#endif
