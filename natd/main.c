/* SPDX-License-Identifier: GPL-2.0-or-later */
/* natd: the command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/args.h"
#include "base/cleanup.h"
#include "base/daemon.h"
#include "base/instance.h"
#include "base/log.h"
#include "natd/active.h"
#include "natd/load.h"
#include "natd/nat_guard.h"
#include "natd/natd.h"
#include "natd/ruleset.h"
#include "netlink/nft.h"

enum { EXIT_USAGE = 2 };

static const struct args_program program = {
	.name = "natd",
	.synopsis =
		"  natd [-f] [-v] [-c FILE] [--run-dir DIR]   keep the ruleset of a config in "
		"force\n"
		"  natd -n [-c FILE]                          check a config\n"
		"  natd -n --print [-c FILE]                  check it and print its ruleset\n"
		"  natd --diff [-c FILE]                      print what the config would change "
		"in\n"
		"                                             the kernel's ruleset; exit 1 if "
		"anything\n"
		"  natd --flush [--run-dir DIR]               remove the ruleset: private traffic\n"
		"                                             is then neither translated nor held\n"
		"The config is " NATD_CONFIG " unless another is given.\n",
};

static int check(const char *path, bool print)
{
	__attribute__((cleanup(active_freep))) struct active *active = NULL;
	struct conf_errors errors = {0};
	int r = active_load(path, false, &active, &errors);

	conf_errors_print(stderr, &errors);
	if (r < 0 && !errors.n)
		fprintf(stderr, "natd: %s\n", strerror(-r));
	conf_errors_done(&errors);
	if (r == 0 && print)
		fputs(active->ruleset, stdout);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* As diff(1): 0 when nothing differs, 1 when something does, 2 when that is not to be told. */
static int diff(const char *path)
{
	__attribute__((cleanup(active_freep))) struct active *active = NULL;
	__attribute__((cleanup(nft_freep))) struct nft *nft = NULL;
	struct conf_errors errors = {0};
	char why[NATD_WHY_SIZE] = "out of memory";
	int r = active_load(path, false, &active, &errors);

	conf_errors_print(stderr, &errors);
	conf_errors_done(&errors);
	if (r < 0)
		return EXIT_USAGE;
	r = nft_new(&nft);
	if (r == 0) /* it would stay so */
		r = load_has(nft, RULESET_DRAINING, why, sizeof(why));
	if (r > 0)
		r = active_drain(active, true);
	if (r == 0)
		r = load_diff(nft, active->wanted, stdout, why, sizeof(why));
	if (r < 0)
		fprintf(stderr, "natd: %s\n", why);
	return r < 0 ? EXIT_USAGE : r;
}

/* Not while natd runs: it would take that for a stranger's doing and repair it. */
static int flush(const char *run_dir)
{
	__attribute__((cleanup(nft_freep))) struct nft *nft = NULL;
	__attribute__((cleanup(instance_end))) struct instance instance = INSTANCE_NONE;
	struct nat_guard *guard = NULL;
	char why[NATD_WHY_SIZE];
	int r = instance_begin("natd", run_dir, &instance, why, sizeof(why));

	if (r == -EWOULDBLOCK) {
		log_err("%s: stop it first", why);
		return EXIT_FAILURE;
	}
	snprintf(why, sizeof(why), "out of memory");
	r = nft_new(&nft);
	if (r == 0 && load_is_claimed(nft)) {
		log_err("natd runs in this network namespace: stop it first");
		return EXIT_FAILURE;
	}
	if (r == 0)
		r = nat_guard_new(&guard);
	if (r == 0)
		r = load_remove(nft, why, sizeof(why));
	if (r == 0)
		nat_guard_remove(guard);
	nat_guard_free(guard);
	if (r < 0)
		log_err("cannot remove the ruleset: %s", why);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve(struct natd_options *options, bool background)
{
	int exit_status, r = 0;

	if (background)
		r = daemon_detach(&options->ready_fd, &exit_status);
	if (r > 0)
		return exit_status;
	if (r < 0) {
		log_err("cannot go into the background: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	return natd_main(options);
}

int main(int argc, char **argv)
{
	bool print = args_take_flag(&argc, argv, "--print");
	bool remove = args_take_flag(&argc, argv, "--flush");
	bool differs = args_take_flag(&argc, argv, "--diff");
	struct natd_options options = {.ready_fd = -1};
	struct args args;
	int r = args_parse(&program, argc, argv, &args);

	if (r != 0)
		return r > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	if (print && !args.check) {
		fprintf(stderr, "natd: --print goes with -n\nTry: natd --help\n");
		return EXIT_USAGE;
	}
	if (remove + differs + args.check > 1) {
		fprintf(stderr,
			"natd: -n, --diff and --flush exclude each other\nTry: natd --help\n");
		return EXIT_USAGE;
	}
	log_init("natd", LOG_DEST_AUTO, args.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (remove)
		return flush(args.run_dir);
	options.config = args.config ? args.config : NATD_CONFIG;
	options.run_dir = args.run_dir;
	if (differs)
		return diff(options.config);
	return args.check ? check(options.config, print) : serve(&options, !args.foreground);
}
