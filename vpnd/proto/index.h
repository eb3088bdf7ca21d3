/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receiver indices: the random 32-bit names by which the other side addresses a handshake or a
 * session of ours (WireGuard paper, section 5.4.1). An entry is embedded in what it names.
 */
#ifndef VPND_PROTO_INDEX_H
#define VPND_PROTO_INDEX_H

#include <stdint.h>

#include <uthash.h>

struct peer;
struct session;

struct index_entry {
	uint32_t index; /* 0: not in the table */
	struct peer *peer;
	struct session *session; /* NULL: the peer's handshake */
	UT_hash_handle hh;
};

/* The head of a table; NULL is the empty one. */
struct index_table {
	struct index_entry *entries;
};

/*
 * Put an entry, whose other fields are set, under a new index. `random` yields random numbers and
 * is called until one is free; 0 is never taken.
 */
void index_add(struct index_table *table, struct index_entry *entry, uint32_t (*random)(void *arg),
	void *arg);

/* Put `to` in the place of `from`, under the same index. `from` is out of the table then. */
void index_replace(struct index_table *table, struct index_entry *from, struct index_entry *to);

/* Take an entry out, if it is in. */
void index_remove(struct index_table *table, struct index_entry *entry);

/* The entry under this index, or NULL. */
struct index_entry *index_find(const struct index_table *table, uint32_t index);

#endif
