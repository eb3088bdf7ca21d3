/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clocks of the machine. Only code that does I/O includes this; the rest is given `now`. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/mono.h"

/* CLOCK_BOOTTIME in microseconds: never steps, and counts the time that the host was suspended. */
mono_t clock_mono(void);

/* Wall-clock time: seconds and nanoseconds since 1970-01-01 UTC. It may step at any time. */
struct wall {
	int64_t s;
	uint32_t ns;
};
struct wall clock_wall(void);

#endif
