/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From one program to the next, in the same process. All that can fail is tried while everything
 * runs: the config is put in force, and the new program is started beside us with `--check` and
 * with what it would be handed. Only when it has found nothing wrong is the engine ended; then
 * there is nothing between us and the new program but execve. Interfaces, addresses, routes, ports
 * and sockets stay, and what arrives meanwhile waits in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "vpnd/monitor/child.h"
#include "vpnd/monitor/handover.h"
#include "vpnd/monitor/hook.h"
#include "vpnd/monitor/labels.h"
#include "vpnd/monitor/process.h"
#include "vpnd/monitor/resolve.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"

#define TRIAL_TIMEOUT_US (10 * US_PER_S)

enum { FLAG_SIZE = sizeof(UPGRADE_FLAG) + 12 };

struct upgrade {
	int exe_fd;                       /* the new program: what was tried is what is executed */
	sd_event_source *trial, *timeout; /* NULL before and after the trial */
	pid_t pid;
};

void upgrade_end(struct monitor *m)
{
	struct upgrade *u = m->upgrade;

	if (!u)
		return;
	m->upgrade = NULL;
	if (u->trial) {
		sd_event_source_disable_unref(u->trial);
		kill(u->pid, SIGKILL);
		waitpid(u->pid, NULL, 0);
	}
	sd_event_source_disable_unref(u->timeout);
	cleanup_close(&u->exe_fd);
	free(u);
}

static void refuse(struct monitor *m, const char *why)
{
	log_err("not upgrading, the program that runs goes on: %s", why);
	upgrade_end(m);
}

/* --- what is handed over -------------------------------------------------------------------------
 */

static int describe(const struct monitor *m, struct handover *h)
{
	int r = 0;

	h->started_us = m->started.us;
	h->engine_restarts = m->engine_restarts;
	h->lock = m->instance.directory;
	h->network = m->instance.network;
	h->control = m->control.fd;
	h->events = m->events;
	if (m->conf)
		r = groups_hand_over(m->groups, h);
	if (r == 0)
		r = hook_hand_over(m->hook, h);
	for (size_t i = 0; r == 0 && i < PRIVSEP_TUNNELS; i++)
		if (m->slots[i])
			r = held_hand_over(m->slots[i], h);
	return r;
}

static int write_handover(const struct monitor *m, struct handover **out, int *fd)
{
	__attribute__((cleanup(handover_freep))) struct handover *h = handover_new();
	int r = h ? describe(m, h) : -ENOMEM;

	if (r == 0)
		r = handover_write(h, fd);
	if (r == 0)
		*out = cleanup_take(h);
	return r;
}

/* --- the trial -----------------------------------------------------------------------------------
 */

/* In a new process: the new program looks at the config and at what it would be handed. */
static int try_out(const struct monitor *m, int handover_fd, pid_t monitor)
{
	const struct monitor_options *o = m->options;
	char name[] = "vpnd", check[] = "-n", config[] = "-c", flag[FLAG_SIZE];
	_cleanup_free_ char *what = strdup(o->config ? o->config : o->ifname);
	char *with_config[] = {name, flag, check, config, what, NULL};
	char *bare[] = {name, flag, check, what, NULL};
	int r = what ? process_reset_signals() : -ENOMEM;

	if (r == 0)
		r = process_die_with(monitor);
	if (r == 0 && fcntl(handover_fd, F_SETFD, 0) < 0)
		r = -errno;
	if (r < 0)
		return r;
	snprintf(flag, sizeof(flag), UPGRADE_FLAG "%d", handover_fd);
	unsetenv("NOTIFY_SOCKET");
	fexecve(m->upgrade->exe_fd, o->config ? with_config : bare, environ);
	return -errno;
}

static void end_engine(struct monitor *m)
{
	log_notice("upgrading: the engine ends, the new program takes over");
	daemon_reloading(clock_mono(), "Upgrading");
	m->phase = HANDING_OVER;
	if (child_runs(m->child))
		minder_stop(m);
	else
		upgrade_engine_ended(m);
}

