/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mono.h"

static void mono_add_saturates_at_never(void **state)
{
	mono_t t = {5};

	(void)state;
	assert_int_equal(mono_add_us(t, 7).us, 12);
	assert_int_equal(mono_add_ms(t, 1).us, 1005);
	assert_int_equal(mono_add_s(t, 1).us, 1000005);
	assert_true(mono_add_us(t, UINT64_MAX).us == UINT64_MAX);
	assert_true(mono_add_ms(t, UINT64_MAX).us == UINT64_MAX);
	assert_true(mono_add_s(t, UINT64_MAX / US_PER_S + 1).us == UINT64_MAX);
	assert_true(mono_add_us(MONO_NEVER, 1).us == UINT64_MAX);
}

static void mono_elapsed_is_zero_for_times_ahead(void **state)
{
	(void)state;
	assert_int_equal(mono_elapsed_us((mono_t){10}, (mono_t){9}), 0);
	assert_int_equal(mono_elapsed_us((mono_t){10}, (mono_t){12}), 2);
}

static void mono_expires_at_the_very_microsecond(void **state)
{
	mono_t since = {1};

	(void)state;
	assert_false(mono_expired_s(since, 2, (mono_t){2000000}));
	assert_true(mono_expired_s(since, 2, (mono_t){2000001}));
	assert_true(mono_expired_s(MONO_UNSET, 2, (mono_t){1}));
	assert_false(mono_expired_s(since, UINT64_MAX, (mono_t){UINT64_MAX - 1}));
}

static void mono_orders_times(void **state)
{
	(void)state;
	assert_true(mono_before((mono_t){1}, (mono_t){2}));
	assert_false(mono_before((mono_t){2}, (mono_t){2}));
	assert_int_equal(mono_min((mono_t){3}, (mono_t){2}).us, 2);
	assert_false(mono_is_set(MONO_UNSET));
}

static void clock_mono_never_goes_back(void **state)
{
	mono_t last = clock_mono();

	(void)state;
	assert_true(mono_is_set(last));
	for (int i = 0; i < 1000; i++) {
		mono_t now = clock_mono();

		assert_false(mono_before(now, last));
		last = now;
	}
	assert_true(clock_wall().s > 1600000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mono_add_saturates_at_never),
		cmocka_unit_test(mono_elapsed_is_zero_for_times_ahead),
		cmocka_unit_test(mono_expires_at_the_very_microsecond),
		cmocka_unit_test(mono_orders_times),
		cmocka_unit_test(clock_mono_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
