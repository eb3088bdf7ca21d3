/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap of deadlines against a plain look at all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/proto/dice.h"
#include "vpnd/proto/deadline.h"

enum { NODES = 100, ROUNDS = 200000 };

static void earliest_is_first_whatever_moves(void **state)
{
	struct deadline nodes[NODES] = {0};
	struct deadline_heap heap = {0};
	struct dice dice = dice_new();

	(void)state;
	assert_int_equal(deadline_reserve(&heap, NODES), 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct deadline *node = &nodes[dice_below(&dice, NODES)];
		const struct deadline *first;
		mono_t earliest = MONO_NEVER;
		size_t count = 0;

		/* In phases the heap fills and empties. */
		if (dice_below(&dice, 20) < (round / 2000 % 2 ? 12 : 2))
			deadline_set(&heap, node, MONO_NEVER);
		else
			deadline_set(&heap, node, (mono_t){dice_below(&dice, 1000)});
		for (int i = 0; i < NODES; i++) {
			if (!nodes[i].place)
				continue;
			assert_ptr_equal(heap.nodes[nodes[i].place - 1], &nodes[i]);
			earliest = mono_min(earliest, nodes[i].at);
			count++;
		}
		assert_int_equal(heap.count, count);
		first = deadline_first(&heap);
		assert_int_equal(first != NULL, count > 0);
		assert_int_equal(first ? first->at.us : MONO_NEVER.us, earliest.us);
	}
	deadline_done(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(earliest_is_first_whatever_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
