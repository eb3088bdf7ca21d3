/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the daemons. */
#ifndef VPNCTL_ASK_H
#define VPNCTL_ASK_H

#include "vpnctl/exit.h"
#include "vpnctl/report.h"

#define ASK_TIMEOUT_MS 3000 /* how long a daemon may take for status */
#define ASK_ERROR_LEN 16384 /* bytes: a config may have many errors */

/*
 * Send {"cmd":cmd} to a daemon's socket in run_dir. Returns 0 with *data a new reference, or a
 * negative errno with a sentence in err, safe to show, which names the socket and what to do;
 * -EREMOTEIO with the daemon's own words when it refused.
 */
int ask_daemon(const char *run_dir, enum report_daemon daemon, const char *cmd, int timeout_ms,
	json_t **data, char *err, size_t errlen);

/*
 * The same for a command that answers by many lines: send `request` (borrowed), have `take` called
 * for each (base/control.h), each within timeout_ms.
 */
int ask_lines(const char *run_dir, enum report_daemon daemon, json_t *request, int timeout_ms,
	int (*take)(json_t *data, bool last, void *arg), void *arg, char *err, size_t errlen);

/* What to exit with after ask_lines returned `r`; says on standard error why it failed. */
enum exit_code ask_exit(int r, const char *err);

/*
 * Ask every daemon that speaks of these parts for its status, each within timeout_ms. *report is
 * initialised here and the caller's to end, whatever is returned: 0, also when none could be
 * reached, or -ENOMEM.
 */
int ask_status(const char *run_dir, unsigned int parts, int timeout_ms, struct report *report);

#endif
