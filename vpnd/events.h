/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The newest events, each with its number; what is older is forgotten. The monitor keeps them for
 * as long as it lives and tells each engine all of them, which keeps a copy for control clients.
 */
#ifndef VPND_EVENTS_H
#define VPND_EVENTS_H

#include "vpnd/privsep.h"

enum { EVENTS_MAX = 256 };

/* Start with all zero. */
struct events {
	uint64_t run;    /* of all of them, as in struct privsep_event */
	uint64_t newest; /* its number; 0: there is none */
	struct privsep_event all[EVENTS_MAX];
};

/* Keep a copy of an event whose number is past all others. */
void events_keep(struct events *e, const struct privsep_event *event);

/* The oldest one past this number, borrowed until the next is kept; NULL if there is none. */
const struct privsep_event *events_after(const struct events *e, uint64_t number);

#endif
