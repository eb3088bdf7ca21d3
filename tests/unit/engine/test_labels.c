/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our initiations only ever get newer, whatever the wall clock does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vpnd/engine/labels.h"
#include "vpnd/privsep.h"
#include "vpnd/proto/tai64n.h"

static const uint8_t KEY_A[KEY_LEN] = {1}, KEY_B[KEY_LEN] = {2};

struct wire_label {
	uint8_t bytes[TIMESTAMP_LEN];
};

/* As it is on the wire. */
static struct wire_label next(struct labels *labels, const uint8_t *key, int64_t s, uint32_t ns)
{
	struct wire_label label;
	bool tell;
	struct wall at = labels_next(labels, key, (struct wall){s, ns}, &tell);

	tai64n_label(label.bytes, at.s, at.ns);
	return label;
}

static void labels_grow_while_the_clock_does_anything(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct wire_label last = {0}, label;
	struct labels labels = {0};

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 20000; i++) {
		label = next(&labels, KEY_A, rand() % 1000, (uint32_t)(rand() % 1000000000));
		assert_true(memcmp(label.bytes, last.bytes, TIMESTAMP_LEN) > 0);
		last = label;
	}
	labels_done(&labels);
}

static void labels_are_past_what_an_earlier_engine_used(void **state)
{
	struct labels labels = {0};
	struct wire_label last;
	struct wall at;
	bool tell;

	(void)state;
	tai64n_label(last.bytes, 5000, 999999999);
	assert_int_equal(labels_floor(&labels, KEY_A, 5000), 0);
	assert_int_equal(labels_floor(&labels, KEY_A, 4000), 0);
	assert_true(memcmp(next(&labels, KEY_A, 10, 0).bytes, last.bytes, TIMESTAMP_LEN) > 0);
	/* Another key is free of it. */
	at = labels_next(&labels, KEY_B, (struct wall){10, 0}, &tell);
	assert_int_equal(at.s, 10);
	labels_done(&labels);
}

static void each_second_is_told_before_it_is_used(void **state)
{
	struct labels labels = {0};
	int64_t told_s = -1;
	struct wall at;
	bool tell;

	(void)state;
	assert_int_equal(labels_floor(&labels, KEY_A, 100), 0);
	for (int i = 0; i < 1000; i++) {
		at = labels_next(&labels, KEY_A, (struct wall){50 + i / 3, 0}, &tell);
		assert_int_equal(tell, at.s > told_s);
		told_s = at.s;
	}
	assert_int_equal(told_s, 50 + 999 / 3);
	labels_done(&labels);
}

/* Such a label, of an earlier engine or in the file, must not cost each engine its life. */
static void what_may_not_be_told_is_not_told(void **state)
{
	struct labels labels = {0};
	struct wall at, last = {0};
	bool tell;

	(void)state;
	assert_int_equal(labels_floor(&labels, KEY_A, PRIVSEP_LABEL_MAX_S - 2), 0);
	for (int i = 0; i < 1000; i++) {
		struct privsep_label msg = {.type = PRIVSEP_LABEL};

		at = labels_next(&labels, KEY_A, (struct wall){1000, 0}, &tell);
		assert_true(at.s > last.s || (at.s == last.s && at.ns > last.ns));
		last = at;
		msg.newest_s = at.s;
		if (tell)
			assert_non_null(
				privsep_check(&msg, sizeof(msg), false, PRIVSEP_FROM_ENGINE));
	}
	assert_true(last.s > PRIVSEP_LABEL_MAX_S);
	labels_done(&labels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_grow_while_the_clock_does_anything),
		cmocka_unit_test(labels_are_past_what_an_earlier_engine_used),
		cmocka_unit_test(each_second_is_told_before_it_is_used),
		cmocka_unit_test(what_may_not_be_told_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
