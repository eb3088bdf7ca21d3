/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mono.h"
#include "vpnd/monitor/backoff.h"

static void waits_double_from_the_second_up_to_the_longest(void **state)
{
	static const uint64_t expected_ms[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
	struct backoff b = BACKOFF_INIT(0, 100 * US_PER_MS, 5 * US_PER_S);

	(void)state;
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < sizeof(expected_ms) / sizeof(expected_ms[0]); i++)
			assert_int_equal(backoff_next_us(&b), expected_ms[i] * US_PER_MS);
		backoff_reset(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_from_the_second_up_to_the_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
