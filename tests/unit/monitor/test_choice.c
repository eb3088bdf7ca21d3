/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which tunnels carry a prefix, step by step and against chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "vpnd/monitor/choice.h"

enum { A = 1, B = 2, C = 4, HOLD_S = 10 };

static const struct choice_policy back = {VPND_FAILOVER, true, HOLD_S *US_PER_S, 3};
static const struct choice_policy stay = {VPND_FAILOVER, false, HOLD_S *US_PER_S, 3};
static const struct choice_policy all = {VPND_ECMP, true, HOLD_S *US_PER_S, 3};

/* Look at second `at`; who carries then. */
static uint8_t look(struct choice *c, const struct choice_policy *policy, uint8_t up, uint64_t at_s)
{
	mono_t next = MONO_NEVER;

	choice_update(c, policy, up, (mono_t){at_s * US_PER_S}, &next);
	return c->chosen;
}

static void failover_takes_the_first_that_is_up_and_leaves_it_at_once(void **state)
{
	struct choice c = {0};

	(void)state;
	assert_int_equal(look(&c, &back, A | B | C, 1), A);
	assert_int_equal(look(&c, &back, B | C, 2), B);
	assert_int_equal(look(&c, &back, C, 3), C);
	assert_int_equal(look(&c, &back, 0, 4), 0);
	assert_int_equal(look(&c, &back, B, 5), B); /* there is no other to hold on to */
}

static void failover_goes_back_once_the_better_one_has_stayed(void **state)
{
	struct choice c = {0};
	mono_t next = MONO_NEVER;

	(void)state;
	look(&c, &back, A | B, 1);
	look(&c, &back, B, 2);
	assert_false(choice_update(&c, &back, A | B, (mono_t){3 * US_PER_S}, &next));
	assert_int_equal(next.us, (3 + HOLD_S) * US_PER_S);
	assert_int_equal(look(&c, &back, A | B, 3 + HOLD_S - 1), B);
	assert_int_equal(look(&c, &back, A | B, 3 + HOLD_S), A);
}

static void failover_does_not_follow_one_that_flaps(void **state)
{
	struct choice c = {0};

	(void)state;
	look(&c, &back, A | B, 1);
	for (uint64_t s = 2; s < 200; s += 4) {
		assert_int_equal(look(&c, &back, B, s), B);
		assert_int_equal(look(&c, &back, A | B, s + 2), B);
	}
}

static void failover_without_preemption_stays_until_it_is_lost(void **state)
{
	struct choice c = {0};
	mono_t next = MONO_NEVER;

	(void)state;
	look(&c, &stay, A | B, 1);
	look(&c, &stay, B, 2);
	choice_update(&c, &stay, A | B, (mono_t){3 * US_PER_S}, &next);
	assert_int_equal(next.us, MONO_NEVER.us);
	assert_int_equal(look(&c, &stay, A | B, 1000), B);
	assert_int_equal(look(&c, &stay, A, 1001), A);
}

static void failover_prefers_one_that_has_stayed_to_a_better_one_that_has_not(void **state)
{
	struct choice c = {0};

	(void)state;
	look(&c, &back, A | B | C, 1);
	look(&c, &back, B | C, 2);
	look(&c, &back, A | B | C, 100);
	assert_int_equal(look(&c, &back, A | C, 101), C);
	assert_int_equal(look(&c, &back, A | C, 110), A);
}

static void ecmp_members_leave_at_once_and_join_when_they_have_stayed(void **state)
{
	struct choice c = {0};

	(void)state;
	assert_int_equal(look(&c, &all, A | B, 1), A | B);
	assert_int_equal(look(&c, &all, B, 2), B);
	assert_int_equal(look(&c, &all, A | B, 3), B);
	assert_int_equal(look(&c, &all, A | B | C, 4), B);
	assert_int_equal(look(&c, &all, A | B | C, 13), A | B);
	assert_int_equal(look(&c, &all, A | B | C, 14), A | B | C);
	assert_int_equal(look(&c, &all, 0, 15), 0);
	assert_int_equal(look(&c, &all, A | C, 16), A | C);
}

static void backup_is_up_if_it_can_be(void **state)
{
	struct choice c = {0};

	(void)state;
	look(&c, &back, A | C, 1);
	assert_int_equal(choice_backup(&c, &back, A | B | C), 2);
	look(&c, &back, A, 2);
	assert_int_equal(choice_backup(&c, &back, A | B | C), 1);
	assert_int_equal(choice_backup(&c, &back, A), -1);
}

static void the_first_of_those_that_are_down_is_not_its_own_backup(void **state)
{
	struct choice c = {0};

	(void)state;
	look(&c, &back, A, 1);
	look(&c, &back, 0, 2);
	assert_int_equal(choice_backup(&c, &back, A | B | C), 1);
	assert_int_equal(choice_backup(&c, &back, A | C), 2);
	assert_int_equal(choice_backup(&c, &back, A), -1);
}

/* Whatever happens: nobody who is down carries, somebody does if anybody is up, and the time to
 * look again is ahead. */
static void choice_is_always_of_those_that_are_up(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	static const struct choice_policy *const policies[] = {&back, &stay, &all};

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	for (int run = 0; run < 300; run++) {
		const struct choice_policy *policy = policies[run % 3];
		struct choice c = {0};
		mono_t now = {US_PER_S};

		for (int step = 0; step < 100; step++) {
			uint8_t up = (uint8_t)(random() % 8), before = c.chosen;
			mono_t next = MONO_NEVER;
			bool changed = choice_update(&c, policy, up, now, &next);

			assert_int_equal(c.chosen & ~up, 0);
			assert_true(!up == !c.chosen);
			assert_true(changed == (before != c.chosen));
			assert_true(mono_before(now, next));
			if (policy->policy == VPND_FAILOVER)
				assert_int_equal(c.chosen & (c.chosen - 1), 0);
			now.us += (uint64_t)random() % (8 * US_PER_S);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failover_takes_the_first_that_is_up_and_leaves_it_at_once),
		cmocka_unit_test(failover_goes_back_once_the_better_one_has_stayed),
		cmocka_unit_test(failover_does_not_follow_one_that_flaps),
		cmocka_unit_test(failover_without_preemption_stays_until_it_is_lost),
		cmocka_unit_test(failover_prefers_one_that_has_stayed_to_a_better_one_that_has_not),
		cmocka_unit_test(ecmp_members_leave_at_once_and_join_when_they_have_stayed),
		cmocka_unit_test(backup_is_up_if_it_can_be),
		cmocka_unit_test(the_first_of_those_that_are_down_is_not_its_own_backup),
		cmocka_unit_test(choice_is_always_of_those_that_are_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
