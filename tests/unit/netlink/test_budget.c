/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be heard: bursts and a steady stream below the limit always, more than it not for long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "netlink/budget.h"

#define PER_S 1000

static const mono_t start = {123456789};

static mono_t after_ms(uint64_t ms)
{
	return mono_add_ms(start, ms);
}

/* Milliseconds that `per_ms` events are heard until the budget is spent, or `most_ms`. */
static uint64_t lasts_ms(struct budget *budget, uint32_t per_ms, uint64_t from_ms, uint64_t most_ms)
{
	for (uint64_t ms = 0; ms < most_ms; ms++)
		if (!budget_spend(budget, per_ms, after_ms(from_ms + ms)))
			return ms;
	return most_ms;
}

static void test_as_many_as_it_says_are_always_heard(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, PER_S, start);
	assert_int_equal(lasts_ms(&budget, PER_S / 1000, 0, 100000), 100000);
}

static void test_a_burst_is_heard_and_a_larger_one_is_not(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, PER_S, start);
	assert_true(budget_spend(&budget, PER_S / 4, start));
	assert_false(budget_spend(&budget, 1, start));
	budget_init(&budget, PER_S, start);
	assert_false(budget_spend(&budget, PER_S / 4 + 1, start));
}

static void test_silence_saves_up_no_more_than_a_burst(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, PER_S, start);
	assert_true(budget_spend(&budget, PER_S / 4, start));
	assert_true(budget_spend(&budget, PER_S / 4, after_ms(3600 * 1000)));
	assert_false(budget_spend(&budget, 1, after_ms(3600 * 1000)));
}

static void test_twice_as_many_spend_it_in_a_quarter_of_a_second(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, PER_S, start);
	assert_in_range(lasts_ms(&budget, 2 * PER_S / 1000, 0, 10000), 240, 260);
}

static void test_a_rush_that_goes_on_is_listened_to_less_and_less(void **state)
{
	static const uint64_t pauses_s[] = {5, 10, 20, 40, 40};
	struct budget budget;
	uint64_t ms = 0;

	(void)state;
	budget_init(&budget, PER_S, start);
	for (size_t i = 0; i < sizeof(pauses_s) / sizeof(pauses_s[0]); i++) {
		ms += lasts_ms(&budget, 3 * PER_S / 1000, ms, 10000);
		assert_true(budget_pause(&budget, after_ms(ms)) == pauses_s[i] * US_PER_S);
		ms += pauses_s[i] * 1000;
		budget_resume(&budget, after_ms(ms));
	}
	assert_in_range(lasts_ms(&budget, 2 * PER_S / 1000, ms, 10000), 90, 110);
}

static void test_a_rush_much_later_is_the_first_again(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, PER_S, start);
	budget_pause(&budget, after_ms(0));
	budget_resume(&budget, after_ms(5000));
	assert_true(budget_pause(&budget, after_ms(6000)) == 10 * US_PER_S);
	budget_resume(&budget, after_ms(16000));
	assert_true(budget_pause(&budget, after_ms(60000)) == 5 * US_PER_S);
}

static void test_without_a_limit_it_is_never_spent(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 0, start);
	assert_true(budget_spend(&budget, UINT32_MAX, start));
	budget_set(&budget, PER_S);
	assert_false(budget_spend(&budget, PER_S, after_ms(1)));
	budget_set(&budget, 0);
	assert_true(budget_spend(&budget, PER_S, after_ms(2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_many_as_it_says_are_always_heard),
		cmocka_unit_test(test_a_burst_is_heard_and_a_larger_one_is_not),
		cmocka_unit_test(test_silence_saves_up_no_more_than_a_burst),
		cmocka_unit_test(test_twice_as_many_spend_it_in_a_quarter_of_a_second),
		cmocka_unit_test(test_a_rush_that_goes_on_is_listened_to_less_and_less),
		cmocka_unit_test(test_a_rush_much_later_is_the_first_again),
		cmocka_unit_test(test_without_a_limit_it_is_never_spent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
