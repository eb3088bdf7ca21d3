/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether anything of a key that should be gone is left in the memory of this process. */
#ifndef TESTS_ORACLE_LEFTOVERS_H
#define TESTS_ORACLE_LEFTOVERS_H

#include <stddef.h>
#include <stdint.h>

enum { LEFTOVERS_KEY = 32 };

/* A key as its complement, so that to look for it does not make more of it. */
struct leftovers {
	uint64_t complement[LEFTOVERS_KEY / sizeof(uint64_t)];
};

void leftovers_note(struct leftovers *wanted, const uint8_t key[static LEFTOVERS_KEY]);

/*
 * In how many places eight bytes of the key lie, of those at its multiples of eight, in all that
 * can be written to but for a sanitizer's shadow of many gigabytes. Freed memory is looked into as
 * well. Aborts when it may not look.
 */
size_t leftovers_count(const struct leftovers *wanted);

#endif
