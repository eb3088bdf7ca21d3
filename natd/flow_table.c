/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_table.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 1024     /* records */
#define FIRST_HEADS 64 /* a power of two */
#define NONE UINT32_MAX

/* Flows of one kind. Records are told by their number; chunks and chains grow with them. */
struct store {
	size_t addr_len, stride; /* bytes of an address, of a record */
	bool four;               /* addresses of each, not three */
	uint8_t **chunks;
	size_t n_chunks;
	uint32_t n_made, free; /* records ever used; the first of the list of free ones */
	uint32_t *heads, n_heads;
	uint32_t count;
};

struct flow_table {
	struct store stores[2][2]; /* IPv4, IPv6; with three addresses, with four */
	uint8_t secret[crypto_shorthash_KEYBYTES];
};

/* What finds a record: the original tuple in the bytes of the record, and what goes with it. */
struct key {
	uint8_t addrs[32];
	uint16_t ports[2];
	uint16_t zone;
	uint8_t protocol;
	uint8_t zero;
};
_Static_assert(sizeof(struct key) == 40, "no hole that is hashed");
_Static_assert(sizeof(struct flow_record) == 28, "what the header promises");

static struct flow_record *at(const struct store *store, uint32_t number)
{
	uint8_t *chunk = store->chunks[number / CHUNK];

	return (void *)(chunk + number % CHUNK * store->stride);
}

/* --- finding ---------------------------------------------------------------------------------- */

static bool is_v6(const struct conntrack_flow *flow)
{
	return flow->original.src.family == ADDR_V6;
}

static bool has_four(const struct conntrack_flow *flow)
{
	return !addr_equal(&flow->original.dst, &flow->reply.src);
}

static void key_of_flow(const struct conntrack_flow *flow, size_t addr_len, struct key *key)
{
	const struct conntrack_tuple *tuple = &flow->original;

	*key = (struct key){.ports = {tuple->src_port, tuple->dst_port},
		.zone = flow->zone,
		.protocol = flow->protocol};
	memcpy(key->addrs, tuple->src.bytes, addr_len);
	memcpy(key->addrs + addr_len, tuple->dst.bytes, addr_len);
}

static void key_of_record(const struct flow_record *record, size_t addr_len, struct key *key)
{
	*key = (struct key){.ports = {record->ports[0], record->ports[1]},
		.zone = record->zone,
		.protocol = record->protocol};
	memcpy(key->addrs, record->addrs, 2 * addr_len);
}

static uint32_t *head_of(
	const struct flow_table *table, const struct store *store, const struct key *key)
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)key, sizeof(*key), table->secret);
	return &store->heads[hash & (store->n_heads - 1)];
}

static bool matches(
	const struct store *store, const struct flow_record *record, const struct key *key)
{
	return record->ports[0] == key->ports[0] && record->ports[1] == key->ports[1] &&
	       record->protocol == key->protocol && record->zone == key->zone &&
	       memcmp(record->addrs, key->addrs, 2 * store->addr_len) == 0;
}

static struct flow_record *find_in(const struct flow_table *table, const struct store *store,
	const struct conntrack_flow *flow)
{
	struct key key;

	if (!store->n_heads)
		return NULL;
	key_of_flow(flow, store->addr_len, &key);
	for (uint32_t n = *head_of(table, store, &key); n != NONE; n = at(store, n)->next)
		if (matches(store, at(store, n), &key))
			return at(store, n);
	return NULL;
}

struct flow_record *flow_table_find(
	const struct flow_table *table, const struct conntrack_flow *flow)
{
	const struct store *stores = table->stores[is_v6(flow)];
	struct flow_record *record = find_in(table, &stores[0], flow);

	return record ? record : find_in(table, &stores[1], flow);
}

/* --- growing ---------------------------------------------------------------------------------- */

static int add_chunk(struct store *store)
{
	uint8_t **chunks =
		reallocarray(store->chunks, store->n_chunks + 1, sizeof(store->chunks[0]));

	if (!chunks)
		return -ENOMEM;
	store->chunks = chunks;
	chunks[store->n_chunks] = calloc(CHUNK, store->stride);
	if (!chunks[store->n_chunks])
		return -ENOMEM;
	store->n_chunks++;
	return 0;
}

/* Twice as many chains, so that one has not much more than one record. */
static int grow_heads(struct flow_table *table, struct store *store)
{
	uint32_t n = store->n_heads ? 2 * store->n_heads : FIRST_HEADS;
	uint32_t *heads = malloc(n * sizeof(heads[0]));

	if (!heads)
		return -ENOMEM;
	memset(heads, 0xff, n * sizeof(heads[0]));
	free(store->heads);
	store->heads = heads;
	store->n_heads = n;
	for (uint32_t i = 0; i < store->n_made; i++) {
		struct flow_record *record = at(store, i);
		struct key key;
		uint32_t *head;

		if (!record->used)
			continue;
		key_of_record(record, store->addr_len, &key);
		head = head_of(table, store, &key);
		record->next = *head;
		*head = i;
	}
	return 0;
}

