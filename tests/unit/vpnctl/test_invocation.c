/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "vpnctl/help.h"
#include "vpnctl/invocation.h"

#define WORDS_MAX 16

static struct invocation inv;
static char err[INVOCATION_ERROR_LEN];
static char line[256];
static char *argv[WORDS_MAX + 1];

/* Parse a line of words that single spaces part. */
static int parse(const char *words)
{
	int argc = 0;

	memset(argv, 0, sizeof(argv));
	snprintf(line, sizeof(line), "vpnctl %s", words);
	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return invocation_parse(argc, argv, &inv, err);
}

#define assert_refused(words, reason)                    \
	do {                                             \
		assert_int_equal(parse(words), -EINVAL); \
		assert_string_equal(err, reason);        \
	} while (0)

static void flags_may_stand_before_and_after_the_command(void **state)
{
	static const char *const lines[] = {"status --json --run-dir /tmp/x",
		"--json --run-dir=/tmp/x status", "--run-dir /tmp/x status --json"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), 0);
		assert_string_equal(inv.command->words, "status");
		assert_string_equal(inv.run_dir, "/tmp/x");
		assert_true(inv.json);
		assert_false(inv.watch);
	}
}

static void what_is_not_said_has_its_default(void **state)
{
	(void)state;
	assert_int_equal(parse("wait --for nat"), 0);
	assert_string_equal(inv.run_dir, "/run/gatehouse");
	assert_string_equal(inv.wait_for, "nat");
	assert_int_equal(inv.timeout_s, 30);
}

static void a_command_may_have_two_words_and_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("key ensure --json a.key"), 0);
	assert_string_equal(inv.command->words, "key ensure");
	assert_int_equal(inv.n_arguments, 1);
	assert_string_equal(inv.arguments[0], "a.key");
	assert_int_equal(parse("reload"), 0);
	assert_int_equal(inv.n_arguments, 0);
}

static void help_is_given_even_where_arguments_lack(void **state)
{
	(void)state;
	assert_int_equal(parse("key ensure --help"), 0);
	assert_true(inv.help);
	assert_int_equal(parse("-h"), 0);
	assert_true(inv.help && !inv.command);
	assert_int_equal(parse("--version"), 0);
	assert_true(inv.version);
}

static void wrong_lines_are_refused_with_what_was_meant(void **state)
{
	(void)state;
	assert_refused("", "which command?");
	assert_refused("stauts", "unknown command \"stauts\", did you mean \"status\"?");
	assert_refused("tun", "unknown command \"tun\", did you mean \"tunnels\"?");
	assert_refused("key", "unknown command \"key\", did you mean \"key ensure\"?");
	assert_refused("key ensrue f", "unknown command \"key\", did you mean \"key ensure\"?");
	assert_refused("frobnicate", "unknown command \"frobnicate\"");
	assert_refused("\033[2J", "unknown command \"\\x1b[2J\"");
	assert_refused("status --jsn", "unknown flag \"--jsn\", did you mean \"--json\"?");
	assert_refused("status -x", "unknown flag \"-x\"");
	assert_refused("status -hx", "unknown flag \"-x\"");
	assert_refused("status --json=1", "unknown flag \"--json=1\", did you mean \"--json\"?");
	assert_refused("wait --for", "--for needs an argument");
	assert_refused("genkey --json", "genkey takes no --json");
	assert_refused("status --timeout 3", "status takes no --timeout");
	assert_refused("status --kill", "status takes no --kill");
	assert_refused("wait --for nat --limit 3", "wait takes no --limit");
	assert_refused("status now", "status takes no arguments");
	assert_refused(
		"nat undrian", "unknown command \"nat undrian\", did you mean \"nat undrain\"?");
	assert_refused("nat now", "nat takes no arguments");
	assert_refused("key ensure", "key ensure needs FILE");
	assert_refused("key ensure a b", "key ensure takes only FILE");
	assert_refused("wait --timeout 1s", "--timeout takes seconds, 0 to 86400");
	assert_refused("wait --timeout -1", "--timeout takes seconds, 0 to 86400");
	assert_refused(
		"wait --timeout 99999999999999999999", "--timeout takes seconds, 0 to 86400");
}

static void a_refused_line_leaves_the_output_alone(void **state)
{
	(void)state;
	assert_int_equal(parse("status --json"), 0);
	assert_int_equal(parse("nat --run-dir /x --bogus"), -EINVAL);
	assert_string_equal(inv.command->words, "status");
	assert_true(inv.json);
}

static void every_row_can_be_called_and_is_in_the_help(void **state)
{
	_cleanup_free_ char *help = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&help, &size);

	(void)state;
	help_print(f, NULL);
	fclose(f);
	for (size_t i = 0; i < command_n_rows; i++) {
		const struct command *row = &command_rows[i];
		char words[128];

		snprintf(words, sizeof(words), "%s%s", row->words, row->min ? " x" : "");
		assert_int_equal(parse(words), 0);
		assert_ptr_equal(inv.command, row);
		assert_non_null(row->run);
		assert_non_null(strstr(help, row->words));
		assert_non_null(strstr(help, row->help));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_may_stand_before_and_after_the_command),
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(a_command_may_have_two_words_and_arguments),
		cmocka_unit_test(help_is_given_even_where_arguments_lack),
		cmocka_unit_test(wrong_lines_are_refused_with_what_was_meant),
		cmocka_unit_test(a_refused_line_leaves_the_output_alone),
		cmocka_unit_test(every_row_can_be_called_and_is_in_the_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
