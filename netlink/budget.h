/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much may be heard: events cost whoever causes them, so beyond a rate it is better not to
 * listen for a while. A budget fills by the time that passes and holds a quarter of a second's
 * worth, so a burst is heard; who has spent it pauses, and longer if that comes again at once.
 * Pure.
 */
#ifndef NETLINK_BUDGET_H
#define NETLINK_BUDGET_H

#include "base/mono.h"

struct budget {
	uint32_t per_s; /* events; 0: without limit */
	int64_t left;   /* in millionths of an event */
	mono_t filled, resumed;
	uint64_t pause_us;
};

/* A full one. */
void budget_init(struct budget *budget, uint32_t per_s, mono_t now);

/* Another rate; what is left and what was learnt stay. */
void budget_set(struct budget *budget, uint32_t per_s);

/* Spend `n` events that were heard. Returns false when it is spent; budget_refill or budget_pause
 * comes then. */
bool budget_spend(struct budget *budget, uint32_t n, mono_t now);

/* It is full again: there is time for more. */
void budget_refill(struct budget *budget, mono_t now);

/*
 * Returns how long to pause, in microseconds: 5 s, or twice as long as the last time, at most 40 s,
 * if that ended less than 5 s ago.
 */
uint64_t budget_pause(struct budget *budget, mono_t now);

/* The pause is over. A little is left, enough to find out whether the rush is. */
void budget_resume(struct budget *budget, mono_t now);

#endif
