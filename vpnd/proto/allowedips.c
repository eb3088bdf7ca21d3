/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the trie works. An address is a string of bits, first bit leftmost, in two 64-bit words; IPv4
 * uses the first 32. A node stands for a prefix and everything below it agrees in the prefix's
 * bits; the next bit says which child. A node either has an owner or is a branch, made where two
 * prefixes part; a branch always has two children, so the trie never has more than twice as many
 * nodes as prefixes, and no path is longer than an address has bits. All walks are loops.
 */
#include "vpnd/proto/allowedips.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BITS_MAX = 128 };

struct bits {
	uint64_t word[2];
};

struct allowedips_node {
	struct allowedips_node *parent;
	struct allowedips_node *child[2];
	struct allowedips_owner *owner; /* NULL: a branch */
	struct allowedips_node *next;   /* in the owner's list */
	struct allowedips_node *prev;
	struct bits bits;
	uint8_t len;    /* of the prefix, in bits; those past it are zero */
	uint8_t family; /* enum addr_family */
};

struct allowedips {
	struct allowedips_node *v4;
	struct allowedips_node *v6;
};

static struct bits load(const uint8_t *bytes, size_t len)
{
	uint64_t be[2] = {0};

	memcpy(be, bytes, len);
	return (struct bits){{be64toh(be[0]), be64toh(be[1])}};
}

static void store(const struct bits *bits, uint8_t bytes[static 16])
{
	const uint64_t be[2] = {htobe64(bits->word[0]), htobe64(bits->word[1])};

	memcpy(bytes, be, sizeof(be));
}

/* The leftmost `len` bits; the rest zero. */
static struct bits truncate(struct bits bits, unsigned int len)
{
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int kept = len < 64 * i ? 0 : len - 64 * i;

		if (kept == 0)
			bits.word[i] = 0;
		else if (kept < 64)
			bits.word[i] &= ~(UINT64_MAX >> kept);
	}
	return bits;
}

/* How many leading bits are the same. */
static unsigned int common(const struct bits *a, const struct bits *b)
{
	uint64_t differ = a->word[0] ^ b->word[0];

	if (differ)
		return (unsigned int)__builtin_clzll(differ);
	differ = a->word[1] ^ b->word[1];
	return differ ? 64 + (unsigned int)__builtin_clzll(differ) : BITS_MAX;
}

/* The bit after the first `at` ones, at < BITS_MAX. */
static unsigned int bit_at(const struct bits *bits, unsigned int at)
{
	return bits->word[at / 64] >> (63 - at % 64) & 1;
}

static bool covers(const struct allowedips_node *node, const struct bits *bits)
{
	return common(&node->bits, bits) >= node->len;
}

static struct allowedips_node **root_of(struct allowedips *table, enum addr_family family)
{
	return family == ADDR_V4 ? &table->v4 : &table->v6;
}

/* The pointer that holds `node`. */
static struct allowedips_node **link_to(
	struct allowedips *table, const struct allowedips_node *node)
{
	struct allowedips_node *parent = node->parent;

	return parent ? &parent->child[bit_at(&node->bits, parent->len)]
		      : root_of(table, node->family);
}

static struct allowedips_node *new_node(enum addr_family family, struct bits bits, unsigned int len)
{
	struct allowedips_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->family = family;
	node->bits = truncate(bits, len);
	node->len = (uint8_t)len;
	return node;
}

/* Put `child` where its parent, or the root, points to. */
static void hang(
	struct allowedips *table, struct allowedips_node *child, struct allowedips_node *parent)
{
	child->parent = parent;
	*link_to(table, child) = child;
}

static void disown(struct allowedips_node *node)
{
	if (node->prev)
		node->prev->next = node->next;
	else
		node->owner->first = node->next;
	if (node->next)
		node->next->prev = node->prev;
	node->owner->count--;
	node->owner = NULL;
	node->next = node->prev = NULL;
}

static void own(struct allowedips_node *node, struct allowedips_owner *owner)
{
	if (node->owner)
		disown(node);
	node->owner = owner;
	node->next = owner->first;
	if (node->next)
		node->next->prev = node;
	owner->first = node;
	owner->count++;
}

/* Free branches with less than two children, from `node` upwards. */
static void prune(struct allowedips *table, struct allowedips_node *node)
{
	while (node && !node->owner && !(node->child[0] && node->child[1])) {
		struct allowedips_node *parent = node->parent;
		struct allowedips_node *child = node->child[0] ? node->child[0] : node->child[1];

		*link_to(table, node) = child;
		if (child)
			child->parent = parent;
		free(node);
		node = parent;
	}
}

