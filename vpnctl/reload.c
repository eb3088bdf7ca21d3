/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `reload`: each daemon reads its config again, or says why it keeps the old one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "vpnctl/ask.h"
#include "vpnctl/foreign.h"
#include "vpnctl/invocation.h"

#define RELOAD_TIMEOUT_MS 30000 /* a daemon may have names to resolve and rules to load */
#define NEWLINE "\\x0a"         /* as it is escaped in what a daemon says */

/* Part the lines of an escaped text, which may have been escaped twice, by newlines again. */
static void part_lines(char *text)
{
	char *to = text;

	for (char *end; (end = strstr(text, NEWLINE)); text = end + strlen(NEWLINE)) {
		size_t len = (size_t)(end - text);

		while (len && text[len - 1] == '\\')
			len--;
		memmove(to, text, len);
		to += len;
		*to++ = '\n';
	}
	memmove(to, text, strlen(text) + 1);
}

/* Print each line behind the daemon's name. */
static void print_lines(const char *name, const char *text)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		fprintf(stderr, "%s: %.*s\n", name, (int)(end - text), text);
	}
}

/* The daemon took it, or not: on stdout or stderr, and as an exit status. */
static enum exit_code tell(const char *name, int r, const char *hash, const char *err)
{
	_cleanup_free_ char *safe = foreign_text(hash, FOREIGN_WORD);

	if (r == 0) {
		printf("%s: loaded, config %s\n", name, safe ? safe : "-");
		return EXIT_WELL;
	}
	print_lines(name, err);
	if (r != -EREMOTEIO)
		return EXIT_UNREACHED;
	fprintf(stderr, "%s: nothing was changed\n", name);
	return EXIT_FAILED;
}

static enum exit_code reload(
	const struct invocation *inv, enum report_daemon daemon, json_t *results)
{
	const char *name = report_daemon_names[daemon];
	_cleanup_json_ json_t *data = NULL;
	char err[ASK_ERROR_LEN] = "";

	int r = ask_daemon(
		inv->run_dir, daemon, "reload", RELOAD_TIMEOUT_MS, &data, err, sizeof(err));
	part_lines(err);
	const char *hash = json_string_value(json_object_get(data, "config_hash"));
	json_object_set_new(results, name,
		json_pack("{s:b, s:s?, s:s?}", "ok", r == 0, "config_hash", hash, "error",
			r < 0 ? err : NULL));
	if (!inv->json)
		return tell(name, r, hash, err);
	return r == 0 ? EXIT_WELL : r == -EREMOTEIO ? EXIT_FAILED : EXIT_UNREACHED;
}

int reload_run(const struct invocation *inv)
{
	const char *only = inv->arguments[0];
	_cleanup_json_ json_t *results = json_pack("{s:i}", "schema", CONTROL_SCHEMA);
	enum exit_code worst = EXIT_WELL;
	bool asked = false;

	for (int d = 0; d < REPORT_DAEMONS; d++) {
		if (only && strcmp(only, report_daemon_names[d]) != 0)
			continue;
		enum exit_code code = reload(inv, d, results);
		worst = code > worst ? code : worst;
		asked = true;
	}
	if (!asked) {
		fputs("vpnctl: reload takes vpnd or natd, or neither for both\n", stderr);
		return EXIT_USAGE;
	}
	if (inv->json && json_dumpf(results, stdout, JSON_INDENT(2)) == 0)
		putchar('\n');
	return worst;
}
