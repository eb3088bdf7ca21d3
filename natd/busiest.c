/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To count the flows of each destination would take as much memory as to hold them, and what is
 * wanted are the few that stand out. So the flows are looked at twice. First all are counted into
 * a fixed number of buckets, by a hash of their destination: one with many flows makes a full
 * bucket. Then those in the fullest buckets alone are counted by their destination. What is found
 * is exact wherever a destination has more flows than the last of these buckets.
 */
#include "natd/busiest.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "natd/flow_table.h"

#define BUCKETS 65536
#define FULLEST (2 * BUSIEST_MAX) /* buckets of the second look */
#define SLOTS 4096 /* destinations of the second look; beyond, new ones are left out */

/* A destination, without holes: it is hashed and compared as bytes. */
struct key {
	uint8_t address[16], public[16];
	uint16_t port;
	uint8_t protocol;
	uint8_t family;
};
_Static_assert(sizeof(struct key) == 36, "no hole");

struct slot {
	struct key key;
	uint32_t flows; /* 0: empty */
};

struct look {
	uint8_t secret[crypto_shorthash_KEYBYTES];
	uint32_t least; /* flows in a bucket that is looked at again */
	size_t n_slots;
	uint32_t buckets[BUCKETS];
	struct slot slots[SLOTS];
};

/* False for a flow that others began: they do not take a port of ours. */
static bool key_of(const struct flow_record *record, struct key *key)
{
	size_t len = record->v6 ? 16 : 4;
	const uint8_t *source = record->addrs, *public = record->addrs + 2 * len;

	if (memcmp(source, public, len) == 0)
		return false;
	*key = (struct key){
		.port = record->ports[1],
		.protocol = record->protocol,
		.family = record->v6 ? ADDR_V6 : ADDR_V4,
	};
	memcpy(key->address, record->addrs + len, len);
	memcpy(key->public, public, len);
	return true;
}

static uint64_t hash(const struct look *look, const struct key *key)
{
	uint64_t out;

	crypto_shorthash((uint8_t *)&out, (const uint8_t *)key, sizeof(*key), look->secret);
	return out;
}

static void count_bucket(struct flow_table *table, struct flow_record *record, void *arg)
{
	struct look *look = arg;
	struct key key;

	(void)table;
	if (key_of(record, &key))
		look->buckets[hash(look, &key) % BUCKETS]++;
}

static void count_exactly(struct flow_table *table, struct flow_record *record, void *arg)
{
	struct look *look = arg;
	struct key key;
	uint64_t h;
	size_t i;

	(void)table;
	if (!key_of(record, &key))
		return;
	h = hash(look, &key);
	if (look->buckets[h % BUCKETS] < look->least)
		return;
	for (i = h / BUCKETS % SLOTS; look->slots[i].flows; i = (i + 1) % SLOTS)
		if (memcmp(&look->slots[i].key, &key, sizeof(key)) == 0)
			break;
	if (!look->slots[i].flows && look->n_slots++ >= SLOTS - 1)
		return;
	look->slots[i].key = key;
	look->slots[i].flows++;
}

/* How many flows the last of the fullest buckets has, at least 1. */
static uint32_t fullest(const struct look *look)
{
	uint32_t top[FULLEST] = {0}; /* descending */

	for (size_t i = 0; i < BUCKETS; i++) {
		size_t at = FULLEST;

		while (at && top[at - 1] < look->buckets[i])
			at--;
		if (at == FULLEST)
			continue;
		memmove(&top[at + 1], &top[at], (FULLEST - at - 1) * sizeof(top[0]));
		top[at] = look->buckets[i];
	}
	return top[FULLEST - 1] ? top[FULLEST - 1] : 1;
}

static int by_flows(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->flows != y->flows)
		return x->flows > y->flows ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static void tell(const struct slot *slot, struct busiest *out)
{
	*out = (struct busiest){
		.address.family = slot->key.family,
		.public.family = slot->key.family,
		.port = slot->key.port,
		.protocol = slot->key.protocol,
		.flows = slot->flows,
	};
	memcpy(out->address.bytes, slot->key.address, sizeof(slot->key.address));
	memcpy(out->public.bytes, slot->key.public, sizeof(slot->key.public));
}

int busiest_find(struct flow_table *table, struct busiest *out, size_t max)
{
	_cleanup_free_ struct look *look = calloc(1, sizeof(*look));
	size_t n = 0;

	if (!look)
		return -ENOMEM;
	randombytes_buf(look->secret, sizeof(look->secret));
	flow_table_each(table, count_bucket, look);
	look->least = fullest(look);
	flow_table_each(table, count_exactly, look);
	qsort(look->slots, SLOTS, sizeof(look->slots[0]), by_flows);
	for (; n < max && n < BUSIEST_MAX && look->slots[n].flows; n++)
		tell(&look->slots[n], &out[n]);
	return (int)n;
}