/*
 * Go down to where the prefix belongs. Returns the deepest node that covers it (its own node, if
 * there is one) or NULL, and in *below what hangs there now, on the way of the prefix.
 */
static struct allowedips_node *descend(struct allowedips_node *root, const struct bits *bits,
	unsigned int len, struct allowedips_node **below)
{
	struct allowedips_node *deepest = NULL;
	struct allowedips_node *node = root;

	while (node && node->len <= len && covers(node, bits)) {
		deepest = node;
		node = node->len < len ? node->child[bit_at(bits, node->len)] : NULL;
	}
	*below = node;
	return deepest;
}

struct allowedips *allowedips_new(void)
{
	return calloc(1, sizeof(struct allowedips));
}

static void free_all(struct allowedips_node *node)
{
	while (node) {
		struct allowedips_node **child = node->child[0] ? &node->child[0] : &node->child[1];
		struct allowedips_node *next = *child ? *child : node->parent;

		if (*child)
			*child = NULL;
		else
			free(node);
		node = next;
	}
}

void allowedips_free(struct allowedips *table)
{
	if (!table)
		return;
	free_all(table->v4);
	free_all(table->v6);
	free(table);
}

static bool valid(const struct prefix *prefix)
{
	unsigned int max = addr_bits(prefix->addr.family);

	return max > 0 && prefix->len <= max;
}

/* All bits of its address; those past its length are never looked at. */
static struct bits bits_of(const struct prefix *prefix)
{
	return load(prefix->addr.bytes, addr_bits(prefix->addr.family) / 8);
}

int allowedips_insert(
	struct allowedips *table, const struct prefix *prefix, struct allowedips_owner *owner)
{
	struct allowedips_node *above, *below, *node, *branch = NULL;
	enum addr_family family = prefix->addr.family;
	struct bits bits;

	if (!valid(prefix))
		return -EINVAL;
	bits = bits_of(prefix);
	above = descend(*root_of(table, family), &bits, prefix->len, &below);
	if (above && above->len == prefix->len) {
		own(above, owner);
		return 0;
	}

	node = new_node(family, bits, prefix->len);
	if (!node)
		return -ENOMEM;
	if (below && common(&below->bits, &bits) < prefix->len) {
		/* The prefix does not cover what hangs there: they part at a branch. */
		branch = new_node(family, bits, common(&below->bits, &bits));
		if (!branch) {
			free(node);
			return -ENOMEM;
		}
		hang(table, branch, above);
		above = branch;
	}
	hang(table, node, above);
	if (below)
		hang(table, below, branch ? branch : node);
	own(node, owner);
	return 0;
}

int allowedips_remove(
	struct allowedips *table, const struct prefix *prefix, struct allowedips_owner *owner)
{
	struct allowedips_node *node, *below;
	struct bits bits;

	if (!valid(prefix))
		return -EINVAL;
	bits = bits_of(prefix);
	node = descend(*root_of(table, prefix->addr.family), &bits, prefix->len, &below);
	if (!node || node->len != prefix->len || node->owner != owner)
		return -ENOENT;
	disown(node);
	prune(table, node);
	return 0;
}

void allowedips_remove_all(struct allowedips *table, struct allowedips_owner *owner)
{
	while (owner->first) {
		struct allowedips_node *node = owner->first;

		disown(node);
		prune(table, node);
	}
}

static struct allowedips_owner *lookup(const struct allowedips_node *node, struct bits bits)
{
	struct allowedips_owner *longest = NULL;

	while (node && covers(node, &bits)) {
		if (node->owner)
			longest = node->owner;
		node = node->len < BITS_MAX ? node->child[bit_at(&bits, node->len)] : NULL;
	}
	return longest;
}

struct allowedips_owner *allowedips_lookup_v4(
	const struct allowedips *table, const uint8_t addr[static 4])
{
	return lookup(table->v4, load(addr, 4));
}

struct allowedips_owner *allowedips_lookup_v6(
	const struct allowedips *table, const uint8_t addr[static 16])
{
	return lookup(table->v6, load(addr, 16));
}

bool allowedips_next(const struct allowedips_owner *owner, const struct allowedips_node **cursor,
	struct prefix *out)
{
	const struct allowedips_node *node = *cursor ? (*cursor)->next : owner->first;

	if (!node)
		return false;
	*cursor = node;
	out->addr.family = node->family;
	store(&node->bits, out->addr.bytes);
	out->len = node->len;
	return true;
}
