/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <time.h>

#include "tests/unit/proto/dice.h"
#include "vpnd/proto/allowedips.h"

enum { OWNERS = 5 };

static struct allowedips *table;
static struct allowedips_owner owners[OWNERS];

static int new_table(void **unused)
{
	(void)unused;
	memset(owners, 0, sizeof(owners));
	table = allowedips_new();
	return table ? 0 : -1;
}

static int free_table(void **unused)
{
	(void)unused;
	allowedips_free(table);
	return 0;
}

static struct prefix parse(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, true, &prefix), 0);
	return prefix;
}

static void insert(const char *text, unsigned int owner)
{
	struct prefix prefix = parse(text);

	assert_int_equal(allowedips_insert(table, &prefix, &owners[owner]), 0);
}

static int remove_from(const char *text, unsigned int owner)
{
	struct prefix prefix = parse(text);

	return allowedips_remove(table, &prefix, &owners[owner]);
}

static struct allowedips_owner *lookup(const struct addr *addr)
{
	return addr->family == ADDR_V4 ? allowedips_lookup_v4(table, addr->bytes)
				       : allowedips_lookup_v6(table, addr->bytes);
}

static void assert_owner(const char *text, int owner)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	assert_ptr_equal(lookup(&addr), owner < 0 ? NULL : &owners[owner]);
}

static void longest_prefix_owns(void **unused)
{
	(void)unused;
	insert("0.0.0.0/0", 0);
	insert("10.0.0.0/8", 1);
	insert("10.241.0.0/16", 2);
	insert("10.241.7.7/32", 3);
	assert_owner("192.0.2.1", 0);
	assert_owner("10.240.255.255", 1);
	assert_owner("10.241.0.0", 2);
	assert_owner("10.241.7.7", 3);
	assert_owner("10.241.7.6", 2);
	assert_owner("2001:db8::1", -1);

	insert("::/0", 4);
	insert("2001:db8::/64", 3);
	insert("2001:db8::1/128", 2);
	assert_owner("2001:db8::1", 2);
	assert_owner("2001:db8::2", 3);
	assert_owner("2001:db8:0:1::1", 4);
	assert_owner("::", 4);
}

static void families_do_not_meet(void **unused)
{
	(void)unused;
	insert("32.1.13.184/32", 0);
	assert_owner("2001:db8::", -1);
	insert("2001:db8::/32", 1);
	assert_owner("32.1.13.184", 0);
	assert_int_equal(remove_from("2001:db8::/32", 1), 0);
	assert_owner("32.1.13.184", 0);
}

static void host_bits_are_ignored(void **unused)
{
	struct prefix prefix = parse("10.1.2.3/32");

	(void)unused;
	prefix.len = 8;
	assert_int_equal(allowedips_insert(table, &prefix, &owners[0]), 0);
	assert_owner("10.255.0.1", 0);
	assert_int_equal(remove_from("10.0.0.0/8", 0), 0);
	assert_owner("10.255.0.1", -1);
}

static void prefix_moves_between_owners(void **unused)
{
	(void)unused;
	insert("10.0.0.0/8", 0);
	insert("10.0.0.0/8", 0);
	assert_int_equal(owners[0].count, 1);
	insert("10.0.0.0/8", 1);
	assert_int_equal(owners[0].count, 0);
	assert_null(owners[0].first);
	assert_int_equal(owners[1].count, 1);
	assert_owner("10.0.0.1", 1);
}

static void removal_needs_the_exact_prefix_and_its_owner(void **unused)
{
	(void)unused;
	insert("10.0.0.0/8", 0);
	insert("10.64.0.0/16", 0);
	insert("10.128.0.0/16", 0);
	assert_int_equal(remove_from("10.0.0.0/8", 1), -ENOENT);
	assert_int_equal(remove_from("10.0.0.0/9", 0), -ENOENT);
	assert_int_equal(remove_from("10.0.0.0/7", 0), -ENOENT);
	assert_int_equal(remove_from("11.0.0.0/8", 0), -ENOENT);
	assert_int_equal(remove_from("::/0", 0), -ENOENT);
	assert_int_equal(owners[0].count, 3);
	assert_int_equal(remove_from("10.0.0.0/8", 0), 0);
	assert_owner("10.0.0.1", -1);
	assert_owner("10.64.0.1", 0);
	assert_owner("10.128.0.1", 0);
	assert_int_equal(remove_from("10.0.0.0/8", 0), -ENOENT);
}

