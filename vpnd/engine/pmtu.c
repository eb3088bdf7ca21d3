/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/pmtu.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The next size to try, or 0 when there is nothing left between what passes and what does not. */
static uint32_t candidate(const struct pmtu *p)
{
	uint32_t lo = (p->good ? p->good : PMTU_FLOOR - PMTU_STEP) / PMTU_STEP;
	uint32_t hi = (p->bad - 1) / PMTU_STEP;

	if (p->good == p->ceiling)
		return 0;
	if (p->bad > p->ceiling)
		return p->ceiling;
	return hi > lo ? (lo + hi + 1) / 2 * PMTU_STEP : 0;
}

/* What is in force and known not to pass gives way to what does, before the search is over. */
static void relieve(struct pmtu *p)
{
	if (p->good && (p->good > p->value || p->value >= p->bad))
		p->value = p->good;
}

static void begin_search(struct pmtu *p, uint32_t good, uint32_t bad, mono_t now)
{
	p->searching = true;
	p->good = good;
	p->bad = bad;
	p->size = 0;
	p->flying = false;
	p->next = now;
}

static void end_search(struct pmtu *p, mono_t now)
{
	p->searching = false;
	p->value = p->good;
	p->size = 0;
	p->next = mono_add_us(now, PMTU_CONFIRM * p->interval_us);
	p->raise_at = p->good == p->ceiling ? MONO_NEVER : mono_add_s(now, p->raise_s);
	p->raise_s = least(2 * p->raise_s, PMTU_RAISE_MAX_S);
}

/* On to the next size, if there is one. */
static void go_on(struct pmtu *p, mono_t now)
{
	p->size = candidate(p);
	p->tries = 0;
	p->flying = false;
	if (p->size)
		p->next = now;
	else
		end_search(p, now);
}

void pmtu_init(struct pmtu *p, uint32_t ceiling, uint32_t known, uint64_t interval_us, mono_t now)
{
	*p = (struct pmtu){.interval_us = interval_us, .value = known};
	pmtu_restart(p, ceiling, now);
}

void pmtu_restart(struct pmtu *p, uint32_t ceiling, mono_t now)
{
	p->ceiling = ceiling;
	p->value = least(p->value, ceiling);
	p->raise_s = PMTU_RAISE_S;
	p->raise_at = MONO_NEVER;
	begin_search(p, 0, ceiling + 1, now);
}

static void fail(struct pmtu *p, mono_t now)
{
	if (!p->searching) {
		/* What passed no longer does: everything below it is in doubt. */
		p->raise_s = PMTU_RAISE_S;
		begin_search(p, 0, p->size, now);
	} else {
		p->bad = p->size;
		relieve(p);
	}
	go_on(p, now);
}

void pmtu_look(struct pmtu *p, uint64_t timeout_us, mono_t answered, mono_t now)
{
	if (!p->flying || mono_elapsed_us(p->sent, now) < timeout_us)
		return;
	p->flying = false;
	p->next = now;
	if (mono_before(answered, p->sent))
		return;
	if (++p->tries >= PMTU_TRIES)
		fail(p, now);
}

mono_t pmtu_deadline(const struct pmtu *p, uint64_t timeout_us)
{
	return p->flying ? mono_add_us(p->sent, timeout_us) : mono_min(p->next, p->raise_at);
}

uint32_t pmtu_due(struct pmtu *p, mono_t now)
{
	if (p->flying)
		return 0;
	if (!p->searching && !mono_before(now, p->raise_at))
		begin_search(p, p->value, p->ceiling + 1, now);
	if (mono_before(now, p->next))
		return 0;
	if (!p->size) {
		p->tries = 0;
		/* Nothing passed at all: the next search is begun by raise_at. */
		p->size = p->searching ? candidate(p) : p->value;
		if (!p->size)
			p->next = MONO_NEVER;
	}
	return p->size;
}

void pmtu_sent(struct pmtu *p, mono_t now)
{
	p->flying = true;
	p->sent = now;
}

void pmtu_refused(struct pmtu *p, mono_t now)
{
	fail(p, now);
}

void pmtu_answered(struct pmtu *p, uint32_t size, mono_t now)
{
	if (p->searching) {
		if (size <= p->good || size > p->ceiling)
			return;
		p->good = size;
		if (p->bad <= size)
			p->bad = size + 1; /* it was late, not lost */
		relieve(p);
		go_on(p, now);
	} else if (size == p->size) {
		p->size = 0;
		p->flying = false;
		p->next = mono_add_us(now, PMTU_CONFIRM * p->interval_us);
	}
}
