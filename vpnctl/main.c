/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpnctl: says what is so on this gateway, and why. Commands are the rows of vpnctl/command.c. */
#include <stdio.h>

#include "base/log.h"
#include "vpnctl/exit.h"
#include "vpnctl/help.h"
#include "vpnctl/invocation.h"

static int run(const struct invocation *inv)
{
	if (inv->version)
		puts("vpnctl " GATEHOUSE_VERSION);
	else if (inv->help)
		help_print(stdout, inv->command);
	else
		return inv->command->run(inv);
	return EXIT_WELL;
}

int main(int argc, char **argv)
{
	char err[INVOCATION_ERROR_LEN];
	struct invocation inv;

	log_init("vpnctl", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	if (invocation_parse(argc, argv, &inv, err) < 0) {
		fprintf(stderr, "vpnctl: %s (vpnctl --help)\n", err);
		return EXIT_USAGE;
	}
	int code = run(&inv);
	/* A report that nobody got must not pass for one that said all is well. */
	if (fflush(stdout) || ferror(stdout)) {
		perror("vpnctl: cannot write");
		return EXIT_OUTPUT;
	}
	return code;
}
