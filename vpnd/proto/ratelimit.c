/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All places are made at once. A source is found through a keyed hash; the places are also in one
 * queue by their last use. A source that has been silent for as long as an empty bucket needs to
 * fill is like one never seen, so its place may be taken; the front of the queue is the first such.
 */
#include "vpnd/proto/ratelimit.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	COST_US = US_PER_S / RATELIMIT_PER_S, /* credit that one handshake takes */
	FULL_US = COST_US * RATELIMIT_BURST,  /* credit of a full bucket, and the time to fill it */
	HASH_SLOTS = RATELIMIT_SOURCES,
};
static_assert((HASH_SLOTS & (HASH_SLOTS - 1)) == 0, "a power of two, for the mask");
static_assert(crypto_shorthash_KEYBYTES == 16, "seed size");

/* What counts as one source: an IPv4 address or the first half of an IPv6 address. */
struct source {
	uint8_t family;
	uint8_t bytes[8];
};

struct place {
	LIST_ENTRY(place) chain; /* in its hash slot; only when `taken` */
	TAILQ_ENTRY(place) age;
	struct source source;
	bool taken;
	mono_t last_used;
	uint64_t credit_us; /* at last_used */
};

struct ratelimit {
	uint8_t seed[16];
	TAILQ_HEAD(, place) by_age; /* longest unused first */
	LIST_HEAD(, place) slots[HASH_SLOTS];
	struct place places[RATELIMIT_SOURCES];
};

struct ratelimit *ratelimit_new(const uint8_t seed[static 16])
{
	struct ratelimit *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return NULL;
	memcpy(limit->seed, seed, sizeof(limit->seed));
	TAILQ_INIT(&limit->by_age);
	for (size_t i = 0; i < RATELIMIT_SOURCES; i++)
		TAILQ_INSERT_TAIL(&limit->by_age, &limit->places[i], age);
	return limit;
}

void ratelimit_free(struct ratelimit *limit)
{
	free(limit);
}

static struct source source_of(const struct addr *addr)
{
	struct source source = {.family = addr->family};

	memcpy(source.bytes, addr->bytes, addr->family == ADDR_V4 ? 4 : sizeof(source.bytes));
	return source;
}

static size_t slot_of(const struct ratelimit *limit, const struct source *source)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)source, sizeof(*source), limit->seed);
	return hash & (HASH_SLOTS - 1);
}

/* The place of `source`, with the credit that it had; NULL if it has none and none can be had. */
static struct place *find(struct ratelimit *limit, const struct source *source, mono_t now)
{
	size_t slot = slot_of(limit, source);
	struct place *place;

	LIST_FOREACH(place, &limit->slots[slot], chain)
	if (memcmp(&place->source, source, sizeof(*source)) == 0)
		return place;

	place = TAILQ_FIRST(&limit->by_age);
	if (place->taken) {
		if (mono_elapsed_us(place->last_used, now) < FULL_US)
			return NULL;
		LIST_REMOVE(place, chain);
	}
	LIST_INSERT_HEAD(&limit->slots[slot], place, chain);
	place->source = *source;
	place->taken = true;
	place->credit_us = FULL_US;
	place->last_used = now;
	return place;
}

bool ratelimit_allow(struct ratelimit *limit, const struct addr *source, mono_t now)
{
	const struct source key = source_of(source);
	struct place *place = find(limit, &key, now);

	if (!place)
		return false;
	TAILQ_REMOVE(&limit->by_age, place, age);
	TAILQ_INSERT_TAIL(&limit->by_age, place, age);

	place->credit_us += mono_elapsed_us(place->last_used, now);
	if (place->credit_us > FULL_US)
		place->credit_us = FULL_US;
	place->last_used = now;
	if (place->credit_us < COST_US)
		return false;
	place->credit_us -= COST_US;
	return true;
}
