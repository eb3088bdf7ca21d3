/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vpnctl/units.h"

static char text[UNITS_LEN];

static void durations_show_their_two_leading_units(void **state)
{
	(void)state;
	assert_string_equal(units_duration(0, text), "0s");
	assert_string_equal(units_duration(59, text), "59s");
	assert_string_equal(units_duration(60, text), "1m00s");
	assert_string_equal(units_duration(362, text), "6m02s");
	assert_string_equal(units_duration(3599, text), "59m59s");
	assert_string_equal(units_duration(3600, text), "1h00m");
	assert_string_equal(units_duration(86399, text), "23h59m");
	assert_string_equal(units_duration(12 * 86400 + 3 * 3600, text), "12d03h");
	assert_string_equal(units_duration(INT64_MAX, text), "106751991167300d15h");
	assert_string_equal(units_duration(-1, text), "-");
}

static void bytes_never_show_four_digits(void **state)
{
	(void)state;
	assert_string_equal(units_bytes(0, text), "0");
	assert_string_equal(units_bytes(999, text), "999B");
	assert_string_equal(units_bytes(1000, text), "1.0kB");
	assert_string_equal(units_bytes(9949, text), "9.9kB");
	assert_string_equal(units_bytes(9950, text), "10kB");
	assert_string_equal(units_bytes(310400, text), "310kB");
	assert_string_equal(units_bytes(999499, text), "999kB");
	assert_string_equal(units_bytes(999500, text), "1.0MB");
	assert_string_equal(units_bytes(INT64_MAX, text), "9.2EB");
	assert_string_equal(units_bytes(-1, text), "-");
	assert_string_equal(units_rate(1234567, text), "1.2MB/s");
	assert_string_equal(units_rate(0, text), "0");
}

static void counts_have_their_thousands_apart(void **state)
{
	(void)state;
	assert_string_equal(units_count(0, text), "0");
	assert_string_equal(units_count(999, text), "999");
	assert_string_equal(units_count(18211, text), "18,211");
	assert_string_equal(units_count(100000, text), "100,000");
	assert_string_equal(units_count(INT64_MAX, text), "9,223,372,036,854,775,807");
	assert_string_equal(units_count(INT64_MIN, text), "-");
}

static void round_trips_keep_two_digits(void **state)
{
	(void)state;
	assert_string_equal(units_ms(0.184, text), "0.18ms");
	assert_string_equal(units_ms(0.999, text), "1.0ms");
	assert_string_equal(units_ms(8.2, text), "8.2ms");
	assert_string_equal(units_ms(9.97, text), "10ms");
	assert_string_equal(units_ms(120.4, text), "120ms");
	assert_string_equal(units_ms(-1, text), "-");
	assert_string_equal(units_ms(NAN, text), "-");
	assert_string_equal(units_ms(INFINITY, text), "-");
}

static void loss_is_a_ratio_and_little_is_not_none(void **state)
{
	(void)state;
	assert_string_equal(units_percent(0, text), "0%");
	assert_string_equal(units_percent(0.003, text), "0.3%");
	assert_string_equal(units_percent(0.5, text), "50%");
	assert_string_equal(units_percent(1, text), "100%");
	assert_string_equal(units_percent(1.01, text), "-");
	assert_string_equal(units_percent(NAN, text), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_show_their_two_leading_units),
		cmocka_unit_test(bytes_never_show_four_digits),
		cmocka_unit_test(counts_have_their_thousands_apart),
		cmocka_unit_test(round_trips_keep_two_digits),
		cmocka_unit_test(loss_is_a_ratio_and_little_is_not_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
