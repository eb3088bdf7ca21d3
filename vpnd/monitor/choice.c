/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/choice.h"

static bool has(uint8_t set, uint8_t i)
{
	return set & 1U << i;
}

/* Remember since when each is up. */
static void note(struct choice *c, uint8_t n, uint8_t up, mono_t now)
{
	for (uint8_t i = 0; i < n; i++)
		if (c->known && has(up, i) && !has(c->up, i))
			c->since[i] = now;
	c->up = up;
	c->known = true;
}

/* Those that are up, and have been for the hold time. */
static uint8_t steady(const struct choice *c, const struct choice_policy *policy, mono_t now)
{
	uint8_t set = 0;

	for (uint8_t i = 0; i < policy->n; i++)
		if (has(c->up, i) &&
			now.us >= c->since[i].us + (c->since[i].us ? policy->hold_us : 0))
			set |= (uint8_t)(1U << i);
	return set;
}

static uint8_t first_of(uint8_t set)
{
	return set & (uint8_t)-set;
}

static uint8_t choose_one(const struct choice *c, const struct choice_policy *policy, uint8_t fit)
{
	uint8_t kept = c->chosen & c->up;

	if (!kept)
		return first_of(fit ? fit : c->up);
	/* Better is who stands before it. */
	return policy->preempt ? first_of(fit | kept) : first_of(kept);
}

static uint8_t choose_all(const struct choice *c, uint8_t fit)
{
	uint8_t set = (c->chosen & c->up) | fit;

	return set ? set : c->up;
}

/* When the next one of those that only wait for their time has waited enough. */
static void set_next(
	const struct choice *c, const struct choice_policy *policy, uint8_t fit, mono_t *next)
{
	bool found = false;

	for (uint8_t i = 0; i < policy->n; i++) {
		mono_t then = {c->since[i].us + policy->hold_us};

		if (!has(c->up, i) || has(fit, i) || has(c->chosen, i) ||
			(found && next->us <= then.us))
			continue;
		*next = then;
		found = true;
	}
}

bool choice_update(
	struct choice *c, const struct choice_policy *policy, uint8_t up, mono_t now, mono_t *next)
{
	uint8_t before = c->chosen, fit;

	note(c, policy->n, up, now);
	fit = steady(c, policy, now);
	c->chosen =
		policy->policy == VPND_FAILOVER ? choose_one(c, policy, fit) : choose_all(c, fit);
	if (c->chosen && (policy->policy == VPND_ECMP || policy->preempt))
		set_next(c, policy, fit, next);
	return c->chosen != before;
}

int choice_backup(const struct choice *c, const struct choice_policy *policy, uint8_t here)
{
	/* Nobody carries: the first is waited for, and is not its own backup. */
	uint8_t first = c->chosen ? c->chosen : 1;
	uint8_t others = c->up & (uint8_t)~first;

	if (!others)
		others = here & (uint8_t)~first;
	for (int i = 0; i < policy->n; i++)
		if (has(others, (uint8_t)i))
			return i;
	return -1;
}
