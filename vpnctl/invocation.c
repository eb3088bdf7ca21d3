/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/args.h"
#include "base/log.h"
#include "base/nearest.h"
#include "vpnctl/invocation.h"

#define SHOWN 48     /* bytes of a wrong word, escaped, that are shown */
#define WORDS_LEN 64 /* bytes of a command's words */

_Static_assert(COMMAND_OPTIONS_MAX <= 32, "a bit for each");

__attribute__((format(printf, 2, 3))) static int wrong(char *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, INVOCATION_ERROR_LEN, format, ap);
	va_end(ap);
	return -EINVAL;
}

static int unknown(char *err, const char *kind, const char *word, const char *nearest)
{
	char safe[SHOWN];

	log_escape(word, strlen(word), safe, sizeof(safe));
	if (!nearest)
		return wrong(err, "unknown %s \"%s\"", kind, safe);
	return wrong(err, "unknown %s \"%s\", did you mean \"%s\"?", kind, safe, nearest);
}

/* --- flags --------------------------------------------------------------------------------------
 */

static int unknown_flag(char *err, const char *flag)
{
	char typed[SHOWN], meant[SHOWN];
	struct nearest nearest;

	snprintf(typed, sizeof(typed), "%s", flag + strspn(flag, "-"));
	typed[strcspn(typed, "=")] = '\0';
	nearest = nearest_to(typed);
	for (size_t i = 0; i < command_n_options; i++)
		nearest_offer(&nearest, command_options[i].name);
	if (nearest.best)
		snprintf(meant, sizeof(meant), "--%s", nearest.best);
	return unknown(err, "flag", flag, nearest.best ? meant : NULL);
}

static int parse_timeout(const char *text, int *seconds, char *err)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value > INVOCATION_TIMEOUT_MAX_S)
		return wrong(err, "--timeout takes seconds, 0 to %d", INVOCATION_TIMEOUT_MAX_S);
	*seconds = (int)value;
	return 0;
}

/* Where the flags go that are kept as they are. */
#define TEXT(name, field)                                   \
	{                                                   \
		(name), offsetof(struct invocation, field), \
	}
static const struct {
	const char *name;
	size_t offset; /* of a const char * */
} texts[] = {
	TEXT("for", wait_for),
	TEXT("run-dir", run_dir),
	TEXT("name", name),
	TEXT("output", output),
	TEXT("keys", keys),
	TEXT("from", flows.from),
	TEXT("to", flows.to),
	TEXT("proto", flows.proto),
	TEXT("port", flows.port),
	TEXT("state", flows.state),
	TEXT("nat", flows.nat),
	TEXT("limit", flows.limit),
	TEXT("top", flows.top),
};

static bool take_text(struct invocation *inv, const char *name, const char *argument)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(texts[i].name, name)) {
			*(const char **)((char *)inv + texts[i].offset) = argument;
			return true;
		}
	return false;
}

static int take_flag(struct invocation *inv, const char *name, const char *argument, char *err)
{
	if (take_text(inv, name, argument))
		return 0;
	if (!strcmp(name, "json"))
		inv->json = true;
	else if (!strcmp(name, "watch"))
		inv->watch = true;
	else if (!strcmp(name, "follow"))
		inv->follow = true;
	else if (!strcmp(name, "help"))
		inv->help = true;
	else if (!strcmp(name, "version"))
		inv->version = true;
	else if (!strcmp(name, "kill"))
		inv->flows.kill = true;
	else
		return parse_timeout(argument, &inv->timeout_s, err);
	return 0;
}

/* Of a letter among others, as in "-hx", getopt tells which it is, but not where. */
static int unknown_option(char *err, char *const *argv)
{
	const char letter[] = {'-', (char)optopt, '\0'};

	return unknown_flag(err, optopt ? letter : argv[optind - 1]);
}

/*
 * Take all flags. *given gets a bit for each, by its row, and what is left of argv starts at
 * optind.
 */
