/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long to wait before something that failed is tried again. */
#ifndef VPND_MONITOR_BACKOFF_H
#define VPND_MONITOR_BACKOFF_H

#include <stdint.h>

/* All in microseconds. */
struct backoff {
	uint64_t first, second, longest, next;
};

/* Waits of first, second, 2 x second, 4 x second, ... and never more than longest. */
#define BACKOFF_INIT(first_us, second_us, longest_us) \
	((struct backoff){(first_us), (second_us), (longest_us), (first_us)})

/* The wait that is due, in microseconds; the next one will be longer. */
uint64_t backoff_next_us(struct backoff *b);

/* Begin again with the first. */
void backoff_reset(struct backoff *b);

#endif
