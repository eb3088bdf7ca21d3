/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line that the daemons share. */
#ifndef BASE_ARGS_H
#define BASE_ARGS_H

#include <stdbool.h>

#define ARGS_RUN_DIR "/run/gatehouse" /* where sockets are unless --run-dir says otherwise */

/* What differs between programs. */
struct args_program {
	const char *name;
	const char *synopsis; /* lines after "Usage:", each "  name [options] ...\n" */
	int max_operands;     /* words that are no flags */
};

/* What was asked for; the strings are those of argv. */
struct args {
	const char *config; /* -c FILE; NULL if not given */
	const char *run_dir;
	bool check;      /* -n */
	bool foreground; /* -f */
	bool verbose;    /* -v: log at debug level */
	char **operands;
	int n_operands;
};

/*
 * Parse argv. Returns 0 to go on; 1 if --help or --version was asked for and printed, so that main
 * returns 0; -EINVAL after a message on stderr, so that main returns 2.
 */
int args_parse(const struct args_program *program, int argc, char **argv, struct args *out);

/*
 * Take a flag without a value, which only this program has, out of argv before args_parse sees it.
 * True if it was there.
 */
bool args_take_flag(int *argc, char **argv, const char *flag);

/*
 * The same for a flag with a value: `flag` ends in '='. Returns the value, or NULL if it was not
 * there; of several the last.
 */
const char *args_take_value(int *argc, char **argv, const char *flag);

#endif
