/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpnd: the command line, and which of the two processes this is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/args.h"
#include "base/cleanup.h"
#include "base/daemon.h"
#include "base/log.h"
#include "vpnd/conf.h"
#include "vpnd/engine/engine.h"
#include "vpnd/monitor/child.h"
#include "vpnd/monitor/handover.h"
#include "vpnd/monitor/monitor.h"

enum { EXIT_USAGE = 2 };

static const struct args_program program = {
	.name = "vpnd",
	.synopsis =
		"  vpnd [-f] [-v] [-c FILE] [--run-dir DIR]   serve the tunnels of a config\n"
		"  vpnd [-f] [-v] IFNAME                      serve one interface for wg(8)\n"
		"  vpnd -n [-c FILE]                          check a config\n"
		"  vpnd --flush [-c FILE] [--run-dir DIR]     remove the routes that guard its\n"
		"                                             prefixes while it does not run\n"
		"The config is " VPND_CONF_FILE " unless another is given.\n",
	.max_operands = 1,
};

/* The second of the two processes: child.c has taken away all that it must not have. */
static int run_engine(int argc, char **argv)
{
	bool journal = argc > 2 && strcmp(argv[2], CHILD_JOURNAL_FLAG) == 0;
	unsigned long lanes = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;

	/* These do not outlive exec as the rest does: a name for ps, and keys in no core dump. */
	prctl(PR_SET_NAME, CHILD_ENGINE_NAME);
	prctl(PR_SET_DUMPABLE, 0);
	log_init(CHILD_ENGINE_NAME, journal ? LOG_DEST_JOURNAL : LOG_DEST_AUTO, LOG_LEVEL_INFO);
	return engine_main(CHILD_CHANNEL_FD, lanes);
}

static int check(const char *path)
{
	struct conf_errors errors = {0};
	struct vpnd_conf *conf = NULL;
	int r = vpnd_conf_load(path, &conf, &errors);

	conf_errors_print(stderr, &errors);
	conf_errors_done(&errors);
	vpnd_conf_free(conf);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What another vpnd hands over when it upgrades to this program. */
static int check_handover(int fd)
{
	struct handover *handover;
	int r = handover_read(fd, &handover);

	if (r < 0) {
		fprintf(stderr, "vpnd: cannot take over: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	handover_free(handover);
	return EXIT_SUCCESS;
}

static int serve(const struct monitor_options *asked)
{
	/* Now: when the next program is installed, that is no longer what this one is called. */
	_cleanup_free_ char *program_file = realpath("/proc/self/exe", NULL);
	struct monitor_options options = *asked;
	int exit_status, r = program_file ? 0 : -errno;

	options.program = program_file;
	if (r == 0 && options.background && options.handover_fd < 0)
		r = daemon_detach(&options.ready_fd, &exit_status);
	if (r > 0)
		return exit_status;
	if (r < 0) {
		log_err("cannot start: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	return monitor_main(&options);
}

/* A longer name would be cut, and one with a slash be a path to the socket elsewhere. */
static bool is_ifname(const char *name)
{
	char safe[64];

	if (conf_is_ifname(name))
		return true;
	fprintf(stderr,
		"vpnd: \"%s\" is no interface name, 1 to 15 of A-Z a-z 0-9 _ = + . -\n"
		"Try: vpnd --help\n",
		log_escape(name, strlen(name), safe, sizeof(safe)));
	return false;
}

int main(int argc, char **argv)
{
	struct monitor_options options = {.ready_fd = -1, .handover_fd = -1};
	const char *handover;
	struct args args;
	bool flush;
	int r;

	if (argc > 0 && strcmp(argv[0], CHILD_ENGINE_NAME) == 0)
		return run_engine(argc, argv);
	flush = args_take_flag(&argc, argv, "--flush");
	handover = args_take_value(&argc, argv, UPGRADE_FLAG);
	r = args_parse(&program, argc, argv, &args);
	if (r != 0)
		return r > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	if (handover)
		options.handover_fd = atoi(handover);
	if (args.n_operands > 0 && (args.config || (args.check && !handover) || flush)) {
		fprintf(stderr, "vpnd: an interface has no config\nTry: vpnd --help\n");
		return EXIT_USAGE;
	}
	if (args.n_operands > 0 && !is_ifname(args.operands[0]))
		return EXIT_USAGE;
	log_init("vpnd", LOG_DEST_AUTO, args.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (args.n_operands > 0)
		options.ifname = args.operands[0];
	else
		options.config = args.config ? args.config : VPND_CONF_FILE;
	options.run_dir = args.run_dir;
	options.verbose = args.verbose;
	options.background = !args.foreground;
	if (args.check && handover && check_handover(options.handover_fd) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (args.check)
		return options.config ? check(options.config) : EXIT_SUCCESS;
	return flush ? monitor_flush(&options) : serve(&options);
}
