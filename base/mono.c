/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mono.h"

bool mono_is_set(mono_t t)
{
	return t.us != 0;
}

bool mono_before(mono_t a, mono_t b)
{
	return a.us < b.us;
}

mono_t mono_min(mono_t a, mono_t b)
{
	return a.us < b.us ? a : b;
}

/* a * b, or as much as fits: a span too long to hold is as good as endless. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

mono_t mono_add_us(mono_t t, uint64_t span_us)
{
	return t.us > UINT64_MAX - span_us ? MONO_NEVER : (mono_t){t.us + span_us};
}

mono_t mono_add_ms(mono_t t, uint64_t span_ms)
{
	return mono_add_us(t, multiply(span_ms, US_PER_MS));
}

mono_t mono_add_s(mono_t t, uint64_t span_s)
{
	return mono_add_us(t, multiply(span_s, US_PER_S));
}

uint64_t mono_elapsed_us(mono_t since, mono_t now)
{
	return now.us > since.us ? now.us - since.us : 0;
}

bool mono_expired_s(mono_t since, uint64_t span_s, mono_t now)
{
	return !mono_is_set(since) || !mono_before(now, mono_add_s(since, span_s));
}
