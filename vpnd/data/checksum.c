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

typedef uint64_t vector __attribute__((vector_size(16)));

enum { VECTORS = 4, BLOCK = VECTORS * sizeof(vector) };

/* Pieces are read once, also those that are copied. `copy` is a constant to each of its callers. */
static inline __attribute__((always_inline)) void load(
	void *piece, uint8_t *to, const uint8_t *from, size_t at, size_t len, bool copy)
{
	memcpy(piece, from + at, len);
	if (copy)
		memcpy(to + at, piece, len);
}

/* Blocks as long as there are whole ones. */
static inline __attribute__((always_inline)) uint64_t add_blocks(
	uint64_t sum, uint8_t *to, const uint8_t *from, size_t len, bool copy)
{
	vector all[VECTORS] = {0}, high[VECTORS] = {0}, v;

	for (size_t at = 0; len - at >= BLOCK; at += BLOCK) {
#pragma GCC unroll 4
		for (int i = 0; i < VECTORS; i++) {
			load(&v, to, from, at + (size_t)i * sizeof(v), sizeof(v), copy);
			all[i] += v;
			high[i] += v >> 32;
		}
	}
#pragma GCC unroll 4
	for (int i = 1; i < VECTORS; i++) {
		all[0] += all[i];
		high[0] += high[i];
	}
	v = all[0] - (high[0] << 32) + high[0];
	return sum + v[0] + v[1];
}

static inline __attribute__((always_inline)) uint64_t add_all(
	uint64_t sum, uint8_t *to, const uint8_t *from, size_t len, bool copy)
{
	size_t at = len - len % BLOCK;
	uint64_t eight;
	uint32_t four;
	uint16_t two;

	if (at)
		sum = add_blocks(sum, to, from, len, copy);
	for (; len - at >= sizeof(eight); at += sizeof(eight)) {
		load(&eight, to, from, at, sizeof(eight), copy);
		sum += (eight >> 32) + (uint32_t)eight;
	}
	if (len - at >= sizeof(four)) {
		load(&four, to, from, at, sizeof(four), copy);
		sum += four;
		at += sizeof(four);
	}
	for (; at < len; at += sizeof(two)) {
		two = 0;
		load(&two, to, from, at, len - at >= sizeof(two) ? sizeof(two) : 1, copy);
		sum += two;
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
