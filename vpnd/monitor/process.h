/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process that the monitor forked does first, 0 or a negative errno; and what it may use. */
#ifndef VPND_MONITOR_PROCESS_H
#define VPND_MONITOR_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/* Of monitor and engine, so that packets do not wait behind ordinary work. */
#define PROCESS_NICE (-10)

/* Give signals back their default effect: the monitor blocks those that its event loop reads. */
int process_reset_signals(void);

/* Read and write /dev/null, so that nobody who waits for the end of a pipe waits for us. */
int process_silence_stdio(void);

/*
 * Be killed when the monitor dies, whose process id this is. To be called after the last change of
 * identity, which would undo it. -ESRCH: it is dead already.
 */
int process_die_with(pid_t monitor);

/* How many cores we may run on, which may be fewer than there are; at least 1. */
size_t process_cores(void);

#endif
