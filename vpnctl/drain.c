/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `nat drain` and `nat undrain`: whether flows may begin by the uplinks. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "vpnctl/ask.h"
#include "vpnctl/invocation.h"

static int drain(const struct invocation *inv, const char *cmd, const char *done)
{
	_cleanup_json_ json_t *data = NULL;
	char err[ASK_ERROR_LEN] = "";
	int r = ask_daemon(inv->run_dir, REPORT_NATD, cmd, INVOCATION_TIMEOUT_S * 1000, &data, err,
		sizeof(err));

	if (r < 0) {
		fprintf(stderr, "natd: %s\n", err);
		return r == -EREMOTEIO ? EXIT_FAILED : EXIT_UNREACHED;
	}
	puts(done);
	return EXIT_WELL;
}

int drain_begin(const struct invocation *inv)
{
	return drain(inv, "drain", "draining: flows go on, but none begin");
}

int drain_end(const struct invocation *inv)
{
	return drain(inv, "undrain", "flows may begin again");
}
