/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The values of our table's named counters, as the kernel has them now. */
#ifndef NATD_COUNTERS_H
#define NATD_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

struct nft;
struct counters;

struct counter {
	uint64_t packets, bytes;
};

/*
 * Read all counters; none at all if the table is missing. The caller frees *out. Returns 0 or a
 * negative errno with err filled.
 */
int counters_read(struct nft *nft, struct counters **out, char *err, size_t errlen);
void counters_free(struct counters *counters);
void counters_freep(struct counters **counters); /* for __attribute__((cleanup)) */

/* The counter of that name; zero if there is none. */
struct counter counters_get(const struct counters *counters, const char *name);

#endif
