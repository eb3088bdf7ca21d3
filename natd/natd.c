/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ruleset outlives the daemon: a crash, a restart or an upgrade changes nothing for those who
 * pass through. So the start is the same as a repair: look at what is there, replace what is not
 * as it should be, and keep what has memory.
 */
#include "natd/natd.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/sandbox.h"
#include "natd/active.h"
#include "natd/control.h"
#include "natd/enforce.h"
#include "natd/flow_watch.h"
#include "natd/nat_guard.h"
#include "natd/ruleset.h"
#include "netlink/nft.h"
#include "netlink/nft_watch.h"
#include "netlink/observe.h"

#define TICK_US (10 * US_PER_S) /* between looks at counts and settings of the kernel */
#define REPAIRS_LOGGED_PER_MINUTE 20

/* --- judging ---------------------------------------------------------------------------------- */

static enum log_level level_of(enum health_state state)
{
	switch (state) {
	case HEALTH_UP:
		return LOG_LEVEL_NOTICE;
	case HEALTH_DEGRADED:
		return LOG_LEVEL_WARNING;
	case HEALTH_DOWN:
	case HEALTH_STATES:
		break;
	}
	return LOG_LEVEL_ERR;
}

void natd_judge(struct natd *natd)
{
	struct health_facts facts = {
		.draining = natd->active->draining,
		.ruleset = natd->ruleset,
		.ruleset_why = natd->ruleset_why,
		.net = observe_state(natd->observe),
	};
	char reason[HEALTH_REASON_SIZE];
	enum health_state state;

	proc_read(&facts.proc);
	facts.table_full = natd->table_full = health_table_full(&facts.proc, natd->table_full);
	state = health_judge(natd->active->conf, &facts, reason);
	if (state != natd->health || strcmp(reason, natd->reason) != 0)
		log_line(level_of(state), "NAT is %s%s%s", health_state_names[state],
			*reason ? ": " : "", reason);
	natd->health = state;
	snprintf(natd->reason, sizeof(natd->reason), "%s", reason);
}

static int on_tick(sd_event_source *source, uint64_t us, void *arg)
{
	(void)us;
	natd_judge(arg);
	sd_event_source_set_time_relative(source, TICK_US);
	return 0;
}

static void on_net_changed(struct observe *observe, void *arg)
{
	struct natd *natd = arg;

	flow_watch_net(natd->flows, observe_state(observe));
	natd_judge(natd);
}

/* --- settings of the kernel ------------------------------------------------------------------- */

/* True if it is as it should be now. */
static bool set(const struct tune_setting *setting)
{
	int r = tune_set(setting);

	if (r < 0)
		log_warn("cannot set %s = %" PRIu64 " (is %" PRIu64 "): %s", setting->name,
			setting->wanted, setting->is, strerror(-r));
	else
		log_notice("set %s = %" PRIu64 " (was %" PRIu64 ")", setting->name, setting->wanted,
			setting->is);
	return r == 0;
}

/* Once the rules stand, since the kernel has these settings only while it tracks connections. */
static void tune(struct natd *natd)
{
	struct tune_setting settings[TUNE_SETTINGS];
	struct tune_values values;
	size_t n;

	tune_read(&values);
	n = tune_plan(&values, tune_memory(), settings);
	natd->n_settings = 0;
	for (size_t i = 0; i < n; i++) {
		if (natd->active->conf->manage_sysctl && set(&settings[i]))
			continue;
		if (!natd->active->conf->manage_sysctl)
			log_info("manage_sysctl would set %s = %" PRIu64 " (is %" PRIu64 ")",
				settings[i].name, settings[i].wanted, settings[i].is);
		natd->settings[natd->n_settings++] = settings[i];
	}
}

/* --- draining --------------------------------------------------------------------------------- */

int natd_drain(struct natd *natd, bool draining, char *err, size_t errlen)
{
	struct active *active = natd->active;
	bool before = active->draining;
	int r = active_drain(active, draining);

	if (r == 0)
		r = enforce_install(natd, active);
	else
		snprintf(natd->ruleset_why, sizeof(natd->ruleset_why), "%s", strerror(-r));
	if (r < 0) {
		snprintf(err, errlen, "the ruleset is not in force, the old one stays: %s",
			natd->ruleset_why);
		log_err("%s", err);
		active_drain(active, before);
		enforce_repair(natd, "a drain that failed");
		return r;
	}
	if (draining != before)
		log_notice(draining ? "draining: flows go on, but none begin"
				    : "flows may begin again");
	natd_judge(natd);
	return 0;
}

