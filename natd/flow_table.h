/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows by their original tuple, in little memory: 40 bytes each of IPv4, 76 of IPv6, and 4 to 8
 * for finding it. Stores by family, and by whether the destination is translated too, which costs
 * an address more; each has its records in chunks that never move, linked by their number instead
 * of by pointers, and hashed with a secret key, since hosts inside choose the tuples.
 */
#ifndef NATD_FLOW_TABLE_H
#define NATD_FLOW_TABLE_H

#include "netlink/conntrack.h"

struct flow_table;

/*
 * Followed by the addresses: source and destination of the original tuple, destination of the
 * reply's, and its source if that is another than the first destination.
 */
struct flow_record {
	uint32_t next;     /* in its chain, or in the list of free ones; the table's own */
	uint32_t id;       /* the kernel's */
	uint32_t began_ds; /* tenths of a second, on whatever clock the owner counts by */
	uint16_t ports[4]; /* source and destination of both tuples */
	uint16_t zone;
	uint16_t four : 1;    /* addresses follow, not three; the table's own */
	uint16_t subnet : 15; /* the owner's, as what is below */
	uint16_t address;
	uint8_t protocol;
	uint8_t used : 1, v6 : 1; /* the table's own */
	uint8_t established : 1;
	uint8_t unseen : 1;
	uint8_t counted : 2;
	uint8_t generation : 2;
	uint8_t addrs[];
};
#define FLOW_GENERATIONS 4

struct flow_table *flow_table_new(void); /* NULL without memory */
void flow_table_free(struct flow_table *table);

/* The record with the original tuple of `flow`, whatever its id; NULL if there is none. */
struct flow_record *flow_table_find(
	const struct flow_table *table, const struct conntrack_flow *flow);

/*
 * A new record, which must not be there yet, with all zero that is the owner's. It stays where it
 * is until it is removed. NULL without memory.
 */
struct flow_record *flow_table_add(struct flow_table *table, const struct conntrack_flow *flow);
void flow_table_remove(struct flow_table *table, struct flow_record *record);

/* What of the flow a record keeps: tuples, protocol, zone, id. The rest is zero. */
void flow_table_expand(const struct flow_record *record, struct conntrack_flow *out);

/* Call `visit` for each record; it may remove the one that it is given, and no other. */
typedef void (*flow_table_fn)(struct flow_table *table, struct flow_record *record, void *arg);
void flow_table_each(struct flow_table *table, flow_table_fn visit, void *arg);

size_t flow_table_count(const struct flow_table *table);
size_t flow_table_bytes(const struct flow_table *table); /* of memory, all in all */

#endif
