/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether this machine has time to spare. Packets are forwarded on the core that they came to, so
 * one core without any is enough to lose some, whatever the others do.
 */
#ifndef NATD_CORES_H
#define NATD_CORES_H

#include "base/mono.h"

struct cores;

/*
 * `path` is that of the kernel's counts, proc_stat(5), which must stay as long as the cores.
 * Returns 0 or -ENOMEM. What cannot be read later has time to spare.
 */
int cores_new(const char *path, struct cores **out);
void cores_free(struct cores *cores);

/*
 * Look, and return whether some core was idle for less than a twentieth of the time since the look
 * before. False if that was not 0.2 to 10 s ago: then there is nothing to hold it against.
 */
bool cores_are_short(struct cores *cores, mono_t now);

#endif
