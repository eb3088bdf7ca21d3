/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "vpnctl/exit.h"
#include "vpnctl/help.h"
#include "vpnctl/invocation.h"

static void print_option(FILE *f, const struct command_option *option)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument ? " " : "",
		option->argument ? option->argument : "");
	fprintf(f, "  %-20s  %s\n", left, option->help);
}

static void print_command(FILE *f, const struct command *command)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s", command->words, *command->arguments ? " " : "",
		command->arguments);
	fprintf(f, "  %-20s  %s\n", left, command->help);
}

void help_print(FILE *f, const struct command *command)
{
	if (command) {
		fprintf(f, "Usage: vpnctl %s [flags]%s%s\n\n%s\n\n", command->words,
			*command->arguments ? " " : "", command->arguments, command->help);
	} else {
		fputs("Usage: vpnctl COMMAND [flags]\n\n", f);
		for (size_t i = 0; i < command_n_rows; i++)
			print_command(f, &command_rows[i]);
		fputc('\n', f);
	}
	for (size_t i = 0; i < command_n_options; i++) {
		const struct command_option *option = &command_options[i];
		if (!option->flag || (command && command->flags & option->flag))
			print_option(f, option);
	}
	if (!command)
		fputs("\nvpnctl COMMAND --help lists the flags of a command; vpnctl(8) says "
		      "more.\n",
			f);
}

/* --- completion ---------------------------------------------------------------------------------
 */

/* The branches of the script for a command: what may follow its words, and its first word. */
static void complete_command(const struct command *command)
{
	const char *space = strchr(command->words, ' ');

	if (space)
		printf("\t\"%.*s \") words=\"%s\" ;;\n", (int)(space - command->words),
			command->words, space + 1);
	printf("\t\"%s \"*) words=\"", command->words);
	for (size_t i = 0; i < command_n_options; i++) {
		const struct command_option *option = &command_options[i];
		if (!option->flag || command->flags & option->flag)
			printf("--%s ", option->name);
	}
	/* Arguments that are words, not names of something. */
	for (const char *c = command->arguments; *c; c++) {
		if (*c == '|')
			putchar(' ');
		else if (*c >= 'a' && *c <= 'z')
			putchar(*c);
	}
	puts("\" ;;");
}

int help_completion(const struct invocation *inv)
{
	if (strcmp(inv->arguments[0], "bash") != 0) {
		fputs("vpnctl: completion knows bash only\n", stderr);
		return EXIT_USAGE;
	}
	puts("# bash completion of vpnctl: source it, or keep it in "
	     "/usr/share/bash-completion/completions/vpnctl\n"
	     "_vpnctl()\n{\n"
	     "\tlocal line=\"${COMP_WORDS[*]:1:COMP_CWORD-1} \" words files=\"\"\n"
	     "\tcase \"$line\" in");
	for (size_t i = 0; i < command_n_rows; i++)
		complete_command(&command_rows[i]);
	fputs("\t*) words=\"", stdout);
	for (size_t i = 0; i < command_n_rows; i++)
		printf("%.*s ", (int)strcspn(command_rows[i].words, " "), command_rows[i].words);
	puts("\" ;;\n\tesac\n"
	     "\tcase \"$line\" in *\"--run-dir \"|\"key ensure \"*|\"import \"*) files=-f ;; esac\n"
	     "\tCOMPREPLY=($(compgen $files -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
	     "}\n"
	     "complete -o filenames -F _vpnctl vpnctl");
	return EXIT_WELL;
}
