/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "vpnd/events.h"

static void keep(struct events *e, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++)
		events_keep(e, &(struct privsep_event){.type = PRIVSEP_EVENT, .number = i});
}

/* How many are listed after a number; the first and the last of them. */
static size_t list(const struct events *e, uint64_t after, uint64_t *first, uint64_t *last)
{
	const struct privsep_event *event = events_after(e, after);
	size_t n = 0;

	*first = *last = event ? event->number : 0;
	for (; event; event = events_after(e, event->number), n++) {
		assert_true(n == 0 || event->number == *last + 1);
		*last = event->number;
	}
	return n;
}

static void all_are_listed_in_order_until_the_oldest_are_forgotten(void **state)
{
	struct events *e = calloc(1, sizeof(*e));
	uint64_t first, last;

	(void)state;
	assert_int_equal(list(e, 0, &first, &last), 0);
	keep(e, 1, EVENTS_MAX);
	assert_int_equal(list(e, 0, &first, &last), EVENTS_MAX);
	assert_int_equal(first, 1);
	keep(e, EVENTS_MAX + 1, EVENTS_MAX + 10);
	assert_int_equal(list(e, 0, &first, &last), EVENTS_MAX);
	assert_int_equal(first, 11);
	assert_int_equal(last, EVENTS_MAX + 10);
	free(e);
}

static void what_was_seen_is_not_listed_again(void **state)
{
	struct events *e = calloc(1, sizeof(*e));
	uint64_t first, last;

	(void)state;
	keep(e, 1, 5);
	assert_int_equal(list(e, 3, &first, &last), 2);
	assert_int_equal(first, 4);
	assert_int_equal(list(e, 5, &first, &last), 0);
	free(e);
}

/* A client may send any number. */
static void a_number_past_the_newest_lists_all(void **state)
{
	struct events *e = calloc(1, sizeof(*e));
	uint64_t first, last;

	(void)state;
	keep(e, 1, 5);
	assert_int_equal(list(e, 6, &first, &last), 5);
	assert_int_equal(list(e, INT64_MAX, &first, &last), 5);
	free(e);
}

/* An engine that starts late is told only what its monitor still has. */
static void a_copy_begins_with_the_oldest_it_was_told(void **state)
{
	struct events *e = calloc(1, sizeof(*e));
	uint64_t first, last;

	(void)state;
	keep(e, 301, 310);
	assert_int_equal(list(e, 0, &first, &last), 10);
	assert_int_equal(first, 301);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_listed_in_order_until_the_oldest_are_forgotten),
		cmocka_unit_test(what_was_seen_is_not_listed_again),
		cmocka_unit_test(a_number_past_the_newest_lists_all),
		cmocka_unit_test(a_copy_begins_with_the_oldest_it_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
