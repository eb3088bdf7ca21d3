/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static const char *meant(const char *typed)
{
	static const char *const names[] = {"nat", "status", "routes", "endpoint"};
	struct nearest nearest = nearest_to(typed);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		nearest_offer(&nearest, names[i]);
	return nearest.best ? nearest.best : "none";
}

static void typos_and_beginnings_are_near(void **state)
{
	(void)state;
	assert_string_equal(meant("nta"), "nat");
	assert_string_equal(meant("na"), "nat");
	assert_string_equal(meant("rotes"), "routes");
	assert_string_equal(meant("statuss"), "status");
	assert_string_equal(meant("endpiont"), "endpoint");
	assert_string_equal(meant("end"), "endpoint");
}

static void what_has_nothing_in_common_is_no_guess(void **state)
{
	char longer[200];

	(void)state;
	assert_string_equal(meant(""), "none");
	assert_string_equal(meant("xyz"), "none");
	assert_string_equal(meant("xy"), "none");
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_string_equal(meant(longer), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typos_and_beginnings_are_near),
		cmocka_unit_test(what_has_nothing_in_common_is_no_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
