/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Minds the engine: starts it, tells it all it must know, buries it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "vpnd/monitor/child.h"
#include "vpnd/monitor/engine_link.h"
#include "vpnd/monitor/labels.h"
#include "vpnd/monitor/resolve.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"
#include "vpnd/monitor/watchdog.h"

#define READY_TIMEOUT_US (15 * US_PER_S)
#define END_TIMEOUT_US (1 * US_PER_S)

static void arm(struct monitor *m, uint64_t delay_us)
{
	sd_event_source_set_time_relative(m->engine_timer, delay_us);
	sd_event_source_set_enabled(m->engine_timer, SD_EVENT_ONESHOT);
}

/* --- names ---------------------------------------------------------------------------------------
 */

static void on_resolved(void *arg, uint32_t slot, const uint8_t public_key[static KEY_LEN],
	const struct endpoint *endpoint, const char *reason)
{
	struct monitor *m = arg;
	struct held *h = m->slots[slot];
	int i = h ? held_find_peer(h, public_key) : -1;
	char text[ENDPOINT_STRLEN];

	if (i < 0)
		return;
	if (endpoint) {
		if (endpoint_equal(&h->peers[i].endpoint, endpoint))
			log_debug("tunnel %s: %s is what it was", h->name,
				h->conf->peers[i].endpoint.host);
		else
			log_info("tunnel %s: %s is %s", h->name, h->conf->peers[i].endpoint.host,
				endpoint_format(endpoint, text));
		h->peers[i].endpoint = *endpoint;
	} else {
		log_warn("tunnel %s: cannot look up %s: %s", h->name,
			h->conf->peers[i].endpoint.host, reason);
	}
	if (m->link)
		tell_endpoint(m->link, slot, public_key, endpoint, reason);
}

static void want_name(struct monitor *m, const struct held *h, size_t peer)
{
	const struct conf_hostport *at = &h->conf->peers[peer].endpoint;

	if (at->host && at->address.addr.family == ADDR_NONE &&
		resolve_want(m->resolve, h->slot, h->conf->peers[peer].public_key, at->host,
			at->port) < 0)
		log_err("tunnel %s: out of memory to look up %s", h->name, at->host);
}

void minder_resolve(struct monitor *m, const struct held *h)
{
	resolve_forget(m->resolve, h->slot);
	for (size_t i = 0; h->conf && i < h->conf->n_peers; i++)
		want_name(m, h, i);
}

/* --- life and death ------------------------------------------------------------------------------
 */

static void drop_link(struct monitor *m)
{
	engine_link_free(m->link);
	m->link = NULL;
	m->engine_ready = false;
	watchdog_rest(m->watchdog);
}

static void on_broken(void *arg, const char *why)
{
	struct monitor *m = arg;

	drop_link(m);
	if (why) {
		log_err("killing the engine: %s", why);
		child_kill(m->child);
	} else if (m->phase != STOPPING) {
		arm(m, END_TIMEOUT_US); /* it is about to end by itself */
	}
}

static void on_ended(void *arg, const char *how)
{
	struct monitor *m = arg;
	uint64_t delay_us;

	drop_link(m);
	switch (m->phase) {
	case STOPPING:
		monitor_stopped(m);
		return;
	case STARTING:
		log_err("the engine %s before it was ready", how);
		monitor_stop(m, EXIT_FAILURE);
		return;
	case HANDING_OVER:
		upgrade_engine_ended(m);
		return;
	case RUNNING:
		break;
	}
	delay_us = child_restart_delay_us(m->child, clock_mono());
	m->engine_restarts++;
	log_err("the engine %s; the next one starts in %llu ms", how,
		(unsigned long long)(delay_us / US_PER_MS));
	history_note(m, PRIVSEP_EVENT_DAEMON, "engine", how, "restarted in %llu ms",
		(unsigned long long)(delay_us / US_PER_MS));
	reload_engine_gone(m);
	arm(m, delay_us);
}

