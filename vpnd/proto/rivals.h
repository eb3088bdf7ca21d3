/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two hosts with one key: each takes the other's session away, so both shake hands again and again,
 * from two places in turn. One host that roams does not come back so often. Pure.
 */
#ifndef VPND_PROTO_RIVALS_H
#define VPND_PROTO_RIVALS_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/mono.h"

enum {
	RIVALS_TURNS = 4,      /* from one place to the other, so many times */
	RIVALS_WITHIN_S = 120, /* in this time, is a fight */
};

/* Zero: nothing seen. */
struct rivals {
	struct endpoint last, other; /* of the newest handshake, and of the one before the turn */
	mono_t turns[RIVALS_TURNS];  /* newest first; MONO_UNSET: none */
};

/* A handshake with a new proof of the key came from there. True if it is a turn of a fight. */
bool rivals_seen(struct rivals *rivals, const struct endpoint *from, mono_t now);

/* True while there is a fight, between rivals->last and rivals->other. */
bool rivals_fight(const struct rivals *rivals, mono_t now);

#endif
