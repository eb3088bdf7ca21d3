/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"

#include <time.h>

/* clock_gettime fails only for a clock that does not exist; both of ours always do. */

mono_t clock_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (mono_t){(uint64_t)ts.tv_sec * US_PER_S + (uint64_t)ts.tv_nsec / 1000};
}

struct wall clock_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct wall){.s = ts.tv_sec, .ns = (uint32_t)ts.tv_nsec};
}
