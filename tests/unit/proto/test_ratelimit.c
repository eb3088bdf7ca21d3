/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <string.h>

#include "tests/unit/proto/dice.h"
#include "vpnd/proto/ratelimit.h"

static const uint64_t cost_us = US_PER_S / RATELIMIT_PER_S;
static const uint64_t full_us = US_PER_S / RATELIMIT_PER_S * RATELIMIT_BURST;
static const mono_t start = {1000 * US_PER_S};

static struct ratelimit *limit;

static int new_limit(void **unused)
{
	static const uint8_t seed[16] = "sixteen bytes..";

	(void)unused;
	limit = ratelimit_new(seed);
	return limit && sodium_init() >= 0 ? 0 : -1;
}

static int free_limit(void **unused)
{
	(void)unused;
	ratelimit_free(limit);
	return 0;
}

static struct addr parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct addr numbered(uint32_t n)
{
	struct addr addr = {.family = ADDR_V4};

	memcpy(addr.bytes, &n, sizeof(n));
	return addr;
}

/* How many of `tries` at one time are allowed. */
static int allowed(const char *source, int tries, mono_t now)
{
	struct addr addr = parse(source);
	int count = 0;

	while (tries-- > 0)
		count += ratelimit_allow(limit, &addr, now);
	return count;
}

static void burst_is_allowed_then_refused(void **unused)
{
	(void)unused;
	assert_int_equal(allowed("192.0.2.1", 100, start), RATELIMIT_BURST);
}

static void bucket_refills_one_by_one(void **unused)
{
	(void)unused;
	allowed("192.0.2.1", 100, start);
	assert_int_equal(allowed("192.0.2.1", 2, mono_add_us(start, cost_us - 1)), 0);
	assert_int_equal(allowed("192.0.2.1", 2, mono_add_us(start, cost_us)), 1);
	assert_int_equal(allowed("192.0.2.1", 9, mono_add_us(start, 3 * cost_us)), 2);
}

static void bucket_holds_no_more_than_a_burst(void **unused)
{
	(void)unused;
	allowed("192.0.2.1", 100, start);
	assert_int_equal(allowed("192.0.2.1", 100, mono_add_s(start, 3600)), RATELIMIT_BURST);
}

static void rate_over_a_minute_is_the_configured_one(void **unused)
{
	int count = 0;

	(void)unused;
	for (uint64_t ms = 0; ms < 60000; ms++)
		count += allowed("192.0.2.1", 1, mono_add_ms(start, ms));
	assert_in_range(count, 60 * RATELIMIT_PER_S, 60 * RATELIMIT_PER_S + RATELIMIT_BURST);
}

static void time_that_goes_back_gives_nothing(void **unused)
{
	(void)unused;
	allowed("192.0.2.1", 100, start);
	assert_int_equal(allowed("192.0.2.1", 9, (mono_t){start.us - 60 * US_PER_S}), 0);
}

static void ipv4_addresses_are_separate_sources(void **unused)
{
	(void)unused;
	assert_int_equal(allowed("192.0.2.1", 9, start), RATELIMIT_BURST);
	assert_int_equal(allowed("192.0.2.2", 9, start), RATELIMIT_BURST);
	assert_int_equal(allowed("c000:201::", 9, start), RATELIMIT_BURST);
}

static void ipv6_half_addresses_are_one_source(void **unused)
{
	(void)unused;
	assert_int_equal(allowed("2001:db8::1", 3, start), 3);
	assert_int_equal(allowed("2001:db8::ffff:ffff:ffff:ffff", 9, start), RATELIMIT_BURST - 3);
	assert_int_equal(allowed("2001:db8:0:1::1", 9, start), RATELIMIT_BURST);
}

static void fill(mono_t now)
{
	for (uint32_t i = 0; i < RATELIMIT_SOURCES; i++) {
		struct addr addr = numbered(i);

		assert_true(ratelimit_allow(limit, &addr, now));
	}
}

static void new_sources_are_refused_when_all_places_are_active(void **unused)
{
	struct addr newcomer = numbered(RATELIMIT_SOURCES), known = numbered(0);

	(void)unused;
	fill(start);
	assert_false(ratelimit_allow(limit, &newcomer, start));
	assert_false(ratelimit_allow(limit, &newcomer, mono_add_us(start, full_us - 1)));
	assert_true(ratelimit_allow(limit, &known, mono_add_us(start, full_us - 1)));
	assert_true(ratelimit_allow(limit, &newcomer, mono_add_us(start, full_us)));
}

static void silent_source_gives_way_and_active_ones_stay(void **unused)
{
	struct addr active = numbered(7);
	mono_t later = mono_add_us(start, full_us);

	(void)unused;
	fill(start);
	for (int i = 0; i < RATELIMIT_BURST; i++)
		assert_true(ratelimit_allow(limit, &active, later));
	assert_false(ratelimit_allow(limit, &active, later));
	/* All others give their places to newcomers; the active one is not forgotten. */
	for (uint32_t i = 1; i < RATELIMIT_SOURCES; i++) {
		struct addr newcomer = numbered(RATELIMIT_SOURCES + i);

		assert_true(ratelimit_allow(limit, &newcomer, later));
	}
	assert_false(ratelimit_allow(limit, &active, later));
	active = numbered(2 * RATELIMIT_SOURCES);
	assert_false(ratelimit_allow(limit, &active, later));
}

/* The dumb oracle: a bucket for each source, never taken away. Few enough sources to fit. */
static void limit_agrees_with_one_bucket_per_source(void **unused)
{
	enum { SOURCES = 200 };
	double credit[SOURCES];
	uint64_t seen_us[SOURCES];
	struct dice dice = dice_new();
	mono_t now = start;

	(void)unused;
	for (size_t i = 0; i < SOURCES; i++) {
		credit[i] = RATELIMIT_BURST;
		seen_us[i] = start.us;
	}
	for (int step = 0; step < 200000; step++) {
		unsigned int i = dice_below(&dice, dice_below(&dice, 2) ? SOURCES : 3);
		struct addr addr = numbered(i);
		bool expected;

		now = mono_add_us(now, dice_below(&dice, 20) * cost_us / 16);
		credit[i] += (double)(now.us - seen_us[i]) / (double)cost_us;
		credit[i] = credit[i] > RATELIMIT_BURST ? RATELIMIT_BURST : credit[i];
		seen_us[i] = now.us;
		expected = credit[i] >= 1;
		credit[i] -= expected;
		assert_int_equal(ratelimit_allow(limit, &addr, now), expected);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_limit, free_limit)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(burst_is_allowed_then_refused),
		TEST(bucket_refills_one_by_one),
		TEST(bucket_holds_no_more_than_a_burst),
		TEST(rate_over_a_minute_is_the_configured_one),
		TEST(time_that_goes_back_gives_nothing),
		TEST(ipv4_addresses_are_separate_sources),
		TEST(ipv6_half_addresses_are_one_source),
		TEST(new_sources_are_refused_when_all_places_are_active),
		TEST(silent_source_gives_way_and_active_ones_stay),
		TEST(limit_agrees_with_one_bucket_per_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
