/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers for tests, the same ones for the same seed: SplitMix64. */
#ifndef TESTS_UNIT_PROTO_DICE_H
#define TESTS_UNIT_PROTO_DICE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct dice {
	uint64_t state;
};

/* A seed of today, or the one in the environment (TEST_SEED) to repeat a run; printed. */
static inline struct dice dice_new(void)
{
	const char *given = getenv("TEST_SEED");
	struct dice dice = {given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL)};

	printf("TEST_SEED=%llu\n", (unsigned long long)dice.state);
	return dice;
}

static inline uint64_t dice_roll(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* 0 to sides - 1 */
static inline unsigned int dice_below(struct dice *dice, unsigned int sides)
{
	return dice_roll(dice) % sides;
}

#endif
