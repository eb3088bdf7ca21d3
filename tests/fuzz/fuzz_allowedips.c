/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a list of operations, each an opcode with an owner, a prefix length and an address,
 * carried out on the trie and on a plain list of prefixes. After each one both must find the same
 * owner for the address.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/allowedips.h"

enum { OWNERS = 4, LIST_MAX = 256 };

struct op {
	uint8_t what; /* bits 0-1: operation, bits 2-3: owner, bit 4: family */
	uint8_t len;
	uint8_t bytes[16];
};

struct model {
	struct {
		struct prefix prefix;
		unsigned int owner;
	} list[LIST_MAX];
	size_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool right)
{
	if (!right)
		abort();
}

static size_t find(const struct model *m, const struct prefix *prefix)
{
	size_t i = 0;

	while (i < m->count && !prefix_equal(&m->list[i].prefix, prefix))
		i++;
	return i;
}

/* The owner of the longest prefix, or OWNERS. */
static unsigned int longest(const struct model *m, const struct addr *addr)
{
	unsigned int owner = OWNERS;
	int len = -1;

	for (size_t i = 0; i < m->count; i++) {
		if (m->list[i].prefix.len > len && prefix_contains(&m->list[i].prefix, addr)) {
			len = m->list[i].prefix.len;
			owner = m->list[i].owner;
		}
	}
	return owner;
}

static void insert(struct allowedips *table, struct allowedips_owner *owners, struct model *m,
	const struct prefix *prefix, unsigned int owner)
{
	size_t at = find(m, prefix);

	if (at == LIST_MAX)
		return;
	must(allowedips_insert(table, prefix, &owners[owner]) == 0);
	m->list[at].prefix = *prefix;
	m->list[at].owner = owner;
	m->count += at == m->count;
}

static void take(struct allowedips *table, struct allowedips_owner *owners, struct model *m,
	const struct prefix *prefix, unsigned int owner)
{
	size_t at = find(m, prefix);
	bool owned = at < m->count && m->list[at].owner == owner;

	must(allowedips_remove(table, prefix, &owners[owner]) == (owned ? 0 : -ENOENT));
	if (owned)
		m->list[at] = m->list[--m->count];
}

static void take_all(struct allowedips *table, struct allowedips_owner *owners, struct model *m,
	unsigned int owner)
{
	allowedips_remove_all(table, &owners[owner]);
	must(!owners[owner].first && owners[owner].count == 0);
	for (size_t i = m->count; i > 0; i--)
		if (m->list[i - 1].owner == owner)
			m->list[i - 1] = m->list[--m->count];
}

static void compare(struct allowedips *table, struct allowedips_owner *owners,
	const struct model *m, const struct addr *addr)
{
	const struct allowedips_owner *got = addr->family == ADDR_V4
						     ? allowedips_lookup_v4(table, addr->bytes)
						     : allowedips_lookup_v6(table, addr->bytes);
	unsigned int expected = longest(m, addr);
	size_t total = 0;

	must(got == (expected == OWNERS ? NULL : &owners[expected]));
	for (size_t i = 0; i < OWNERS; i++)
		total += owners[i].count;
	must(total == m->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct allowedips_owner owners[OWNERS] = {0};
	struct allowedips *table = allowedips_new();
	struct model m = {.count = 0};
	struct op op;

	must(table);
	for (; len >= sizeof(op); data += sizeof(op), len -= sizeof(op)) {
		struct prefix prefix = {0};
		struct addr addr = {0};
		unsigned int owner;

		memcpy(&op, data, sizeof(op));
		owner = op.what >> 2 & 3;
		addr.family = op.what & 16 ? ADDR_V6 : ADDR_V4;
		memcpy(addr.bytes, op.bytes, addr_bits(addr.family) / 8);
		prefix.addr = addr;
		prefix.len = (uint8_t)(op.len % (addr_bits(addr.family) + 1));
		prefix_mask(&prefix);

		switch (op.what & 3) {
		case 0:
		case 1:
			insert(table, owners, &m, &prefix, owner);
			break;
		case 2:
			take(table, owners, &m, &prefix, owner);
			break;
		default:
			if (op.len < 16)
				take_all(table, owners, &m, owner);
		}
		compare(table, owners, &m, &addr);
	}
	allowedips_free(table);
	return 0;
}
