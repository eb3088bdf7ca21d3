/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/budget.h"

#define HOLDS_PART 4   /* of a second's worth */
#define RESUME_PART 10 /* the same */
#define PAUSE_US (5 * US_PER_S)
#define PAUSE_US_MAX (40 * US_PER_S)

/* In millionths of an event. */
static int64_t part_of(const struct budget *budget, uint32_t part)
{
	return (int64_t)(budget->per_s * US_PER_S / part);
}

void budget_init(struct budget *budget, uint32_t per_s, mono_t now)
{
	*budget = (struct budget){.per_s = per_s, .filled = now, .pause_us = PAUSE_US};
	budget->left = part_of(budget, HOLDS_PART);
}

void budget_set(struct budget *budget, uint32_t per_s)
{
	budget->per_s = per_s;
}

static void fill(struct budget *budget, mono_t now)
{
	uint64_t passed = mono_elapsed_us(budget->filled, now);
	int64_t most = part_of(budget, HOLDS_PART);

	budget->left += (int64_t)(passed < US_PER_S ? passed : US_PER_S) * budget->per_s;
	if (budget->left > most)
		budget->left = most;
	budget->filled = now;
}

bool budget_spend(struct budget *budget, uint32_t n, mono_t now)
{
	if (!budget->per_s)
		return true;
	fill(budget, now);
	budget->left -= (int64_t)(n * US_PER_S);
	return budget->left >= 0;
}

void budget_refill(struct budget *budget, mono_t now)
{
	budget->left = part_of(budget, HOLDS_PART);
	budget->filled = now;
}

uint64_t budget_pause(struct budget *budget, mono_t now)
{
	bool again =
		mono_is_set(budget->resumed) && mono_elapsed_us(budget->resumed, now) < PAUSE_US;

	budget->pause_us = again ? 2 * budget->pause_us : PAUSE_US;
	if (budget->pause_us > PAUSE_US_MAX)
		budget->pause_us = PAUSE_US_MAX;
	return budget->pause_us;
}

void budget_resume(struct budget *budget, mono_t now)
{
	budget->left = part_of(budget, RESUME_PART);
	budget->filled = budget->resumed = now;
}
