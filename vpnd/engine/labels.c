/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/privsep.h"

enum {
	NS_PER_S = 1000000000,
	STEP_NS = 1 << 24, /* to the next label that is greater on the wire, see tai64n.h */
};

void labels_done(struct labels *labels)
{
	free(labels->keys);
	*labels = (struct labels){0};
}

/* The entry of a key, made if there is none; NULL when memory is short. */
static struct labels_key *entry(struct labels *labels, const uint8_t *public_key)
{
	struct labels_key *keys = labels->keys;

	for (size_t i = 0; i < labels->count; i++)
		if (memcmp(keys[i].public_key, public_key, KEY_LEN) == 0)
			return &keys[i];
	if (labels->count == labels->room) {
		size_t room = labels->room ? 2 * labels->room : 4;

		keys = reallocarray(keys, room, sizeof(*keys));
		if (!keys)
			return NULL;
		labels->keys = keys;
		labels->room = room;
	}
	keys += labels->count++;
	*keys = (struct labels_key){0};
	memcpy(keys->public_key, public_key, KEY_LEN);
	return keys;
}

int labels_floor(struct labels *labels, const uint8_t public_key[static KEY_LEN], int64_t newest_s)
{
	struct labels_key *key = entry(labels, public_key);

	if (!key)
		return -ENOMEM;
	if (newest_s > key->told_s)
		key->told_s = newest_s;
	if (newest_s >= key->newest.s)
		key->newest = (struct wall){newest_s, NS_PER_S - 1};
	return 0;
}

static bool after(const struct wall *a, const struct wall *b)
{
	return a->s != b->s ? a->s > b->s : a->ns > b->ns;
}

struct wall labels_next(struct labels *labels, const uint8_t public_key[static KEY_LEN],
	struct wall now, bool *tell)
{
	struct labels_key *key = entry(labels, public_key);
	struct wall next;

	*tell = false;
	if (!key)
		return now;
	next = key->newest;
	next.ns += STEP_NS;
	if (next.ns >= NS_PER_S) {
		next.ns -= NS_PER_S;
		next.s++;
	}
	key->newest = after(&now, &next) ? now : next;
	if (key->newest.s > key->told_s && key->newest.s <= PRIVSEP_LABEL_MAX_S) {
		key->told_s = key->newest.s;
		*tell = true;
	}
	return key->newest;
}
