/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "vpnctl/units.h"

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static char *unknown(char out[static UNITS_LEN])
{
	snprintf(out, UNITS_LEN, "-");
	return out;
}

static char *two_units(char out[static UNITS_LEN], int64_t value, int64_t big, char big_name,
	int64_t small, char small_name)
{
	snprintf(out, UNITS_LEN, "%" PRId64 "%c%02" PRId64 "%c", value / big, big_name,
		value % big / small, small_name);
	return out;
}

char *units_duration(int64_t seconds, char out[static UNITS_LEN])
{
	if (seconds < 0)
		return unknown(out);
	if (seconds >= DAY)
		return two_units(out, seconds, DAY, 'd', HOUR, 'h');
	if (seconds >= HOUR)
		return two_units(out, seconds, HOUR, 'h', MINUTE, 'm');
	if (seconds >= MINUTE)
		return two_units(out, seconds, MINUTE, 'm', 1, 's');
	snprintf(out, UNITS_LEN, "%" PRId64 "s", seconds);
	return out;
}

static char *scaled(int64_t bytes, const char *per, char out[static UNITS_LEN])
{
	static const char prefixes[] = "kMGTPE";

	if (bytes < 0)
		return unknown(out);
	if (bytes < 1000) {
		snprintf(out, UNITS_LEN, "%" PRId64 "%s%s", bytes, bytes ? "B" : "",
			bytes ? per : "");
		return out;
	}
	double value = (double)bytes / 1000;
	size_t prefix = 0;
	/* 999.5 would be rounded to a fourth digit. */
	while (value >= 999.5 && prefixes[prefix + 1]) {
		value /= 1000;
		prefix++;
	}
	snprintf(out, UNITS_LEN, "%.*f%cB%s", value < 9.95 ? 1 : 0, value, prefixes[prefix], per);
	return out;
}

char *units_bytes(int64_t bytes, char out[static UNITS_LEN])
{
	return scaled(bytes, "", out);
}

char *units_rate(int64_t bytes_per_s, char out[static UNITS_LEN])
{
	return scaled(bytes_per_s, "/s", out);
}

char *units_count(int64_t count, char out[static UNITS_LEN])
{
	char digits[UNITS_LEN];

	if (count < 0)
		return unknown(out);
	int n = snprintf(digits, sizeof(digits), "%" PRId64, count);
	char *to = out;
	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

char *units_ms(double ms, char out[static UNITS_LEN])
{
	/* Past a day it is no round trip, but some number that went wrong. */
	if (!(ms >= 0) || ms > DAY * 1000.0)
		return unknown(out);
	snprintf(out, UNITS_LEN, "%.*fms", ms < 0.995 ? 2 : ms < 9.95 ? 1 : 0, ms);
	return out;
}

char *units_percent(double ratio, char out[static UNITS_LEN])
{
	if (!(ratio >= 0) || ratio > 1)
		return unknown(out);
	double percent = ratio * 100;
	snprintf(out, UNITS_LEN, "%.*f%%", percent > 0 && percent < 0.95 ? 1 : 0, percent);
	return out;
}
