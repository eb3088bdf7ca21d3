/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Becoming a daemon that one can wait for: the command returns when the daemon is ready, with its
 * errors on the caller's stderr and its failure as exit status.
 */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include "base/mono.h"

/*
 * Fork into the background. Call it before anything that does not survive a fork (sd_event,
 * threads, locks). Returns
 *   0 in the child, in a session of its own, with *ready the descriptor for daemon_ready;
 *   1 in the parent, after the child called daemon_ready or ended: main returns *exit_status, which
 *     is 0, or what the child exited with (1 if a signal ended it, or if it ended with 0 unready);
 *   a negative errno if there was no fork.
 */
int daemon_detach(int *ready, int *exit_status);

/*
 * Say that the service works: tells the service manager (sd_notify READY=1, if it asked for that)
 * and, if `ready` is not -1, points stdin, stdout and stderr to /dev/null and lets the waiting
 * parent exit with 0; `ready` is closed. With -1 (in the foreground) stdio is left alone. Returns 0
 * or a negative errno.
 */
int daemon_ready(int ready);

/*
 * Take the lock file that keeps a second instance away (made 0600, links not followed) and write
 * our process id into it. The lock lasts as long as *fd is open in any process, so it survives a
 * fork. Returns 0, -EWOULDBLOCK when an instance runs, or a negative errno.
 */
int daemon_lock(const char *path, int *fd);

/*
 * Block every signal but those that tell of a fault, ask for a core, or stop the process for a
 * while. What the event loop does not serve is then without effect: a signal that means nothing to
 * us ends nothing, nor does a write to a reader that has gone, or past the limit of a file. To be
 * called before there is a second thread; a program that is executed inherits it. Returns 0 or a
 * negative errno.
 */
int daemon_block_signals(void);

/*
 * Tell the service manager that a change of config begins, or that it is over, taken or not; with a
 * line for the operator. Nothing happens where there is none.
 */
void daemon_reloading(mono_t now, const char *status);
void daemon_reloaded(const char *status);

#endif