/* The number of a record that nobody uses. */
static int take_free(struct store *store, uint32_t *number)
{
	if (store->free != NONE) {
		*number = store->free;
		store->free = at(store, *number)->next;
		return 0;
	}
	if (store->n_made == store->n_chunks * CHUNK && add_chunk(store) < 0)
		return -ENOMEM;
	*number = store->n_made++;
	return 0;
}

struct flow_record *flow_table_add(struct flow_table *table, const struct conntrack_flow *flow)
{
	struct store *store = &table->stores[is_v6(flow)][has_four(flow)];
	struct flow_record *record;
	struct key key;
	uint32_t number, *head;

	/* With longer chains it still works. */
	if (store->count >= store->n_heads && grow_heads(table, store) < 0 && !store->n_heads)
		return NULL;
	if (take_free(store, &number) < 0)
		return NULL;
	key_of_flow(flow, store->addr_len, &key);
	head = head_of(table, store, &key);
	record = at(store, number);
	*record = (struct flow_record){
		.next = *head,
		.id = flow->id,
		.ports = {flow->original.src_port, flow->original.dst_port, flow->reply.src_port,
			flow->reply.dst_port},
		.zone = flow->zone,
		.protocol = flow->protocol,
		.used = 1,
		.v6 = is_v6(flow),
		.four = store->four,
	};
	memcpy(record->addrs, key.addrs, 2 * store->addr_len);
	memcpy(record->addrs + 2 * store->addr_len, flow->reply.dst.bytes, store->addr_len);
	if (store->four)
		memcpy(record->addrs + 3 * store->addr_len, flow->reply.src.bytes, store->addr_len);
	*head = number;
	store->count++;
	return record;
}

void flow_table_remove(struct flow_table *table, struct flow_record *record)
{
	struct store *store = &table->stores[record->v6][record->four];
	struct key key;
	uint32_t *link, number;

	key_of_record(record, store->addr_len, &key);
	link = head_of(table, store, &key);
	while (at(store, *link) != record)
		link = &at(store, *link)->next;
	number = *link;
	*link = record->next;
	record->used = 0;
	record->next = store->free;
	store->free = number;
	store->count--;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void get_addr(const struct flow_record *record, size_t i, struct addr *out)
{
	size_t len = record->v6 ? 16 : 4;

	*out = (struct addr){.family = record->v6 ? ADDR_V6 : ADDR_V4};
	memcpy(out->bytes, record->addrs + i * len, len);
}

void flow_table_expand(const struct flow_record *record, struct conntrack_flow *out)
{
	*out = (struct conntrack_flow){
		.original = {.src_port = record->ports[0], .dst_port = record->ports[1]},
		.reply = {.src_port = record->ports[2], .dst_port = record->ports[3]},
		.id = record->id,
		.zone = record->zone,
		.protocol = record->protocol,
	};
	get_addr(record, 0, &out->original.src);
	get_addr(record, 1, &out->original.dst);
	get_addr(record, record->four ? 3 : 1, &out->reply.src);
	get_addr(record, 2, &out->reply.dst);
	out->src_nat = !addr_equal(&out->original.src, &out->reply.dst) ||
		       record->ports[0] != record->ports[3];
	out->dst_nat = !addr_equal(&out->original.dst, &out->reply.src) ||
		       record->ports[1] != record->ports[2];
}

static void visit_store(
	struct flow_table *table, struct store *store, flow_table_fn visit, void *arg)
{
	for (uint32_t i = 0; i < store->n_made; i++)
		if (at(store, i)->used)
			visit(table, at(store, i), arg);
}

void flow_table_each(struct flow_table *table, flow_table_fn visit, void *arg)
{
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++)
			visit_store(table, &table->stores[i][k], visit, arg);
}

size_t flow_table_count(const struct flow_table *table)
{
	size_t n = 0;

	for (size_t i = 0; i < 2; i++)
		n += (size_t)table->stores[i][0].count + table->stores[i][1].count;
	return n;
}

static size_t store_bytes(const struct store *store)
{
	return store->n_chunks * (CHUNK * store->stride + sizeof(store->chunks[0])) +
	       store->n_heads * sizeof(store->heads[0]);
}

size_t flow_table_bytes(const struct flow_table *table)
{
	size_t n = sizeof(*table);

	for (size_t i = 0; i < 2; i++)
		n += store_bytes(&table->stores[i][0]) + store_bytes(&table->stores[i][1]);
	return n;
}

static struct store make_store(size_t addr_len, bool four)
{
	return (struct store){
		.addr_len = addr_len,
		.stride = sizeof(struct flow_record) + (four ? 4 : 3) * addr_len,
		.four = four,
		.free = NONE,
	};
}

struct flow_table *flow_table_new(void)
{
	struct flow_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	for (size_t four = 0; four < 2; four++) {
		table->stores[0][four] = make_store(4, four);
		table->stores[1][four] = make_store(16, four);
	}
	randombytes_buf(table->secret, sizeof(table->secret));
	return table;
}

static void free_store(struct store *store)
{
	for (size_t i = 0; i < store->n_chunks; i++)
		free(store->chunks[i]);
	free(store->chunks);
	free(store->heads);
}

void flow_table_free(struct flow_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++)
			free_store(&table->stores[i][k]);
	free(table);
}
