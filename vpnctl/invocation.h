/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, parsed. */
#ifndef VPNCTL_INVOCATION_H
#define VPNCTL_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "vpnctl/command.h"

#define INVOCATION_ERROR_LEN 256
#define INVOCATION_TIMEOUT_S 30        /* unless --timeout says otherwise */
#define INVOCATION_TIMEOUT_MAX_S 86400 /* a day */

/* What `flows` is given; NULL if it is not. */
struct invocation_flows {
	const char *from, *to, *proto, *port, *state, *nat, *limit, *top;
	bool kill;
};

/* The strings are those of argv. */
struct invocation {
	const struct command *command; /* NULL only with help or version */
	const char *run_dir;
	const char *wait_for; /* --for; NULL if not given, as the next three */
	const char *name, *output, *keys;
	struct invocation_flows flows;
	int timeout_s;
	bool json, watch, follow, help, version;
	char *const *arguments; /* NULL at the end */
	int n_arguments;
};

/*
 * Parse argv, which is reordered: flags may stand anywhere, before or after the command's words.
 * Returns 0, or -EINVAL with a sentence in err, safe to show.
 */
int invocation_parse(
	int argc, char **argv, struct invocation *out, char err[static INVOCATION_ERROR_LEN]);

#endif