/* A process before this one may have been told to drain. */
static int adopt_draining(struct natd *natd)
{
	int r = load_has(natd->nft, RULESET_DRAINING, natd->ruleset_why, sizeof(natd->ruleset_why));

	if (r < 0)
		log_err("cannot read the ruleset: %s", natd->ruleset_why);
	if (r > 0)
		log_notice("draining, as before");
	return r > 0 ? active_drain(natd->active, true) : r;
}

/* --- reload ----------------------------------------------------------------------------------- */

/* Into err and, a line each, into the log. */
static void report_errors(const struct conf_errors *errors, int r, char *err, size_t errlen)
{
	char *copy, *line, *rest;

	if (errors->n)
		conf_errors_text(errors, err, errlen);
	else
		snprintf(err, errlen, "cannot load the config: %s", strerror(-r));
	rest = copy = strdup(err);
	while ((line = strsep(&rest, "\n")))
		log_err("%s", line);
	free(copy);
}

int natd_reload(struct natd *natd, char *err, size_t errlen)
{
	struct conf_errors errors = {0};
	struct active *next = NULL;
	int r = active_load(natd->options->config, natd->active->draining, &next, &errors);

	if (r < 0) {
		report_errors(&errors, r, err, errlen);
		conf_errors_done(&errors);
		return r;
	}
	r = enforce_install(natd, next);
	if (r < 0) {
		snprintf(err, errlen, "the ruleset is not in force, the old one stays: %s",
			natd->ruleset_why);
		log_err("%s", err);
		active_free(next);
		enforce_repair(natd, "a reload that failed");
		return r;
	}
	flow_watch_set_conf(natd->flows, next->conf);
	flow_watch_net(natd->flows, observe_state(natd->observe));
	if (strcmp(next->hash, natd->active->hash) != 0)
		flow_watch_end_refused(natd->flows, false);
	active_free(natd->active);
	natd->active = next;
	enforce_guard(natd);
	tune(natd);
	log_notice("config %s is in force", next->hash);
	natd_judge(natd);
	return 0;
}

/* --- start and end ---------------------------------------------------------------------------- */

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	(void)si;
	(void)arg;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	char err[NATD_ERRORS_SIZE];

	(void)source;
	(void)si;
	natd_reload(arg, err, sizeof(err));
	return 0;
}

static int watch_signals(struct natd *natd)
{
	int r = daemon_block_signals();

	if (r >= 0)
		r = sd_event_add_signal(natd->event, NULL, SIGTERM, on_stop_signal, natd);
	if (r >= 0)
		r = sd_event_add_signal(natd->event, NULL, SIGINT, on_stop_signal, natd);
	if (r >= 0)
		r = sd_event_add_signal(natd->event, NULL, SIGHUP, on_hangup, natd);
	return r < 0 ? r : 0;
}

static int make_tick(struct natd *natd)
{
	int r = sd_event_add_time_relative(
		natd->event, &natd->tick, CLOCK_BOOTTIME, TICK_US, 0, on_tick, natd);

	if (r >= 0)
		r = sd_event_source_set_enabled(natd->tick, SD_EVENT_ON);
	return r < 0 ? r : 0;
}

static int begin(struct natd *natd)
{
	char why[NATD_WHY_SIZE];
	int r = instance_begin("natd", natd->options->run_dir, &natd->instance, why, sizeof(why));

	if (r != 0)
		log_line(r < 0 ? LOG_LEVEL_ERR : LOG_LEVEL_WARNING, "%s", why);
	return r < 0 ? r : 0;
}

static int load_config(struct natd *natd)
{
	struct conf_errors errors = {0};
	char err[NATD_ERRORS_SIZE];
	int r = active_load(natd->options->config, false, &natd->active, &errors);

	if (r < 0)
		report_errors(&errors, r, err, sizeof(err));
	conf_errors_done(&errors);
	return r;
}