static void what_is_no_prefix_is_refused(void **unused)
{
	struct prefix none = {0};
	struct prefix too_long = parse("10.0.0.0/8");

	(void)unused;
	too_long.len = 33;
	assert_int_equal(allowedips_insert(table, &none, &owners[0]), -EINVAL);
	assert_int_equal(allowedips_insert(table, &too_long, &owners[0]), -EINVAL);
	assert_int_equal(allowedips_remove(table, &too_long, &owners[0]), -EINVAL);
	assert_int_equal(owners[0].count, 0);
}

/* A chain as deep as addresses are long, built from either end, taken down from either end. */
static void deepest_chain_works(void **unused)
{
	struct prefix prefix = parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");

	(void)unused;
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i <= 128; i++) {
			prefix.len = (uint8_t)(round & 1 ? i : 128 - i);
			assert_int_equal(
				allowedips_insert(table, &prefix, &owners[prefix.len % 2]), 0);
		}
		assert_owner("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0);
		assert_owner("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 1);
		assert_owner("7fff::", 0);
		for (int i = 0; i <= 128; i++) {
			prefix.len = (uint8_t)(round & 2 ? i : 128 - i);
			assert_int_equal(
				allowedips_remove(table, &prefix, &owners[prefix.len % 2]), 0);
		}
		assert_owner("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", -1);
	}
}

/* The dumb oracle: a list of prefixes with their owners. */
enum { ORACLE_MAX = 400 };
struct oracle {
	struct {
		struct prefix prefix;
		unsigned int owner;
	} list[ORACLE_MAX];
	size_t count;
};

static struct allowedips_owner *ask(const struct oracle *o, const struct addr *addr)
{
	struct allowedips_owner *owner = NULL;
	int longest = -1;

	for (size_t i = 0; i < o->count; i++) {
		if (o->list[i].prefix.len > longest && prefix_contains(&o->list[i].prefix, addr)) {
			longest = o->list[i].prefix.len;
			owner = &owners[o->list[i].owner];
		}
	}
	return owner;
}

static size_t find(const struct oracle *o, const struct prefix *prefix)
{
	size_t i = 0;

	while (i < o->count && !prefix_equal(&o->list[i].prefix, prefix))
		i++;
	return i;
}

static void forget(struct oracle *o, size_t i)
{
	o->list[i] = o->list[--o->count];
}

/*
 * A random address. Dense ones differ only in their first and last few bits, so that prefixes nest,
 * meet and collide; sparse ones may be anything.
 */
static struct addr roll_addr(struct dice *dice, bool dense)
{
	struct addr addr = {.family = dice_below(dice, 2) ? ADDR_V4 : ADDR_V6};
	size_t len = addr_bits(addr.family) / 8;

	for (size_t i = 0; i < len; i++)
		addr.bytes[i] = (uint8_t)(dense ? 0 : dice_roll(dice));
	if (dense) {
		addr.bytes[0] = (uint8_t)(dice_below(dice, 4) << 6);
		addr.bytes[len / 2] = (uint8_t)dice_below(dice, 4);
		addr.bytes[len - 1] = (uint8_t)dice_below(dice, 8);
	}
	return addr;
}

static struct prefix roll_prefix(struct dice *dice, bool dense)
{
	struct prefix prefix = {.addr = roll_addr(dice, dense)};

	prefix.len = (uint8_t)dice_below(dice, addr_bits(prefix.addr.family) + 1);
	prefix_mask(&prefix);
	return prefix;
}

/* One random change to both, compared. */
static void change(struct dice *dice, struct oracle *o, bool dense)
{
	struct prefix prefix = roll_prefix(dice, dense);
	unsigned int owner = dice_below(dice, OWNERS);
	size_t at = find(o, &prefix);

	if (dice_below(dice, 300) == 0) {
		allowedips_remove_all(table, &owners[owner]);
		for (size_t i = o->count; i > 0; i--)
			if (o->list[i - 1].owner == owner)
				forget(o, i - 1);
	} else if (dice_below(dice, 3) == 0 || o->count == ORACLE_MAX) {
		if (at == o->count && o->count > 0 && dice_below(dice, 2)) {
			at = dice_below(dice, (unsigned int)o->count);
			prefix = o->list[at].prefix;
			owner = o->list[at].owner;
		}
		if (at < o->count && o->list[at].owner == owner) {
			assert_int_equal(allowedips_remove(table, &prefix, &owners[owner]), 0);
			forget(o, at);
		} else {
			assert_int_equal(
				allowedips_remove(table, &prefix, &owners[owner]), -ENOENT);
		}
	} else {
		assert_int_equal(allowedips_insert(table, &prefix, &owners[owner]), 0);
		o->list[at].prefix = prefix;
		o->list[at].owner = owner;
		o->count += at == o->count;
	}
}

