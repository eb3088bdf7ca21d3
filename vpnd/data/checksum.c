/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks of four vectors of 16 bytes, which every machine of 64 bits has. Each vector is two 64-bit
 * numbers; `all` adds them up and may wrap, `high` adds up their upper halves and cannot. Since
 *
 *	sum of lower halves = all - (high << 32)  modulo 2^64
 *
 * and that sum fits, nothing is lost, at two additions and a shift for 16 bytes. Wider vectors
 *where a machine has them win some 8 ns in 1420 bytes, too little for code chosen at run time.
 */
#include "vpnd/data/checksum.h"

#include <stdbool.h>
#include <string.h>

#include "vpnd/data/headers.h"

enum { VECTORS = 4 }; /* in a block */

typedef uint64_t vector __attribute__((vector_size(16)));

/* Lets a piece that is copied be read once. */
static inline __attribute__((always_inline)) void load(
	void *piece, const uint8_t *from, uint8_t *to, bool copy, size_t len)
{
	memcpy(piece, from, len);
	if (copy)
		memcpy(to, piece, len);
}

static inline __attribute__((always_inline)) uint64_t add_blocks(
	uint64_t sum, uint8_t *to, const uint8_t *from, size_t blocks, bool copy)
{
	vector all[VECTORS] = {0}, high[VECTORS] = {0}, v;

	while (blocks--) {
#pragma GCC unroll 4
		for (int i = 0; i < VECTORS; i++) {
			load(&v, from, to, copy, sizeof(v));
			all[i] += v;
			high[i] += v >> 32;
			from += sizeof(v);
			to += copy ? sizeof(v) : 0;
		}
	}
#pragma GCC unroll 4
	for (int i = 0; i < VECTORS; i++)
		for (int half = 0; half < 2; half++)
			sum += all[i][half] - (high[i][half] << 32) + high[i][half];
	return sum;
}

static inline __attribute__((always_inline)) uint64_t add_all(
	uint64_t sum, uint8_t *to, const uint8_t *from, size_t len, bool copy)
{
	const size_t block = VECTORS * sizeof(vector), in_blocks = len - len % block;
	uint64_t eight;
	uint32_t four;
	uint16_t two;

	if (in_blocks)
		sum = add_blocks(sum, to, from, in_blocks / block, copy);
	for (size_t at = in_blocks; at < len;) {
		const uint8_t *piece = from + at;
		uint8_t *place = copy ? to + at : NULL;
		size_t left = len - at;

		if (left >= sizeof(eight)) {
			load(&eight, piece, place, copy, sizeof(eight));
			sum += (eight >> 32) + (uint32_t)eight;
			at += sizeof(eight);
		} else if (left >= sizeof(four)) {
			load(&four, piece, place, copy, sizeof(four));
			sum += four;
			at += sizeof(four);
		} else {
			two = 0;
			load(&two, piece, place, copy, left >= sizeof(two) ? sizeof(two) : 1);
			sum += two;
			at += sizeof(two);
		}
	}
	return sum;
}

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len)
{
	return add_all(sum, NULL, bytes, len, false);
}

uint64_t checksum_copy(uint64_t sum, void *to, const void *from, size_t len)
{
	return add_all(sum, to, from, len, true);
}

uint64_t checksum_add16(uint64_t sum, uint16_t number)
{
	return sum + htobe16(number);
}

uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
	uint64_t sum = ip[0] >> 4 == 4 ? checksum_add(0, ip + V4_SOURCE, 2 * 4)
				       : checksum_add(0, ip + V6_SOURCE, 2 * 16);

	return checksum_add16(checksum_add16(sum, protocol), (uint16_t)len);
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)sum;
}

uint16_t checksum_finish(uint64_t sum)
{
	return (uint16_t)~checksum_fold(sum);
}
