/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "natd/conf.h"
#include "natd/cores.h"
#include "natd/flow_flush.h"
#include "natd/flow_log.h"
#include "natd/flows.h"

#define OVERRUNS_LOGGED_PER_MINUTE 6
#define PAUSES_LOGGED_PER_MINUTE 6

struct flow_watch {
	struct flows *flows;
	struct flow_log *log;
	struct flow_flush *flush;
	struct conntrack_follow *follow;
	struct conntrack_request *request;
	struct cores *cores;
	uint64_t overruns; /* that were logged */
	struct log_limit overrun_limit, pause_limit;
};

/* A log of flows is not complete unless all are followed. */
static uint32_t events_max(const struct natd_conf *conf)
{
	return conf->flow_log.file || conf->flow_log.journal ? 0 : conf->flow_events_max;
}

static void on_flow(enum conntrack_event event, const struct conntrack_flow *flow, void *arg)
{
	struct flow_watch *watch = arg;

	flows_event(watch->flows, event, flow, clock_mono());
}

static void on_list_begins(void *arg)
{
	struct flow_watch *watch = arg;

	flows_list_begins(watch->flows);
}

static void on_list_ended(void *arg)
{
	struct flow_watch *watch = arg;
	const struct conntrack_follow_counters counters = conntrack_follow_counters(watch->follow);

	flows_list_ended(watch->flows, clock_mono());
	if (counters.overruns == watch->overruns)
		return;
	watch->overruns = counters.overruns;
	log_warn_limited(&watch->overrun_limit, clock_mono(),
		"more flows began and ended than could be followed: %" PRIu64
		" events lost so far; looked at all flows again",
		counters.lost);
}

static bool has_time(void *arg)
{
	struct flow_watch *watch = arg;

	return !cores_are_short(watch->cores, clock_mono());
}

static void on_pause(uint64_t us, void *arg)
{
	struct flow_watch *watch = arg;

	log_notice_limited(&watch->pause_limit, clock_mono(),
		"more flows begin and end than flow_events_max, and a core is busy: for %" PRIu64
		" s they are not followed, and found by lists alone",
		(uint64_t)(us / US_PER_S));
}

int flow_watch_new(sd_event *event, const struct natd_conf *conf, struct flow_watch **out)
{
	struct flow_watch *watch = calloc(1, sizeof(*watch));
	struct flows_hooks hooks = {.began = flow_log_began, .ended = flow_log_ended};
	const struct conntrack_follow_config config = {
		.flow = on_flow,
		.list_begins = on_list_begins,
		.list_ended = on_list_ended,
		.has_time = has_time,
		.pauses = on_pause,
		.arg = watch,
		.translated_only = true,
		.events_max = events_max(conf),
	};
	int r;

	if (!watch)
		return -ENOMEM;
	watch->overrun_limit = LOG_LIMIT_INIT(OVERRUNS_LOGGED_PER_MINUTE);
	watch->pause_limit = LOG_LIMIT_INIT(PAUSES_LOGGED_PER_MINUTE);
	r = cores_new("/proc/stat", &watch->cores);
	if (r == 0)
		r = flow_log_new(&watch->log);
	hooks.arg = watch->log;
	if (r == 0)
		r = flow_log_configure(watch->log, &conf->flow_log);
	if (r == 0)
		r = flows_new(conf, &hooks, clock_mono(), &watch->flows);
	if (r == 0)
		r = flow_flush_new(event, conf, &watch->flush);
	if (r == 0)
		r = conntrack_request_new(&watch->request);
	if (r == 0)
		r = conntrack_follow_new(event, &config, &watch->follow);
	if (r < 0) {
		flow_watch_free(watch);
		return r;
	}
	*out = watch;
	return 0;
}

void flow_watch_free(struct flow_watch *watch)
{
	if (!watch)
		return;
	conntrack_follow_free(watch->follow);
	conntrack_request_free(watch->request);
	flow_flush_free(watch->flush);
	flows_free(watch->flows);
	flow_log_free(watch->log);
	cores_free(watch->cores);
	free(watch);
}

void flow_watch_set_conf(struct flow_watch *watch, const struct natd_conf *conf)
{
	flows_set_conf(watch->flows, conf);
	flow_flush_set_conf(watch->flush, conf);
	conntrack_follow_set_max(watch->follow, events_max(conf));
	if (flow_log_configure(watch->log, &conf->flow_log) < 0)
		log_err("out of memory: the log of flows stays where it was");
}

void flow_watch_net(struct flow_watch *watch, const struct nl_state *net)
{
	flow_flush_look(watch->flush, net);
}

void flow_watch_end_refused(struct flow_watch *watch, bool first)
{
	flow_flush_refused(watch->flush, first);
}

void flow_watch_look(struct flow_watch *watch)
{
	conntrack_follow_look(watch->follow);
}

struct flow_log *flow_watch_log(const struct flow_watch *watch)
{
	return watch->log;
}

const struct flows *flow_watch_flows(const struct flow_watch *watch)
{
	return watch->flows;
}

struct conntrack_follow_counters flow_watch_counters(const struct flow_watch *watch)
{
	return conntrack_follow_counters(watch->follow);
}

int flow_watch_stats(struct flow_watch *watch, struct conntrack_stats *out)
{
	return conntrack_read_stats(watch->request, out);
}
