/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's settings of connection tracking that a NAT wants otherwise than the kernel has them.
 * They are for the whole network namespace, the size of the table even for the whole machine, so
 * they are changed only if the config says so, and else but named.
 */
#ifndef NATD_TUNE_H
#define NATD_TUNE_H

#include <stddef.h>
#include <stdint.h>

#define TUNE_SETTINGS 7

/* One that is not as it should be. */
struct tune_setting {
	const char *name; /* as sysctl(8) writes it */
	uint64_t is, wanted;
};

/* What each setting is; UINT64_MAX for one that this kernel has not. In the order of the table. */
struct tune_values {
	uint64_t is[TUNE_SETTINGS];
};

/*
 * Which of the values should be others on a machine with so many bytes of memory, into `out`.
 * Returns how many. The table of flows may take an eighth of the memory, at 512 bytes a flow, its
 * hash table one slot a flow; neither is ever made smaller. ICMP queries live for a minute (RFC
 * 5508 REQ-1). TCP flows that were forgotten may be taken up again, which is for the rules to
 * judge. Helpers are given to no flow. What a flow carries is counted. Pure.
 */
size_t tune_plan(const struct tune_values *values, uint64_t memory_bytes,
	struct tune_setting out[static TUNE_SETTINGS]);

/* Read all values of this network namespace. */
void tune_read(struct tune_values *out);

/* Bytes of memory that this machine has. */
uint64_t tune_memory(void);

/* Set one. Returns 0 or a negative errno: the size of the table is not for a namespace to set. */
int tune_set(const struct tune_setting *setting);

#endif
