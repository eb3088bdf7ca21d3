/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the largest packet that reaches a peer through the tunnel, and comes back, without being
 * fragmented on the way: packetization layer path MTU discovery (RFC 8899) with padded echoes that
 * must not be fragmented. Replies are authentic, and no ICMP error is believed. Pure, as probe.h,
 * which measures the same way with small probes.
 *
 * A size is tried by a probe of it and a small one right after. If that has a reply and the large
 * one none, PMTU_TRIES times, the size is too large; if neither has, nothing is learned. At 5 %
 * loss in each direction a size that fits fails so with a probability of 0.0975^6 = 9e-7.
 *
 * First the interface's MTU is tried, which ends the search on most paths. Else it goes by halves
 * between what passes and what does not. Where what was believed before is found not to pass, what
 * does counts at once, so that hosts whose large packets vanish get on again before the search is
 * over. The size that was found is tried again
 * every few probe intervals, since paths change and black holes say nothing; and sometimes a larger
 * one. Only multiples of 16 are tried, for WireGuard pads packets to them.
 */
#ifndef VPND_ENGINE_PMTU_H
#define VPND_ENGINE_PMTU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mono.h"

enum {
	PMTU_FLOOR = 576, /* bytes; where not even this passes, large echoes are not answered */
	PMTU_STEP = 16,   /* bytes */
	PMTU_TRIES = 6,
	PMTU_CONFIRM = 5,       /* probe intervals until the found size is tried again */
	PMTU_RAISE_S = 60,      /* until a larger one is, doubled each time that it is in vain */
	PMTU_RAISE_MAX_S = 600, /* RFC 8899 section 5.1.1 */
};

struct pmtu {
	uint32_t ceiling; /* bytes, the interface's MTU: nothing larger is ever sent */
	uint64_t interval_us;
	uint32_t value; /* the largest that is known to pass; 0: none */
	bool searching;
	uint32_t good, bad; /* in this search: what passes (0: nothing yet), what does not */
	uint32_t size;      /* under trial; 0: nothing is */
	unsigned int tries; /* of it that were lost */
	bool flying;
	mono_t sent; /* the one that flies */
	mono_t next; /* when to begin a trial */
	mono_t raise_at;
	unsigned int raise_s;
};

/*
 * Begin. `ceiling` in bytes, at most UINT16_MAX; `known` is what was found before and counts until
 * it is found wrong; 0: nothing.
 */
void pmtu_init(struct pmtu *p, uint32_t ceiling, uint32_t known, uint64_t interval_us, mono_t now);

/* The path may be another one: search again from the top. What was found counts meanwhile. */
void pmtu_restart(struct pmtu *p, uint32_t ceiling, mono_t now);

/*
 * Let time pass. A probe that has flown for `timeout_us` is lost if a small one that was sent no
 * earlier has been answered: `answered` is when the newest such was sent.
 */
void pmtu_look(struct pmtu *p, uint64_t timeout_us, mono_t answered, mono_t now);

/* When pmtu_look or pmtu_due has something to do. */
mono_t pmtu_deadline(const struct pmtu *p, uint64_t timeout_us);

/* The size in bytes of the probe that is to be sent now; 0: none. */
uint32_t pmtu_due(struct pmtu *p, mono_t now);
void pmtu_sent(struct pmtu *p, mono_t now);
/* The kernel did not take it: larger than the MTU of the interface it would leave by. */
void pmtu_refused(struct pmtu *p, mono_t now);

/* A reply of that size came, to whichever probe. */
void pmtu_answered(struct pmtu *p, uint32_t size, mono_t now);

#endif
