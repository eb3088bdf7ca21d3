/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/instance.h"
#include "base/log.h"
#include "netlink/apply.h"
#include "netlink/diff.h"
#include "netlink/observe.h"
#include "vpnd/conf.h"
#include "vpnd/monitor/monitor.h"
#include "vpnd/monitor/uapisock.h"

static void report(const struct diff_op *op, int error, const char *line, void *arg)
{
	(void)op;
	(void)arg;
	if (error < 0)
		log_err("cannot %s", line);
	else
		log_info("%s", line);
}

/* Nothing is wanted: all that is ours goes. */
static int flush_kernel(void)
{
	const struct observe_config config = {0};
	__attribute__((cleanup(observe_freep))) struct observe *o = NULL;
	__attribute__((cleanup(apply_freep))) struct apply *a = NULL;
	__attribute__((cleanup(diff_freep))) struct diff *d = NULL;
	__attribute__((cleanup(model_freep))) struct nl_state *nothing = model_new();
	int r = nothing ? observe_new(&config, &o) : -ENOMEM;

	if (r == 0)
		r = apply_new(&a);
	if (r == 0)
		r = diff_new(nothing, observe_state(o), &d);
	if (r < 0) {
		log_err("cannot read the kernel's routes: %s", strerror(-r));
		return r;
	}
	return apply_diff(a, d, observe_state(o), report, NULL, NULL);
}

static void flush_sockets(const char *path)
{
	struct conf_errors errors = {0};
	struct vpnd_conf *conf = NULL;

	if (vpnd_conf_load(path, &conf, &errors) < 0)
		conf_errors_print(stderr, &errors);
	for (size_t i = 0; conf && i < conf->n_tunnels; i++)
		if (uapisock_flush(conf->tunnels[i].name))
			log_info("removed the UAPI socket of %s", conf->tunnels[i].name);
	conf_errors_done(&errors);
	vpnd_conf_free(conf);
}

int monitor_flush(const struct monitor_options *options)
{
	__attribute__((cleanup(instance_end))) struct instance instance = INSTANCE_NONE;
	char err[1024];
	int r = instance_begin("vpnd", options->run_dir, &instance, err, sizeof(err));

	if (r < 0) {
		log_err("%s%s", err, r == -EWOULDBLOCK ? ": stop it first" : "");
		return EXIT_FAILURE;
	}
	if (options->config && access(options->config, F_OK) == 0)
		flush_sockets(options->config);
	return flush_kernel() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
