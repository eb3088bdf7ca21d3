/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "tests/unit/proto/dice.h"
#include "vpnd/proto/replay.h"

enum { WINDOW = REPLAY_WINDOW_BITS };

static struct replay_window window;

static int fresh_window(void **unused)
{
	(void)unused;
	replay_init(&window);
	return 0;
}

static void assert_verdict(uint64_t counter, enum replay_verdict expected)
{
	assert_int_equal(replay_check(&window, counter), expected);
}

static void first_counter_may_be_any(void **unused)
{
	static const uint64_t firsts[] = {
		0, 1, 63, 64, WINDOW, WINDOW + 64, 1ULL << 40, REJECT_AFTER_MESSAGES - 1};

	(void)unused;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		replay_init(&window);
		assert_verdict(firsts[i], REPLAY_FRESH);
		assert_verdict(firsts[i], REPLAY_DUPLICATE);
	}
}

static void window_accepts_any_order_once(void **unused)
{
	(void)unused;
	for (uint64_t c = WINDOW; c > 0; c--)
		assert_verdict(c - 1, REPLAY_FRESH);
	for (uint64_t c = 0; c < WINDOW; c++)
		assert_verdict(c, REPLAY_DUPLICATE);
}

static void window_is_exactly_its_size(void **unused)
{
	(void)unused;
	for (uint64_t greatest = WINDOW; greatest < WINDOW + 200; greatest++) {
		replay_init(&window);
		assert_verdict(greatest, REPLAY_FRESH);
		assert_verdict(greatest - WINDOW, REPLAY_TOO_OLD);
		assert_verdict(greatest - WINDOW + 1, REPLAY_FRESH);
	}
}

static void window_rejects_duplicate_at_edge(void **unused)
{
	(void)unused;
	for (uint64_t first = 0; first < 200; first++) {
		replay_init(&window);
		assert_verdict(first, REPLAY_FRESH);
		assert_verdict(first + WINDOW - 1, REPLAY_FRESH);
		assert_verdict(first, REPLAY_DUPLICATE);
		assert_verdict(first + WINDOW - 1, REPLAY_DUPLICATE);
		assert_verdict(first + WINDOW, REPLAY_FRESH);
		assert_verdict(first, REPLAY_TOO_OLD);
		assert_verdict(first + WINDOW - 1, REPLAY_DUPLICATE);
	}
}

static void jump_over_the_whole_window_forgets_all(void **unused)
{
	static const uint64_t jumps[] = {WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 63, WINDOW + 64,
		WINDOW + 65, 2 * WINDOW, 1ULL << 32, 1ULL << 63};

	(void)unused;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		uint64_t to = WINDOW - 1 + jumps[i];

		replay_init(&window);
		for (uint64_t c = 0; c < WINDOW; c++)
			assert_verdict(c, REPLAY_FRESH);
		assert_verdict(to, REPLAY_FRESH);
		for (uint64_t c = to - WINDOW + 1; c < to; c++)
			assert_verdict(c, c < WINDOW ? REPLAY_DUPLICATE : REPLAY_FRESH);
		assert_verdict(to - WINDOW, REPLAY_TOO_OLD);
	}
}

static void refused_counters_change_nothing(void **unused)
{
	static const uint64_t refused[] = {
		5, 100000, 100000 - WINDOW, REJECT_AFTER_MESSAGES, UINT64_MAX};
	struct replay_window before;

	(void)unused;
	assert_verdict(100000, REPLAY_FRESH);
	before = window;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_not_equal(replay_check(&window, refused[i]), REPLAY_FRESH);
	assert_memory_equal(&window, &before, sizeof(before));
}

