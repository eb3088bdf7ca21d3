/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time as the programs reason about it: microseconds of a clock that never steps. A struct, so that
 * it cannot be mixed up with a count of something else. Pure arithmetic; the clock itself is read
 * in base/clock.h, by those who do I/O, and handed down as `now`.
 */
#ifndef BASE_MONO_H
#define BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t us;
} mono_t;

/* Later than every time that can be reached; a deadline that never comes. */
#define MONO_NEVER ((mono_t){UINT64_MAX})
/* Before every time; what has not happened yet. */
#define MONO_UNSET ((mono_t){0})

#define US_PER_MS 1000ULL
#define US_PER_S 1000000ULL

/* True unless `t` is MONO_UNSET. */
bool mono_is_set(mono_t t);

/* True if `a` comes strictly before `b`. */
bool mono_before(mono_t a, mono_t b);

/* The earlier of the two. */
mono_t mono_min(mono_t a, mono_t b);

/* `t` plus a span, saturating at MONO_NEVER. */
mono_t mono_add_us(mono_t t, uint64_t span_us);
mono_t mono_add_ms(mono_t t, uint64_t span_ms);
mono_t mono_add_s(mono_t t, uint64_t span_s);

/* Microseconds from `since` to `now`; 0 when `since` lies ahead. */
uint64_t mono_elapsed_us(mono_t since, mono_t now);

/* True once `span_s` seconds have passed since `since`; true as well if `since` was never set. */
bool mono_expired_s(mono_t since, uint64_t span_s, mono_t now);

#endif
