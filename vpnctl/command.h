/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The token table: one row a command, one row a flag. Parsing, help and completion follow the rows;
 * a new command is one row and one function.
 */
#ifndef VPNCTL_COMMAND_H
#define VPNCTL_COMMAND_H

#include <stddef.h>

struct invocation;

/* Flags that a command may take; a mask. */
enum command_flag {
	COMMAND_COMMON = 0, /* all take it */
	COMMAND_JSON = 1 << 0,
	COMMAND_WATCH = 1 << 1,
	COMMAND_FOR = 1 << 2,
	COMMAND_TIMEOUT = 1 << 3,
	COMMAND_IMPORT = 1 << 4,
	COMMAND_FLOWS = 1 << 5,
	COMMAND_EVENTS = 1 << 6,
};

struct command {
	const char *words;                     /* "status", "key ensure" */
	const char *arguments;                 /* what to call them: "FILE"; "" if none */
	int min, max;                          /* how many arguments */
	unsigned int flags;                    /* enum command_flag */
	int (*run)(const struct invocation *); /* returns an enum exit_code */
	const char *help;
};

struct command_option {
	const char *name;     /* without the dashes */
	const char *argument; /* what to call it; NULL if it takes none */
	enum command_flag flag;
	const char *help;
};

#define COMMAND_ROWS_MAX 32
#define COMMAND_OPTIONS_MAX 32
extern const struct command command_rows[];
extern const size_t command_n_rows;
extern const struct command_option command_options[];
extern const size_t command_n_options;

/* --- what the rows name ----------------------------------------------------------------------- */

int show_status(const struct invocation *inv);
int show_tunnels(const struct invocation *inv);
int show_routes(const struct invocation *inv);
int show_nat(const struct invocation *inv);
int drain_begin(const struct invocation *inv);
int drain_end(const struct invocation *inv);
int flows_run(const struct invocation *inv);
int events_run(const struct invocation *inv);
int wait_run(const struct invocation *inv);
int reload_run(const struct invocation *inv);
int keys_genkey(const struct invocation *inv);
int keys_pubkey(const struct invocation *inv);
int keys_genpsk(const struct invocation *inv);
int keys_ensure(const struct invocation *inv);
int import_run(const struct invocation *inv);
int help_completion(const struct invocation *inv);

#endif