/* The loop and all that it listens to, before the first change to the kernel. */
static int prepare(struct natd *natd)
{
	const struct observe_config watch_net = {.changed = on_net_changed, .arg = natd};
	int r = sd_event_new(&natd->event);

	if (r >= 0)
		r = watch_signals(natd);
	if (r >= 0)
		r = make_tick(natd);
	if (r >= 0)
		r = nft_new(&natd->nft);
	if (r >= 0)
		r = nat_guard_new(&natd->guard);
	if (r >= 0)
		r = enforce_watch(natd);
	if (r >= 0)
		r = observe_new(&watch_net, &natd->observe);
	if (r >= 0)
		r = observe_attach(natd->observe, natd->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = flow_watch_new(natd->event, natd->active->conf, &natd->flows);
	if (r >= 0)
		flow_watch_net(natd->flows, observe_state(natd->observe));
	if (r < 0)
		log_err("cannot set up: %s", strerror(-r));
	return r < 0 ? r : 0;
}

static int claim(struct natd *natd)
{
	if (load_is_claimed(natd->nft)) {
		log_err("another natd runs in this network namespace: it holds the "
			"table " RULESET_FAMILY " " RULESET_GUARD);
		return -EBUSY;
	}
	enforce_guard(natd);
	return 0;
}

static int first_install(struct natd *natd)
{
	int r = adopt_draining(natd);
	bool first;

	if (r < 0)
		return r;
	enforce_look(natd);
	first = natd->ruleset == LOAD_MISSING;
	if (natd->ruleset == LOAD_VERIFIED) {
		log_info("the ruleset is in force already");
		return 0;
	}
	r = enforce_install(natd, natd->active);
	if (r < 0)
		log_err("the ruleset is not in force: %s", natd->ruleset_why);
	else
		flow_watch_end_refused(natd->flows, first);
	return r;
}

static int restrict_privilege(void)
{
	static const int caps[] = {CAP_NET_ADMIN};
	int r = sandbox_restrict_caps(caps, sizeof(caps) / sizeof(caps[0]));

	if (r < 0)
		log_err("cannot drop capabilities: %s", strerror(-r));
	return r;
}

static int start(struct natd *natd)
{
	int r = load_config(natd);

	if (r == 0)
		r = begin(natd);
	if (r == 0)
		r = prepare(natd);
	if (r == 0)
		r = claim(natd);
	if (r == 0)
		r = first_install(natd);
	if (r == 0)
		tune(natd);
	if (r == 0)
		r = control_start(natd);
	if (r == 0)
		r = restrict_privilege();
	if (r < 0)
		return r;
	log_notice("config %s is in force", natd->active->hash);
	natd_judge(natd);
	return daemon_ready(natd->options->ready_fd);
}

/* The guard is wanted no longer than the ruleset may be away. */
static void leave(struct natd *natd)
{
	enforce_look(natd);
	if (natd->ruleset == LOAD_VERIFIED)
		nat_guard_remove(natd->guard);
}

static void stop(struct natd *natd)
{
	control_stop(natd);
	flow_watch_free(natd->flows);
	observe_free(natd->observe);
	nft_watch_free(natd->watch);
	nat_guard_free(natd->guard);
	nft_free(natd->nft);
	sd_event_source_disable_unref(natd->retry);
	sd_event_source_disable_unref(natd->tick);
	sd_event_unref(natd->event);
	active_free(natd->active);
	instance_end(&natd->instance);
}

int natd_main(const struct natd_options *options)
{
	struct natd natd = {
		.options = options,
		.instance = INSTANCE_NONE,
		.socket = SOCKFILE_NONE,
		.started = clock_mono(),
		.ruleset = LOAD_MISSING,
		.repair_limit = LOG_LIMIT_INIT(REPAIRS_LOGGED_PER_MINUTE),
		.health = HEALTH_STATES,
	};
	int r = start(&natd);

	if (r >= 0)
		r = sd_event_loop(natd.event);
	if (r >= 0) {
		leave(&natd);
		sd_notify(0, "STOPPING=1");
		log_notice("stopped; the ruleset stays in force");
	}
	stop(&natd);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