static void tell_label(void *arg, const uint8_t public_key[static KEY_LEN], int64_t newest_s)
{
	struct monitor *m = arg;
	struct privsep_label msg = {.type = PRIVSEP_LABEL_FLOOR, .newest_s = newest_s};

	memcpy(msg.public_key, public_key, KEY_LEN);
	engine_link_send(m->link, &msg, sizeof(msg), -1);
}

static void tell_start(struct monitor *m)
{
	struct privsep_start start = {.type = PRIVSEP_START,
		.log_level = m->options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		.engine_restarts = m->engine_restarts,
		.uapi_only = !m->conf,
		.started_us = m->started.us};

	if (m->conf) {
		snprintf(start.config_file, sizeof(start.config_file), "%s", m->options->config);
		memcpy(start.config_hash, m->hash, sizeof(start.config_hash));
	}
	engine_link_send(m->link, &start, sizeof(start), -1);
	if (m->control.fd >= 0)
		tell_plain(m->link, PRIVSEP_CONTROL_FD, m->control.fd);
	labels_each(m->labels, tell_label, m);
}

int minder_start(struct monitor *m)
{
	static const struct engine_link_upcalls upcalls = {requests_take, on_broken};
	int fd, r = child_start(m->child, clock_mono(), &fd);

	if (r < 0)
		return r;
	r = engine_link_new(m->event, fd, &upcalls, m, &m->link);
	if (r < 0) {
		cleanup_close(&fd);
		child_kill(m->child);
		return r;
	}
	minder_await_ready(m);
	tell_start(m);
	for (size_t i = 0; i < PRIVSEP_TUNNELS; i++) {
		struct held *h = m->slots[i];

		if (!h)
			continue;
		h->told = h->ifindex != 0; /* else once its device is made again */
		if (h->told)
			tell_tunnel(m->link, h, TELL_ALL);
	}
	kernel_tell_routes(m);
	history_tell(m);
	tell_plain(m->link, PRIVSEP_SYNCED, -1);
	return 0;
}

void minder_restart(struct monitor *m)
{
	int r = minder_start(m);

	if (r == 0 || child_runs(m->child)) /* what runs without a link is killed, and ends */
		return;
	log_err("cannot start the engine: %s", strerror(-r));
	arm(m, child_restart_delay_us(m->child, clock_mono()));
}

void minder_await_ready(struct monitor *m)
{
	arm(m, READY_TIMEOUT_US);
}

void minder_stop(struct monitor *m)
{
	if (m->link)
		tell_plain(m->link, PRIVSEP_STOP, -1);
	arm(m, END_TIMEOUT_US);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct monitor *m = arg;

	(void)source;
	(void)usec;
	if (child_runs(m->child)) {
		log_err("killing the engine: it hangs");
		child_kill(m->child);
		return 0;
	}
	minder_restart(m);
	return 0;
}

static void ask_engine(void *arg)
{
	const struct monitor *m = arg;

	tell_plain(m->link, PRIVSEP_PING, -1);
}

static void on_hang(void *arg)
{
	const struct monitor *m = arg;

	log_err("killing the engine: it has not answered for %d s", WATCHDOG_MISSES);
	child_kill(m->child);
}

int minder_prepare(struct monitor *m)
{
	static const struct watchdog_upcalls watched = {ask_engine, on_hang};
	const struct child_config config = {.uid = m->uid,
		.gid = m->gid,
		.lanes = m->lanes,
		.background = m->options->background,
		.ended = on_ended,
		.arg = m};
	int r = child_new(m->event, &config, &m->child);

	if (r == 0)
		r = watchdog_new(m->event, &watched, m, &m->watchdog);
	if (r == 0)
		r = resolve_new(m->event, m->uid, m->gid, on_resolved, m, &m->resolve);
	if (r == 0)
		r = sd_event_add_time_relative(
			m->event, &m->engine_timer, CLOCK_MONOTONIC, 0, 1 * US_PER_MS, on_timer, m);
	return r < 0 ? r : sd_event_source_set_enabled(m->engine_timer, SD_EVENT_OFF);
}

void minder_end(struct monitor *m)
{
	drop_link(m);
	child_free(m->child);
	resolve_free(m->resolve);
	watchdog_free(m->watchdog);
	sd_event_source_disable_unref(m->engine_timer);
}
