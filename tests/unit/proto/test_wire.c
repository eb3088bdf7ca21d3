/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vpnd/proto/le.h"
#include "vpnd/proto/tai64n.h"

static void little_endian_integers_lie_lowest_byte_first(void **unused)
{
	static const uint8_t expected[] = {8, 7, 6, 5, 4, 3, 2, 1};
	le32_t v32 = le32_of(0x05060708);
	le64_t v64 = le64_of(0x0102030405060708);

	(void)unused;
	assert_memory_equal(v32.b, expected, sizeof(v32));
	assert_memory_equal(v64.b, expected, sizeof(v64));
	assert_int_equal(le32_get(v32), 0x05060708);
	assert_true(le64_get(v64) == 0x0102030405060708);
}

static void tai64n_label_is_big_endian_from_1970(void **unused)
{
	static const uint8_t epoch[TIMESTAMP_LEN] = {0x40, 0, 0, 0, 0, 0, 0, 0x0a};
	static const uint8_t later[TIMESTAMP_LEN] = {0x40, 0, 0, 0, 0x65, 0x53, 0xf1, 0x0a, 0x2a};
	uint8_t out[TIMESTAMP_LEN];

	(void)unused;
	tai64n_label(out, 0, 0);
	assert_memory_equal(out, epoch, sizeof(out));
	tai64n_label(out, 0x6553f100, 0x2a000000);
	assert_memory_equal(out, later, sizeof(out));
}

static void tai64n_label_hides_the_fine_bits(void **unused)
{
	uint8_t first[TIMESTAMP_LEN], last[TIMESTAMP_LEN], next[TIMESTAMP_LEN];

	(void)unused;
	tai64n_label(first, 1, 5U << 24);
	tai64n_label(last, 1, (6U << 24) - 1);
	tai64n_label(next, 1, 6U << 24);
	assert_memory_equal(first, last, sizeof(first));
	assert_true(memcmp(last, next, sizeof(last)) < 0);
}

static void tai64n_labels_grow_with_time(void **unused)
{
	static const struct {
		int64_t s;
		uint32_t ns;
	} times[] = {{-11, 0}, {-1, 999999999}, {0, 0}, {0, 999999999}, {1, 0}, {255, 0}, {256, 0},
		{UINT32_MAX, 0}, {UINT32_MAX + 1LL, 0}};
	uint8_t before[TIMESTAMP_LEN], label[TIMESTAMP_LEN];

	(void)unused;
	tai64n_label(before, INT32_MIN, 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		tai64n_label(label, times[i].s, times[i].ns);
		assert_true(memcmp(before, label, sizeof(label)) < 0);
		memcpy(before, label, sizeof(label));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(little_endian_integers_lie_lowest_byte_first),
		cmocka_unit_test(tai64n_label_is_big_endian_from_1970),
		cmocka_unit_test(tai64n_label_hides_the_fine_bits),
		cmocka_unit_test(tai64n_labels_grow_with_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
