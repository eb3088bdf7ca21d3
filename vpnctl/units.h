/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers as a person reads them. Whatever is negative or not a number is unknown: "-". */
#ifndef VPNCTL_UNITS_H
#define VPNCTL_UNITS_H

#include <stdint.h>

#define UNITS_LEN 32 /* bytes, enough for all of them, NUL included */

/* Each writes to `out` and returns it. */

/* Seconds as their two leading units: "41s", "6m02s", "3h07m", "12d03h". */
char *units_duration(int64_t seconds, char out[static UNITS_LEN]);

/* Bytes with decimal prefixes and two or three digits: "0", "999B", "1.2kB", "310kB", "9.2EB". */
char *units_bytes(int64_t bytes, char out[static UNITS_LEN]);

/* The same a second: "1.2MB/s". */
char *units_rate(int64_t bytes_per_s, char out[static UNITS_LEN]);

/* A count with its thousands apart, whatever the locale: "18,211". */
char *units_count(int64_t count, char out[static UNITS_LEN]);

/* Milliseconds: "0.18ms", "8.2ms", "120ms". */
char *units_ms(double ms, char out[static UNITS_LEN]);

/* A ratio from 0 to 1 in percent: "0%", "0.3%", "100%". What lies outside is unknown. */
char *units_percent(double ratio, char out[static UNITS_LEN]);

#endif
