/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/monitor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "vpnd/monitor/child.h"
#include "vpnd/monitor/handover.h"
#include "vpnd/monitor/hook.h"
#include "vpnd/monitor/labels.h"
#include "vpnd/monitor/reconcile.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"

#define STOP_TIMEOUT_US (3 * US_PER_S)
#define TOLD_PER_MINUTE 120   /* log lines */
#define PEERS_PER_MINUTE 120  /* log lines: thousands of peers may go down at once */
#define MOVES_PER_MINUTE 1000 /* log lines: each may have hundreds of prefixes */
#define RELOADS_PER_MINUTE 120

/* --- signals -------------------------------------------------------------------------------------
 */

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	(void)source;
	(void)si;
	monitor_stop(arg, EXIT_SUCCESS);
	return 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	(void)source;
	(void)si;
	reload_start(arg);
	return 0;
}

static int on_upgrade(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	(void)source;
	(void)si;
	upgrade_start(arg);
	return 0;
}

int monitor_watch_signals(struct monitor *m)
{
	int r = daemon_block_signals();

	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGTERM, on_stop_signal, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGINT, on_stop_signal, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGHUP, on_hangup, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGUSR2, on_upgrade, m);
	return r;
}

/* --- while it runs -------------------------------------------------------------------------------
 */

void monitor_order_tunnels(struct monitor *m)
{
	memset(m->tunnels, 0, sizeof(m->tunnels));
	for (size_t i = 0; m->conf && i < m->conf->n_tunnels; i++)
		for (size_t j = 0; j < PRIVSEP_TUNNELS; j++)
			if (m->slots[j] && m->slots[j]->conf == &m->conf->tunnels[i])
				m->tunnels[i] = m->slots[j];
}

void monitor_ready(struct monitor *m)
{
	int r = daemon_ready(m->options->ready_fd);

	if (r < 0)
		log_warn("cannot tell that we are ready: %s", strerror(-r));
	m->phase = RUNNING;
	if (m->options->background)
		log_init("vpnd", LOG_DEST_JOURNAL,
			m->options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	log_notice("ready%s%s", m->conf ? ", config " : "", m->hash);
	history_note(m, PRIVSEP_EVENT_DAEMON, "vpnd", "", "ready, config %s", m->hash);
}

/* --- the end -------------------------------------------------------------------------------------
 */

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *arg)
{
	struct monitor *m = arg;

	(void)source;
	(void)usec;
	log_warn("killing the engine: it does not stop");
	child_kill(m->child);
	return 0;
}

void monitor_stopped(struct monitor *m)
{
	sd_event_exit(m->event, m->exit_status);
}

void monitor_stop(struct monitor *m, int exit_status)
{
	if (m->phase == STOPPING)
		return;
	m->phase = STOPPING;
	m->exit_status = exit_status;
	sd_notify(0, "STOPPING=1");
	if (m->conf)
		reconcile_now(m->reconcile); /* routes go, guards stay */
	if (!m->child || !child_runs(m->child)) {
		monitor_stopped(m);
		return;
	}
	if (m->link)
		tell_plain(m->link, PRIVSEP_STOP, -1);
	if (sd_event_add_time_relative(m->event, &m->stop_timer, CLOCK_MONOTONIC, STOP_TIMEOUT_US,
		    10 * US_PER_MS, on_stop_timeout, m) < 0)
		child_kill(m->child);
}

static void end(struct monitor *m)
{
	reload_end(m);
	upgrade_end(m);
	minder_end(m);
	kernel_end(m);
	sockets_end(m);
	for (size_t i = 0; i < PRIVSEP_TUNNELS; i++) {
		if (m->slots[i])
			uapisock_unlink(m->slots[i]->name, &m->slots[i]->uapi);
		held_free(m->slots[i]);
	}
	if (m->labels)
		labels_save(m->labels);
	labels_free(m->labels);
	groups_free(m->groups);
	vpnd_conf_free(m->conf);
	sd_event_source_disable_unref(m->stop_timer);
	hook_free(m->hook);
	sd_event_unref(m->event);
	instance_end(&m->instance);
}

/* What the monitor before this one left, when there was one. */
static int receive(struct monitor *m)
{
	int r;

	if (m->options->handover_fd < 0)
		return 0;
	prctl(PR_SET_NAME, "vpnd"); /* it was executed by its descriptor */
	r = handover_read(m->options->handover_fd, &m->handover);
	close(m->options->handover_fd);
	if (r == 0)
		r = handover_keep(m->handover, false);
	if (r < 0) {
		log_err("what the vpnd before this one handed over is of no use: %s", strerror(-r));
		return r;
	}
	m->started = (mono_t){m->handover->started_us};
	m->engine_restarts = m->handover->engine_restarts;
	m->events = m->handover->events;
	return 0;
}

/* What is left belongs to nothing in the config that we have read. */
static void end_handover(struct monitor *m)
{
	if (m->handover)
		handover_close(m->handover);
	handover_free(cleanup_take(m->handover));
}

int monitor_main(const struct monitor_options *options)
{
	struct monitor *m = calloc(1, sizeof(*m));
	int r;

	if (!m) {
		log_err("out of memory");
		return EXIT_FAILURE;
	}
	*m = (struct monitor){.options = options,
		.started = clock_mono(),
		.instance = INSTANCE_NONE,
		.control = SOCKFILE_NONE,
		.told = LOG_LIMIT_INIT(TOLD_PER_MINUTE),
		.peers = LOG_LIMIT_INIT(PEERS_PER_MINUTE),
		.moves = LOG_LIMIT_INIT(MOVES_PER_MINUTE),
		.reloads = LOG_LIMIT_INIT(RELOADS_PER_MINUTE)};
	r = receive(m);
	if (r == 0)
		r = start_up(m);
	end_handover(m);
	if (r >= 0)
		r = sd_event_loop(m->event);
	end(m);
	free(m);
	return r < 0 ? EXIT_FAILURE : r;
}
