/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/backoff.h"

uint64_t backoff_next_us(struct backoff *b)
{
	uint64_t wait = b->next;

	b->next = wait < b->second ? b->second : 2 * wait;
	if (b->next > b->longest)
		b->next = b->longest;
	return wait;
}

void backoff_reset(struct backoff *b)
{
	b->next = b->first;
}