static int take_flags(int argc, char **argv, struct invocation *inv, uint32_t *given, char *err)
{
	struct option options[COMMAND_OPTIONS_MAX + 1] = {0};
	int index = 0, r = 0, c;

	for (size_t i = 0; i < command_n_options; i++) {
		options[i].name = command_options[i].name;
		options[i].has_arg = command_options[i].argument ? required_argument : no_argument;
	}
	optind = 0; /* start anew, whoever used getopt before */
	opterr = 0;
	while (r == 0 && (c = getopt_long(argc, argv, ":h", options, &index)) != -1) {
		if (c == 'h')
			inv->help = true;
		else if (c == ':')
			r = wrong(err, "%s needs an argument", argv[optind - 1]);
		else if (c != 0)
			r = unknown_option(err, argv);
		else {
			*given |= UINT32_C(1) << index;
			r = take_flag(inv, command_options[index].name, optarg, err);
		}
	}
	return r;
}

/* --- the command --------------------------------------------------------------------------------
 */

/* How many words at the start of argv are this command's; 0 if it is another. */
static int match(const struct command *command, char *const *argv)
{
	const char *space = strchr(command->words, ' ');
	size_t first = space ? (size_t)(space - command->words) : strlen(command->words);

	if (!argv[0] || strlen(argv[0]) != first || strncmp(argv[0], command->words, first) != 0)
		return 0;
	if (!space)
		return 1;
	return argv[1] && !strcmp(argv[1], space + 1) ? 2 : 0;
}

static const char *nearest_command(const char *typed)
{
	struct nearest nearest = nearest_to(typed);

	for (size_t i = 0; i < command_n_rows; i++)
		nearest_offer(&nearest, command_rows[i].words);
	return nearest.best;
}

static int unknown_command(char *const *argv, char *err)
{
	const char *meant = nearest_command(argv[0]);
	char typed[WORDS_LEN];

	if (!meant && argv[1]) {
		snprintf(typed, sizeof(typed), "%s %s", argv[0], argv[1]);
		meant = nearest_command(typed);
	}
	return unknown(err, "command", argv[0], meant);
}

static int take_command(char *const *argv, struct invocation *inv, char *err)
{
	for (size_t i = 0; i < command_n_rows; i++) {
		int words = match(&command_rows[i], argv);
		if (!words)
			continue;
		inv->command = &command_rows[i];
		inv->arguments = argv + words;
		while (inv->arguments[inv->n_arguments])
			inv->n_arguments++;
		return 0;
	}
	return unknown_command(argv, err);
}

/* What follows may be the second word of another command, with a slip. */
static int too_many(const struct invocation *inv, char *err)
{
	const struct command *command = inv->command;
	char typed[WORDS_LEN];
	const char *meant;

	snprintf(typed, sizeof(typed), "%s %s", command->words, inv->arguments[0]);
	meant = nearest_command(typed);
	if (command->max == 0 && meant && strchr(meant, ' ') && strcmp(meant, command->words) != 0)
		return unknown(err, "command", typed, meant);
	return wrong(err, "%s takes %s%s", command->words, command->max ? "only " : "no arguments",
		command->arguments);
}

static int check_fit(const struct invocation *inv, uint32_t given, char *err)
{
	const struct command *command = inv->command;

	for (size_t i = 0; i < command_n_options; i++) {
		if (given >> i & 1 && command_options[i].flag & ~command->flags)
			return wrong(
				err, "%s takes no --%s", command->words, command_options[i].name);
	}
	if (inv->n_arguments < command->min)
		return wrong(err, "%s needs %s", command->words, command->arguments);
	if (inv->n_arguments > command->max)
		return too_many(inv, err);
	return 0;
}

int invocation_parse(
	int argc, char **argv, struct invocation *out, char err[static INVOCATION_ERROR_LEN])
{
	struct invocation inv = {.run_dir = ARGS_RUN_DIR, .timeout_s = INVOCATION_TIMEOUT_S};
	uint32_t given = 0;
	int r = take_flags(argc, argv, &inv, &given, err);

	if (r == 0 && optind < argc)
		r = take_command(argv + optind, &inv, err);
	else if (r == 0 && !inv.help && !inv.version)
		r = wrong(err, "which command?");
	if (r == 0 && inv.command && !inv.help && !inv.version)
		r = check_fit(&inv, given, err);
	if (r == 0)
		*out = inv;
	return r;
}
