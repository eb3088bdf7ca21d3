/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char flags_help[] =
	"\n"
	"  -c, --config FILE   read this config\n"
	"  -n, --check         check the config and exit: silent if it is right\n"
	"  -f, --foreground    stay in the foreground\n"
	"  -v, --verbose       log what it does in detail\n"
	"      --run-dir DIR   where its sockets are (default " ARGS_RUN_DIR ")\n"
	"      --version       print the version and exit\n"
	"      --help          print this and exit\n";

enum { OPT_RUN_DIR = 256, OPT_VERSION, OPT_HELP };

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, 'n'},
	{"foreground", no_argument, NULL, 'f'},
	{"verbose", no_argument, NULL, 'v'},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* 0 to go on, 1 when all is said, -EINVAL when getopt has complained. */
static int take(const struct args_program *program, int option, struct args *args)
{
	switch (option) {
	case 'c':
		args->config = optarg;
		return 0;
	case 'n':
		args->check = true;
		return 0;
	case 'f':
		args->foreground = true;
		return 0;
	case 'v':
		args->verbose = true;
		return 0;
	case OPT_RUN_DIR:
		args->run_dir = optarg;
		return 0;
	case OPT_VERSION:
		printf("%s " GATEHOUSE_VERSION "\n", program->name);
		return 1;
	case OPT_HELP:
		printf("Usage:\n%s%s", program->synopsis, flags_help);
		return 1;
	default:
		return -EINVAL;
	}
}

int args_parse(const struct args_program *program, int argc, char **argv, struct args *out)
{
	struct args args = {.run_dir = ARGS_RUN_DIR};
	int option, r = 0;

	optind = 0; /* start afresh, also on a second call */
	while (r == 0 && (option = getopt_long(argc, argv, "c:nfv", options, NULL)) != -1)
		r = take(program, option, &args);
	args.operands = argv + optind;
	args.n_operands = argc - optind;
	if (r == 0 && args.n_operands > program->max_operands) {
		fprintf(stderr, "%s: too many arguments: %s\n", program->name,
			args.operands[program->max_operands]);
		r = -EINVAL;
	}
	if (r < 0)
		fprintf(stderr, "Try: %s --help\n", program->name);
	if (r == 0)
		*out = args;
	return r;
}

bool args_take_flag(int *argc, char **argv, const char *flag)
{
	int kept = 0, n = *argc;

	for (int i = 0; i < n; i++)
		if (i == 0 || strcmp(argv[i], flag) != 0)
			argv[kept++] = argv[i];
	argv[kept] = NULL;
	*argc = kept;
	return kept != n;
}

const char *args_take_value(int *argc, char **argv, const char *flag)
{
	const char *value = NULL;
	int kept = 0;

	for (int i = 0; i < *argc; i++)
		if (i > 0 && strncmp(argv[i], flag, strlen(flag)) == 0)
			value = argv[i] + strlen(flag);
		else
			argv[kept++] = argv[i];
	argv[kept] = NULL;
	*argc = kept;
	return value;
}
