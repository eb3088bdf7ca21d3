/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard in the kernel: the table of ruleset_guard.c. Nobody but the natd that runs may change
 * it, so it also tells a natd with another /run, which does not see the lock of base/instance.h,
 * that this network namespace is taken. Where the kernel can (Linux 6.9) it
 * outlives natd, and is anybody's then; before, it goes with natd.
 */
#ifndef NATD_NAT_GUARD_H
#define NATD_NAT_GUARD_H

#include <stddef.h>

struct nat_guard;
struct natd_conf;

/* Nothing is done to the kernel yet. Returns 0 or a negative errno. */
int nat_guard_new(struct nat_guard **out);

/* Let go of the table. */
void nat_guard_free(struct nat_guard *guard);

/* Put the guard of a config in the place of the one before. Returns 0 or a negative errno with why.
 */
int nat_guard_install(
	struct nat_guard *guard, const struct natd_conf *conf, char *why, size_t whylen);

/* Remove it, if it is there and no other process's. */
void nat_guard_remove(struct nat_guard *guard);

#endif
