/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process that has read strangers' answers may tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "vpnd/monitor/lookup.h"

static const struct lookup_answer right = {
	.n = 2,
	.endpoints = {{.addr = {ADDR_V4, {203, 0, 113, 10}}, .port = 51820},
		{.addr = {ADDR_V6, {0x20, 1, 0xd, 0xb8, [15] = 1}}, .port = 51820}},
};

static void answer_of_both_families_is_taken(void **state)
{
	(void)state;
	assert_true(lookup_can_be(&right));
}

/* The engine ends on what is no address, and so would each one after it. */
static void address_with_more_than_its_family_has_is_refused(void **state)
{
	struct lookup_answer a = right;

	(void)state;
	a.endpoints[0].addr.bytes[4] = 1;
	assert_false(lookup_can_be(&a));
	a = right;
	a.endpoints[1].addr.family = 5;
	assert_false(lookup_can_be(&a));
	a.endpoints[1].addr = (struct addr){0};
	assert_false(lookup_can_be(&a));
}

static void more_than_there_is_room_for_is_refused(void **state)
{
	struct lookup_answer a = right;

	(void)state;
	a.n = ROTATION_MAX + 1;
	assert_false(lookup_can_be(&a));
	a = right;
	memset(a.reason, 'x', sizeof(a.reason));
	assert_false(lookup_can_be(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_of_both_families_is_taken),
		cmocka_unit_test(address_with_more_than_its_family_has_is_refused),
		cmocka_unit_test(more_than_there_is_room_for_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