static int on_trial(sd_event_source *source, const siginfo_t *si, void *arg)
{
	struct monitor *m = arg;
	struct upgrade *u = m->upgrade;

	(void)source;
	u->trial = sd_event_source_disable_unref(u->trial);
	u->timeout = sd_event_source_disable_unref(u->timeout);
	if (m->phase != RUNNING)
		upgrade_end(m); /* told to stop meanwhile */
	else if (si->si_code != CLD_EXITED || si->si_status != EXIT_SUCCESS)
		refuse(m, "the new program cannot go on from here; restart to use it all the same");
	else
		end_engine(m);
	return 0;
}

static int on_trial_timeout(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	refuse(arg, "the new program hangs");
	return 0;
}

static int start_trial(struct monitor *m)
{
	__attribute__((cleanup(handover_freep))) struct handover *h = NULL;
	_cleanup_close_ int handover_fd = -1;
	struct upgrade *u = m->upgrade;
	pid_t monitor = getpid();
	int r = write_handover(m, &h, &handover_fd);

	if (r < 0)
		return r;
	fflush(NULL);
	u->pid = fork();
	if (u->pid < 0)
		return -errno;
	if (u->pid == 0) {
		r = try_out(m, handover_fd, monitor);
		fprintf(stderr, "vpnd: cannot execute %s: %s\n", m->options->program, strerror(-r));
		_exit(EXIT_FAILURE);
	}
	r = sd_event_add_child(m->event, &u->trial, u->pid, WEXITED, on_trial, m);
	if (r < 0) {
		kill(u->pid, SIGKILL);
		waitpid(u->pid, NULL, 0);
		return r;
	}
	return sd_event_add_time_relative(m->event, &u->timeout, CLOCK_MONOTONIC, TRIAL_TIMEOUT_US,
		US_PER_MS, on_trial_timeout, m);
}

void upgrade_reloaded(struct monitor *m, bool taken)
{
	int r;

	if (!m->upgrade)
		return;
	if (!taken) {
		refuse(m, "its config is not right");
		return;
	}
	r = start_trial(m);
	if (r < 0)
		refuse(m, strerror(-r));
}

void upgrade_start(struct monitor *m)
{
	if (m->upgrade || m->reload || m->phase != RUNNING || !m->engine_ready) {
		log_warn("not upgrading: a start, a reload or another upgrade is under way");
		return;
	}
	m->upgrade = calloc(1, sizeof(*m->upgrade));
	if (!m->upgrade) {
		log_err("not upgrading: out of memory");
		return;
	}
	m->upgrade->exe_fd = open(m->options->program, O_RDONLY | O_CLOEXEC);
	if (m->upgrade->exe_fd < 0) {
		log_err("%s: %s", m->options->program, strerror(errno));
		refuse(m, "there is no new program");
		return;
	}
	if (m->conf)
		reload_start(m);
	else
		upgrade_reloaded(m, true);
}

/* --- the change ----------------------------------------------------------------------------------
 */

static int execute(const struct monitor *m, int handover_fd)
{
	const struct monitor_options *o = m->options;
	char flag[FLAG_SIZE];
	const char *words[10] = {"vpnd", flag, "--run-dir", o->run_dir};
	char *argv[sizeof(words) / sizeof(words[0])] = {0};
	size_t n = 4;
	int r;

	snprintf(flag, sizeof(flag), UPGRADE_FLAG "%d", handover_fd);
	if (!o->background)
		words[n++] = "-f";
	if (o->verbose)
		words[n++] = "-v";
	if (o->config)
		words[n++] = "-c";
	words[n++] = o->config ? o->config : o->ifname;
	for (size_t i = 0; i < n; i++)
		argv[i] = strdup(words[i]);
	fflush(NULL);
	if (fcntl(handover_fd, F_SETFD, 0) == 0)
		fexecve(m->upgrade->exe_fd, argv, environ);
	r = -errno;
	for (size_t i = 0; i < n; i++)
		free(argv[i]);
	return r;
}

void upgrade_engine_ended(struct monitor *m)
{
	__attribute__((cleanup(handover_freep))) struct handover *h = NULL;
	_cleanup_close_ int handover_fd = -1;
	int r = write_handover(m, &h, &handover_fd);

	if (r == 0) {
		labels_save(m->labels);
		resolve_interrupt(m->resolve);
		r = handover_keep(h, true);
		if (r == 0)
			r = execute(m, handover_fd);
		handover_keep(h, false);
	}
	m->phase = RUNNING;
	refuse(m, strerror(-r));
	daemon_reloaded("Running, an upgrade failed");
	minder_restart(m);
}
