/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A handover as text, whose lines handover.h describes. */
#ifndef VPND_MONITOR_HANDOVER_TEXT_H
#define VPND_MONITOR_HANDOVER_TEXT_H

#include <stdio.h>

#include "vpnd/monitor/handover.h"

/* Print all of it; the caller looks whether `f` took it. */
void handover_text_print(const struct handover *h, FILE *f);

/*
 * Fill an empty one with all that `f` holds. Returns 0, -EPROTO for anything but a whole one of
 * HANDOVER_VERSION, or -ENOMEM; what was filled so far is the caller's to free.
 */
int handover_text_parse(FILE *f, struct handover *h);

#endif
