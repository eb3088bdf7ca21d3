/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "vpnctl/ask.h"

/* Say why there was no reply, and what to look at; what control_call wrote is kept for the rest. */
static void explain(int r, const char *name, const char *path, char *err, size_t errlen)
{
	switch (-r) {
	case ENOENT:
	case ECONNREFUSED:
		snprintf(err, errlen, "no one listens on %s (is %s running? systemctl status %s)",
			path, name, name);
		return;
	case EACCES:
	case EPERM:
		snprintf(err, errlen, "no permission to use %s (try as root)", path);
		return;
	case ETIMEDOUT:
		snprintf(err, errlen, "no answer on %s (does %s hang? journalctl -u %s)", path,
			name, name);
		return;
	default:
		return;
	}
}

static char *socket_of(const char *run_dir, enum report_daemon daemon, char *err, size_t errlen)
{
	char *path;

	if (asprintf(&path, "%s/%s.sock", run_dir, report_daemon_names[daemon]) >= 0)
		return path;
	snprintf(err, errlen, "out of memory");
	return NULL;
}

int ask_daemon(const char *run_dir, enum report_daemon daemon, const char *cmd, int timeout_ms,
	json_t **data, char *err, size_t errlen)
{
	_cleanup_json_ json_t *request = json_pack("{s:s}", "cmd", cmd);
	_cleanup_free_ char *path = socket_of(run_dir, daemon, err, errlen);

	if (!request || !path)
		return -ENOMEM;
	int r = control_call(path, request, timeout_ms, data, err, errlen);
	if (r < 0)
		explain(r, report_daemon_names[daemon], path, err, errlen);
	return r;
}

int ask_lines(const char *run_dir, enum report_daemon daemon, json_t *request, int timeout_ms,
	int (*take)(json_t *data, bool last, void *arg), void *arg, char *err, size_t errlen)
{
	_cleanup_free_ char *path = socket_of(run_dir, daemon, err, errlen);

	if (!path)
		return -ENOMEM;
	int r = control_call_lines(path, request, timeout_ms, take, arg, err, errlen);
	if (r < 0 && *err)
		explain(r, report_daemon_names[daemon], path, err, errlen);
	return r;
}

int ask_status(const char *run_dir, unsigned int parts, int timeout_ms, struct report *report)
{
	char err[ASK_ERROR_LEN];
	int r = 0;

	report_init(report);
	for (int d = 0; r == 0 && d < REPORT_DAEMONS; d++) {
		json_t *data = NULL;

		if (!report_concerns(d, parts))
			continue;
		if (ask_daemon(run_dir, d, "status", timeout_ms, &data, err, sizeof(err)) < 0)
			r = report_unreached(report, d, err);
		else
			r = report_answered(report, d, data);
	}
	return r;
}

enum exit_code ask_exit(int r, const char *err)
{
	if (r == 0)
		return EXIT_WELL;
	fprintf(stderr, "vpnctl: %s\n", *err ? err : strerror(-r));
	if (r == -EREMOTEIO)
		return EXIT_FAILED;
	return r == -ENOMEM || r == -EPIPE ? EXIT_OUTPUT : EXIT_UNREACHED;
}
