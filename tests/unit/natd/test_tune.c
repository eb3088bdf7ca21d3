/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which settings of the kernel should be others. */
#include "tests/unit/natd/parse.h"

#include "natd/tune.h"

#define GIB (1ULL << 30)

/* In the order of the table: buckets, max, icmp, icmpv6, loose, helper, acct. */
static const struct tune_values good = {{262144, 262144, 60, 60, 1, UINT64_MAX, 1}};

static size_t plan(
	const struct tune_values *values, uint64_t memory, const char *name, uint64_t *wanted)
{
	struct tune_setting found[TUNE_SETTINGS];
	size_t n = tune_plan(values, memory, found);

	*wanted = UINT64_MAX;
	for (size_t i = 0; i < n; i++)
		if (strcmp(found[i].name, name) == 0)
			*wanted = found[i].wanted;
	return n;
}

static void what_is_as_it_should_be_stays(void **state)
{
	uint64_t wanted;

	(void)state;
	assert_int_equal(plan(&good, GIB, "", &wanted), 0);
}

static void table_and_buckets_grow_with_memory_together(void **state)
{
	uint64_t wanted;

	(void)state;
	assert_int_equal(plan(&good, 4 * GIB, "net.netfilter.nf_conntrack_max", &wanted), 2);
	assert_int_equal(wanted, 1 << 20);
	assert_int_equal(plan(&good, 4 * GIB, "net.netfilter.nf_conntrack_buckets", &wanted), 2);
	assert_int_equal(wanted, 1 << 20);
}

static void a_table_that_is_larger_is_never_made_smaller(void **state)
{
	uint64_t wanted;

	(void)state;
	assert_int_equal(plan(&good, GIB / 4, "", &wanted), 0);
}

static void queries_live_a_minute_helpers_are_off_and_traffic_is_counted(void **state)
{
	static const struct tune_values bad = {{262144, 262144, 30, 30, 0, 1, 0}};
	uint64_t wanted;

	(void)state;
	assert_int_equal(plan(&bad, GIB, "net.netfilter.nf_conntrack_icmp_timeout", &wanted), 5);
	assert_int_equal(wanted, 60);
	plan(&bad, GIB, "net.netfilter.nf_conntrack_icmpv6_timeout", &wanted);
	assert_int_equal(wanted, 60);
	plan(&bad, GIB, "net.netfilter.nf_conntrack_tcp_loose", &wanted);
	assert_int_equal(wanted, 1);
	plan(&bad, GIB, "net.netfilter.nf_conntrack_helper", &wanted);
	assert_int_equal(wanted, 0);
	plan(&bad, GIB, "net.netfilter.nf_conntrack_acct", &wanted);
	assert_int_equal(wanted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_as_it_should_be_stays),
		cmocka_unit_test(table_and_buckets_grow_with_memory_together),
		cmocka_unit_test(a_table_that_is_larger_is_never_made_smaller),
		cmocka_unit_test(queries_live_a_minute_helpers_are_off_and_traffic_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
