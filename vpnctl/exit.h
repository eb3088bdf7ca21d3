/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpnctl says with its exit status. Scripts rely on the numbers. */
#ifndef VPNCTL_EXIT_H
#define VPNCTL_EXIT_H

enum exit_code {
	EXIT_WELL = 0,      /* done; for reports: all is well */
	EXIT_FAILED = 1,    /* not done; for reports: degraded */
	EXIT_LOST = 2,      /* reports: a configured prefix, or NAT, is lost */
	EXIT_UNREACHED = 3, /* a daemon cannot be reached */
	EXIT_USAGE = 64,    /* EX_USAGE of sysexits.h: the command line is wrong; 2 was taken */
	EXIT_OUTPUT = 74,   /* EX_IOERR: what was to be said could not be written */
};

#endif
