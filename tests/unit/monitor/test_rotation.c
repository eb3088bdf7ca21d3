/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every address of a name is tried, whatever the order of the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "vpnd/monitor/rotation.h"

static struct endpoint at(uint8_t n)
{
	return (struct endpoint){.addr = {ADDR_V4, {192, 0, 2, n}}, .port = 1};
}

static void every_address_is_tried_in_turn_and_then_again(void **state)
{
	const struct endpoint list[] = {at(1), at(2), at(3)};
	struct rotation r = {0};
	bool last;

	(void)state;
	for (int i = 0; i < 9; i++) {
		assert_ptr_equal(rotation_next(&r, list, 3, &last), &list[i % 3]);
		assert_int_equal(last, i % 3 == 2);
	}
}

/* Name servers turn the list with each answer; who counted places would try one for ever. */
static void every_address_is_tried_though_each_answer_is_turned(void **state)
{
	const struct endpoint turned[][3] = {
		{at(1), at(2), at(3)}, {at(3), at(1), at(2)}, {at(2), at(3), at(1)}};
	struct rotation r = {0};
	bool last, seen[4] = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		seen[rotation_next(&r, turned[i], 3, &last)->addr.bytes[3]] = true;
	assert_true(seen[1] && seen[2] && seen[3]);
}

static void a_new_address_is_tried_at_once(void **state)
{
	const struct endpoint old[] = {at(1)}, moved[] = {at(1), at(9)};
	struct rotation r = {0};
	bool last;

	(void)state;
	rotation_next(&r, old, 1, &last);
	assert_true(last);
	assert_int_equal(rotation_next(&r, moved, 2, &last)->addr.bytes[3], 9);
}

static void a_name_of_ever_new_addresses_does_no_harm(void **state)
{
	struct rotation r = {0};
	bool last;

	(void)state;
	for (int i = 0; i < 200; i++) {
		const struct endpoint list[] = {at((uint8_t)i)};

		assert_int_equal(rotation_next(&r, list, 1, &last)->addr.bytes[3], (uint8_t)i);
		assert_true(r.n >= 1 && r.n <= ROTATION_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_is_tried_in_turn_and_then_again),
		cmocka_unit_test(every_address_is_tried_though_each_answer_is_turned),
		cmocka_unit_test(a_new_address_is_tried_at_once),
		cmocka_unit_test(a_name_of_ever_new_addresses_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
