/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/rivals.h"

#include <string.h>

bool rivals_seen(struct rivals *rivals, const struct endpoint *from, mono_t now)
{
	struct rivals before = *rivals;

	if (endpoint_equal(from, &before.last))
		return false;
	rivals->last = *from;
	rivals->other = before.last;
	if (!endpoint_equal(from, &before.other)) {
		memset(rivals->turns, 0, sizeof(rivals->turns));
		return false;
	}
	memcpy(rivals->turns + 1, before.turns, sizeof(rivals->turns) - sizeof(*rivals->turns));
	rivals->turns[0] = now;
	return rivals_fight(rivals, now);
}

bool rivals_fight(const struct rivals *rivals, mono_t now)
{
	return !mono_expired_s(rivals->turns[RIVALS_TURNS - 1], RIVALS_WITHIN_S, now);
}
