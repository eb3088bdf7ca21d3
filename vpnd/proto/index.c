/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/index.h"

void index_add(struct index_table *table, struct index_entry *entry, uint32_t (*random)(void *arg),
	void *arg)
{
	index_remove(table, entry);
	do {
		entry->index = random(arg);
	} while (!entry->index || index_find(table, entry->index));
	HASH_ADD(hh, table->entries, index, sizeof(entry->index), entry);
}

void index_replace(struct index_table *table, struct index_entry *from, struct index_entry *to)
{
	uint32_t index = from->index;

	index_remove(table, from);
	to->index = index;
	HASH_ADD(hh, table->entries, index, sizeof(to->index), to);
}

void index_remove(struct index_table *table, struct index_entry *entry)
{
	if (!entry->index)
		return;
	HASH_DEL(table->entries, entry);
	entry->index = 0;
}

struct index_entry *index_find(const struct index_table *table, uint32_t index)
{
	struct index_entry *entry;

	HASH_FIND(hh, table->entries, &index, sizeof(index), entry);
	return entry;
}
