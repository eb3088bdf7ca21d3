/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/guard.h"

#include <stdlib.h>

#include "vpnd/proto/ratelimit.h"

struct guard {
	mono_t window; /* messages are counted from here on */
	size_t count;
	mono_t loaded_until;
	struct ratelimit *ratelimit;
};

struct guard *guard_new(const uint8_t seed[static 16])
{
	struct guard *guard = calloc(1, sizeof(*guard));

	if (!guard)
		return NULL;
	guard->ratelimit = ratelimit_new(seed);
	if (!guard->ratelimit) {
		free(guard);
		return NULL;
	}
	return guard;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	ratelimit_free(guard->ratelimit);
	free(guard);
}

bool guard_loaded(struct guard *guard, size_t count, mono_t now)
{
	if (!mono_before(now, mono_add_ms(guard->window, GUARD_WINDOW_MS))) {
		guard->window = now;
		guard->count = 0;
	}
	guard->count += count;
	if (guard->count > GUARD_MESSAGES)
		guard->loaded_until = mono_add_s(now, GUARD_LASTS_S);
	return mono_before(now, guard->loaded_until);
}

bool guard_allow(struct guard *guard, const struct addr *source, mono_t now)
{
	return ratelimit_allow(guard->ratelimit, source, now);
}
