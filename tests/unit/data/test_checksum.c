/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <endian.h>

#include "tests/oracle/segments.h"
#include "vpnd/data/checksum.h"

static void rfc_1071_example(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(checksum_fold(checksum_add(0, bytes, sizeof(bytes))), htobe16(0xddf2));
	assert_int_equal(checksum_finish(checksum_add(0, bytes, sizeof(bytes))), htobe16(0x220d));
}

static void sums_any_length_at_any_alignment_as_the_oracle_does(void **state)
{
	uint8_t bytes[300 + 16], copy[300 + 16 + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i * 7 + i);
	for (size_t at = 0; at < 16; at++) {
		for (size_t len = 0; len <= 300; len++) {
			unsigned int sum = segments_sum(bytes + at, len);
			uint64_t ours = checksum_add(0, bytes + at, len);

			assert_int_equal(be16toh(checksum_fold(ours)) % 65535, sum);
			memset(copy, 0xa5, sizeof(copy));
			assert_int_equal(checksum_copy(0, copy + 16 - at, bytes + at, len), ours);
			assert_memory_equal(copy + 16 - at, bytes + at, len);
			assert_int_equal(copy[16 - at + len], 0xa5);
		}
	}
}

static void no_carry_is_lost_in_a_large_sum(void **state)
{
	size_t len = 65536;
	uint8_t *bytes = malloc(len);
	uint64_t sum = 0;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 0xff, len);
	for (int i = 0; i < 64; i++)
		sum = checksum_add(sum, bytes, len);
	assert_int_equal(checksum_fold(sum), 0xffff);
	bytes[len - 1] = 0xfe;
	assert_int_equal(checksum_fold(checksum_add(sum, bytes, len)), htobe16(0xfffe));
	assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
	free(bytes);
}

static void pseudo_headers_are_those_of_the_oracle(void **state)
{
	uint8_t v4[20] = {0x45, [12] = 10, 1, 2, 0xff, 0xfe, 3, 4, 5};
	uint8_t v6[40] = {0x60, [8] = 0xfd, [23] = 0xff, [24] = 0xfe, [39] = 0x80};

	(void)state;
	for (size_t len = 8; len < 65536; len += 4093) {
		assert_int_equal(be16toh(checksum_fold(checksum_pseudo(v4, 17, len))) % 65535,
			segments_pseudo(v4, 17, len));
		assert_int_equal(be16toh(checksum_fold(checksum_pseudo(v6, 6, len))) % 65535,
			segments_pseudo(v6, 6, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_1071_example),
		cmocka_unit_test(sums_any_length_at_any_alignment_as_the_oracle_does),
		cmocka_unit_test(no_carry_is_lost_in_a_large_sum),
		cmocka_unit_test(pseudo_headers_are_those_of_the_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