/* Owners list exactly what the oracle says. */
static void compare_lists(const struct oracle *o)
{
	size_t total = 0;

	for (unsigned int owner = 0; owner < OWNERS; owner++) {
		const struct allowedips_node *cursor = NULL;
		struct prefix prefix;
		size_t count = 0;

		while (allowedips_next(&owners[owner], &cursor, &prefix)) {
			size_t at = find(o, &prefix);

			assert_true(at < o->count && o->list[at].owner == owner);
			count++;
		}
		assert_int_equal(count, owners[owner].count);
		total += count;
	}
	assert_int_equal(total, o->count);
}

static void compare(struct dice *dice, bool dense, int steps)
{
	struct oracle o = {.count = 0};

	for (int step = 0; step < steps; step++) {
		change(dice, &o, dense);
		for (int i = 0; i < 8; i++) {
			struct addr addr = roll_addr(dice, dense);

			assert_ptr_equal(lookup(&addr), ask(&o, &addr));
		}
		if (o.count > 0) {
			/* A random address seldom hits a sparse prefix. */
			unsigned int at = dice_below(dice, (unsigned int)o.count);

			assert_ptr_equal(
				lookup(&o.list[at].prefix.addr), ask(&o, &o.list[at].prefix.addr));
		}
		if (step % 64 == 0)
			compare_lists(&o);
	}
}

static void trie_agrees_with_a_list_for_dense_prefixes(void **unused)
{
	struct dice dice = dice_new();

	(void)unused;
	compare(&dice, true, 20000);
}

static void trie_agrees_with_a_list_for_sparse_prefixes(void **unused)
{
	struct dice dice = dice_new();

	(void)unused;
	compare(&dice, false, 20000);
}

static void removal_leaves_no_node_behind(void **unused)
{
	enum { PREFIXES = 2000 };
	static struct prefix added[PREFIXES];
	struct dice dice = dice_new();
	struct prefix prefix;
	size_t empty, kept;

	(void)unused;
	empty = mallinfo2().uordblks;
	for (int i = 0; i < PREFIXES; i++) {
		prefix = roll_prefix(&dice, i % 2);
		assert_int_equal(allowedips_insert(table, &prefix, &owners[0]), 0);
	}
	kept = mallinfo2().uordblks;
	for (int i = 0; i < PREFIXES; i++) {
		added[i] = roll_prefix(&dice, i % 2);
		assert_int_equal(allowedips_insert(table, &added[i], &owners[1]), 0);
	}
	/* Half one by one, half at once. What moved from the first owner is gone as well. */
	for (int i = 0; i < PREFIXES; i++)
		if (i % 2)
			allowedips_remove(table, &added[i], &owners[1]);
	allowedips_remove_all(table, &owners[1]);
	assert_in_range(mallinfo2().uordblks, empty, kept);

	while (owners[0].first) {
		const struct allowedips_node *cursor = NULL;

		assert_true(allowedips_next(&owners[0], &cursor, &prefix));
		assert_int_equal(allowedips_remove(table, &prefix, &owners[0]), 0);
	}
	assert_int_equal(mallinfo2().uordblks, empty);
}

static void one_owner_holds_130000_prefixes(void **unused)
{
	enum { MANY = 130000 };
	struct prefix prefix = parse("10.0.0.0/32");
	clock_t began = clock();

	(void)unused;
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t host = i * 2654435761U; /* all different, in no order */

		memcpy(prefix.addr.bytes, &host, sizeof(host));
		assert_int_equal(allowedips_insert(table, &prefix, &owners[0]), 0);
	}
	assert_int_equal(owners[0].count, MANY);
	allowedips_remove_all(table, &owners[0]);
	assert_null(owners[0].first);
	printf("%d prefixes in and out: %.0f ms\n", MANY,
		(double)(clock() - began) * 1000 / CLOCKS_PER_SEC);
	assert_true(clock() - began < CLOCKS_PER_SEC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_table, free_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(longest_prefix_owns),
		TEST(families_do_not_meet),
		TEST(host_bits_are_ignored),
		TEST(prefix_moves_between_owners),
		TEST(removal_needs_the_exact_prefix_and_its_owner),
		TEST(what_is_no_prefix_is_refused),
		TEST(deepest_chain_works),
		TEST(trie_agrees_with_a_list_for_dense_prefixes),
		TEST(trie_agrees_with_a_list_for_sparse_prefixes),
		TEST(removal_leaves_no_node_behind),
		TEST(one_owner_holds_130000_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
