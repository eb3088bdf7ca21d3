/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/probe.h"

#include <string.h>

enum {
	HURRY = 4,               /* times as many probes once one is lost */
	TIMEOUT_FIRST_MS = 1000, /* RFC 6298 section 2.1 */
	TIMEOUT_MIN_MS = 100,    /* or a quarter of the interval, if that is less */
	TIMEOUT_MAX_MS = 3000,
};

/* --- time ------------------------------------------------------------------------------------ */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t probe_timeout_us(const struct probe *p)
{
	uint64_t floor = least(p->interval_us / HURRY, TIMEOUT_MIN_MS * US_PER_MS);

	if (!p->srtt_us)
		return TIMEOUT_FIRST_MS * US_PER_MS;
	return least(most(p->srtt_us + 4 * p->rttvar_us, floor), TIMEOUT_MAX_MS * US_PER_MS);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void measure(struct probe *p, uint64_t rtt_us)
{
	rtt_us = most(rtt_us, 1);
	if (!p->srtt_us) {
		p->srtt_us = rtt_us;
		p->rttvar_us = rtt_us / 2;
	} else {
		p->rttvar_us = (3 * p->rttvar_us + distance(p->srtt_us, rtt_us)) / 4;
		p->srtt_us = most((7 * p->srtt_us + rtt_us) / 8, 1);
		p->jitter_us = (15 * p->jitter_us + distance(p->rtt_us, rtt_us)) / 16;
	}
	p->rtt_us = rtt_us;
}

/* --- what became of a probe ------------------------------------------------------------------ */

static struct probe_flight *find(struct probe *p, uint16_t sequence)
{
	struct probe_flight *f = &p->flights[sequence % PROBE_FLYING];

	return mono_is_set(f->sent) && f->sequence == sequence ? f : NULL;
}

/* Where probes sent at that time are counted; NULL if that is too long ago. */
static struct probe_second *second_of(struct probe *p, mono_t sent)
{
	uint64_t second = sent.us / US_PER_S;
	struct probe_second *s = &p->seconds[second % PROBE_WINDOW_S];

	if (s->second > second)
		return NULL;
	if (s->second != second)
		*s = (struct probe_second){.second = second};
	return s;
}

static void count_answer(struct probe *p, const struct probe_flight *f, uint64_t rtt_us)
{
	struct probe_second *s = second_of(p, f->sent);
	uint32_t rtt = (uint32_t)least(rtt_us, UINT32_MAX);

	p->answered++;
	if (!s)
		return;
	if (f->lost && s->lost)
		s->lost--;
	if (!s->answered || rtt < s->rtt_min_us)
		s->rtt_min_us = rtt;
	if (!s->answered || rtt > s->rtt_max_us)
		s->rtt_max_us = rtt;
	s->answered++;
}

static void lose(struct probe *p, struct probe_flight *f)
{
	struct probe_second *s = second_of(p, f->sent);

	f->lost = true;
	p->good_run = 0;
	if (s)
		s->lost++;
	if (!p->unanswered)
		p->unanswered_since = f->sent;
	p->unanswered++;
	/* What was sent before the peer was heard may have met the same fate as what it sent. */
	if (!mono_before(f->sent, p->heard))
		p->lost_run++;
}

static bool is_pending(const struct probe_flight *f)
{
	return mono_is_set(f->sent) && !f->answered && !f->lost;
}

/* --- verdicts -------------------------------------------------------------------------------- */

static void turn_bad(struct probe *p, enum probe_verdict verdict, mono_t now)
{
	bool brief = p->verdict == PROBE_WORKS && mono_is_set(p->good_since) &&
		     !mono_expired_s(p->good_since, PROBE_STEADY_S, now);

	p->good_needed =
		(unsigned int)(brief ? least(2 * p->good_needed, PROBE_GOOD_MAX) : PROBE_GOOD);
	p->verdict = verdict;
}

static void turn_good(struct probe *p, mono_t now)
{
	p->verdict = PROBE_WORKS;
	p->good_since = now;
}

static bool is_one_way(const struct probe *p, mono_t now)
{
	return p->unanswered >= PROBE_LOST &&
	       mono_expired_s(p->unanswered_since, PROBE_ONE_WAY_S, now);
}

static void judge(struct probe *p, mono_t now)
{
	switch (p->verdict) {
	case PROBE_UNKNOWN:
		if (p->good_run)
			turn_good(p, now);
		/* fall through */
	case PROBE_WORKS:
		if (p->lost_run >= PROBE_LOST)
			turn_bad(p, PROBE_BLACK, now);
		else if (is_one_way(p, now))
			turn_bad(p, PROBE_ONE_WAY, now);
		return;
	case PROBE_BLACK:
	case PROBE_ONE_WAY:
		if (p->good_run >= p->good_needed)
			turn_good(p, now);
		else
			p->verdict = p->lost_run >= PROBE_LOST ? PROBE_BLACK : PROBE_ONE_WAY;
		return;
	case PROBE_VERDICTS:
		return;
	}
}

static bool is_bad(const struct probe *p)
{
	return p->verdict == PROBE_BLACK || p->verdict == PROBE_ONE_WAY;
}

bool probe_look(struct probe *p, mono_t now)
{
	const enum probe_verdict before = p->verdict;
	const uint64_t timeout_us = probe_timeout_us(p);
	bool lost = false;

	for (size_t i = 0; i < PROBE_FLYING; i++) {
		/* In the order in which they were sent. */
		struct probe_flight *f = &p->flights[(uint16_t)(p->sequence + i) % PROBE_FLYING];

		if (!is_pending(f) || mono_elapsed_us(f->sent, now) < timeout_us)
			continue;
		lose(p, f);
		lost = true;
	}
	if (lost && p->lost_run && !is_bad(p)) {
		uint16_t newest = (uint16_t)(p->sequence - 1);
		mono_t soon =
			mono_add_us(p->flights[newest % PROBE_FLYING].sent, p->interval_us / HURRY);

		p->next = mono_min(p->next, soon);
	}
	judge(p, now);
	return p->verdict != before;
}

/* --- events ---------------------------------------------------------------------------------- */

void probe_init(struct probe *p, uint64_t interval_us, mono_t now)
{
	*p = (struct probe){.interval_us = interval_us, .next = now, .good_needed = PROBE_GOOD};
}

mono_t probe_deadline(const struct probe *p)
{
	const uint64_t timeout_us = probe_timeout_us(p);
	mono_t at = p->next;

	for (size_t i = 0; i < PROBE_FLYING; i++)
		if (is_pending(&p->flights[i]))
			at = mono_min(at, mono_add_us(p->flights[i].sent, timeout_us));
	return at;
}

bool probe_is_due(const struct probe *p, mono_t now)
{
	return !mono_before(now, p->next);
}

uint16_t probe_sent(struct probe *p, mono_t now)
{
	const bool hurry = p->lost_run && !is_bad(p);
	struct probe_flight *f = &p->flights[p->sequence % PROBE_FLYING];

	if (is_pending(f))
		lose(p, f);
	*f = (struct probe_flight){.sent = now, .sequence = p->sequence};
	p->next = mono_add_us(now, hurry ? p->interval_us / HURRY : p->interval_us);
	p->sent++;
	return p->sequence++;
}

void probe_skipped(struct probe *p, mono_t now)
{
	p->next = mono_add_us(now, p->interval_us);
}

bool probe_answered(struct probe *p, uint16_t sequence, mono_t now)
{
	struct probe_flight *f = find(p, sequence);
	uint64_t rtt_us;

	if (!f || f->answered)
		return false;
	rtt_us = mono_elapsed_us(f->sent, now);
	count_answer(p, f, rtt_us);
	measure(p, rtt_us);
	if (!f->lost)
		p->good_run++;
	f->answered = true;
	f->lost = false;
	p->unanswered = 0;
	p->unanswered_since = MONO_UNSET;
	if (mono_before(p->answered_sent, f->sent))
		p->answered_sent = f->sent;
	probe_heard(p, now);
	return true;
}

void probe_heard(struct probe *p, mono_t now)
{
	p->heard = now;
	p->lost_run = 0;
}

/* --- for status ------------------------------------------------------------------------------ */

static void sum_window(const struct probe *p, struct probe_stats *out, mono_t now)
{
	const uint64_t second = now.us / US_PER_S;

	for (size_t i = 0; i < PROBE_WINDOW_S; i++) {
		const struct probe_second *s = &p->seconds[i];

		if (second - s->second >= PROBE_WINDOW_S || !(s->answered + s->lost))
			continue;
		out->windowed += s->answered + s->lost;
		out->window_lost += s->lost;
		if (!s->answered)
			continue;
		out->rtt_min_us =
			out->measured ? least(out->rtt_min_us, s->rtt_min_us) : s->rtt_min_us;
		out->rtt_max_us = most(out->rtt_max_us, s->rtt_max_us);
		out->measured = true;
	}
}

static void sum_recent(const struct probe *p, struct probe_stats *out)
{
	for (uint16_t back = 1; back <= PROBE_FLYING && out->recent < PROBE_RECENT; back++) {
		const struct probe_flight *f =
			&p->flights[(uint16_t)(p->sequence - back) % PROBE_FLYING];

		if (!mono_is_set(f->sent))
			return;
		if (is_pending(f))
			continue;
		out->recent++;
		out->recent_lost += f->lost;
	}
}

void probe_stats(const struct probe *p, struct probe_stats *out, mono_t now)
{
	*out = (struct probe_stats){
		.rtt_us = p->srtt_us,
		.jitter_us = p->jitter_us,
		.unanswered = p->unanswered,
		.unanswered_since = p->unanswered_since,
		.sent = p->sent,
		.answered = p->answered,
	};
	sum_window(p, out, now);
	sum_recent(p, out);
}
