/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often one source may start a handshake while we are under load: a token bucket for each IPv4
 * address and each IPv6 /64. Bounded in memory: when all places are taken by active sources, new
 * ones are refused.
 */
#ifndef VPND_PROTO_RATELIMIT_H
#define VPND_PROTO_RATELIMIT_H

#include "base/addr.h"
#include "base/mono.h"

enum {
	RATELIMIT_PER_S = 20, /* handshakes a second that refill a bucket */
	RATELIMIT_BURST = 5,  /* handshakes that a full bucket allows */
	RATELIMIT_SOURCES = 8192,
};

struct ratelimit;

/* `seed`: 16 random bytes that key the hash, so that no one can aim at one bucket. NULL on ENOMEM.
 */
struct ratelimit *ratelimit_new(const uint8_t seed[static 16]);
void ratelimit_free(struct ratelimit *limit);

/* True if `source` may start one more handshake now; it is counted. */
bool ratelimit_allow(struct ratelimit *limit, const struct addr *source, mono_t now);

#endif