static void counters_end_at_reject_after_messages(void **unused)
{
	(void)unused;
	assert_true(REJECT_AFTER_MESSAGES == 0xffffffffffffdfffULL);
	assert_verdict(REJECT_AFTER_MESSAGES - 2, REPLAY_FRESH);
	assert_verdict(REJECT_AFTER_MESSAGES - 1, REPLAY_FRESH);
	assert_verdict(REJECT_AFTER_MESSAGES - 1, REPLAY_DUPLICATE);
	assert_verdict(REJECT_AFTER_MESSAGES, REPLAY_LIMIT);
	assert_verdict(REJECT_AFTER_MESSAGES + 1, REPLAY_LIMIT);
	assert_verdict(UINT64_MAX, REPLAY_LIMIT);
	assert_verdict(REJECT_AFTER_MESSAGES - WINDOW, REPLAY_FRESH);
	assert_verdict(REJECT_AFTER_MESSAGES - WINDOW - 1, REPLAY_TOO_OLD);
}

/* The dumb oracle: every counter from `base` on that was ever accepted. */
enum { ORACLE_COUNTERS = 1 << 20, ORACLE_STEPS = 400000 };
struct oracle {
	uint64_t base;
	uint64_t greatest_plus_1; /* past base */
	bool seen[ORACLE_COUNTERS];
};

static enum replay_verdict ask(struct oracle *o, uint64_t offset)
{
	if (o->base + offset >= REJECT_AFTER_MESSAGES)
		return REPLAY_LIMIT;
	if (offset + WINDOW < o->greatest_plus_1)
		return REPLAY_TOO_OLD;
	if (o->seen[offset])
		return REPLAY_DUPLICATE;
	o->seen[offset] = true;
	if (offset >= o->greatest_plus_1)
		o->greatest_plus_1 = offset + 1;
	return REPLAY_FRESH;
}

/* Mostly near the greatest, sometimes far ahead, sometimes anywhere. */
static uint64_t choose(struct dice *dice, const struct oracle *o)
{
	uint64_t last = UINT64_MAX - o->base;
	uint64_t greatest = o->greatest_plus_1;
	uint64_t offset;

	switch (dice_below(dice, 8)) {
	case 0:
		offset = greatest + dice_below(dice, 8);
		break;
	case 1:
		offset =
			dice_below(dice, 2000) ? greatest : greatest + dice_below(dice, 3 * WINDOW);
		break;
	case 2:
		offset = dice_below(dice, ORACLE_COUNTERS);
		offset = offset < greatest ? offset : greatest;
		break;
	case 3:
		offset = greatest > WINDOW + 2 ? greatest - WINDOW - 2 + dice_below(dice, 4) : 0;
		break;
	default:
		offset = dice_below(dice, WINDOW + 100);
		offset = greatest > offset ? greatest - offset : greatest;
	}
	if (last >= ORACLE_COUNTERS)
		last = ORACLE_COUNTERS - 1;
	return offset < last ? offset : last;
}

static void window_agrees_with_a_set_of_all_counters(void **unused)
{
	static const uint64_t bases[] = {0, 1ULL << 32, REJECT_AFTER_MESSAGES - 50000};
	struct oracle *o = malloc(sizeof(*o));
	struct dice dice = dice_new();

	(void)unused;
	assert_non_null(o);
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		memset(o, 0, sizeof(*o));
		o->base = bases[i];
		replay_init(&window);
		for (int step = 0; step < ORACLE_STEPS; step++) {
			uint64_t offset = choose(&dice, o);
			uint64_t counter = o->base + offset;

			if (replay_check(&window, counter) != ask(o, offset))
				fail_msg(
					"counter %llu, step %d", (unsigned long long)counter, step);
		}
	}
	free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(first_counter_may_be_any, fresh_window),
		cmocka_unit_test_setup(window_accepts_any_order_once, fresh_window),
		cmocka_unit_test_setup(window_is_exactly_its_size, fresh_window),
		cmocka_unit_test_setup(window_rejects_duplicate_at_edge, fresh_window),
		cmocka_unit_test_setup(jump_over_the_whole_window_forgets_all, fresh_window),
		cmocka_unit_test_setup(refused_counters_change_nothing, fresh_window),
		cmocka_unit_test_setup(counters_end_at_reject_after_messages, fresh_window),
		cmocka_unit_test_setup(window_agrees_with_a_set_of_all_counters, fresh_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
