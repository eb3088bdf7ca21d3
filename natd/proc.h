/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's settings and counts below /proc/sys/net, of the current network namespace. */
#ifndef NATD_PROC_H
#define NATD_PROC_H

#include <stdbool.h>
#include <stdint.h>

struct proc {
	bool forwarding_v4, forwarding_v6;
	uint64_t flows, flows_max; /* of conntrack; both 0 while it is not loaded */
};

/* Read them all. What cannot be read is false or 0. */
void proc_read(struct proc *out);

/* True if conntrack counts packets and bytes of each flow. */
bool proc_accounting(void);

/* Bytes of one entry in the kernel's table of flows, without its extensions; 0 if not to be read.
 */
uint32_t proc_flow_bytes(void);

#endif
