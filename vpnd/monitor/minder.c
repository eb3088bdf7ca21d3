/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Minds the engine: starts it, tells it all it must know, does what it asks, buries it. */
#include <errno.h>
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
#include "vpnd/monitor/reconcile.h"
#include "vpnd/monitor/resolve.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"
#include "vpnd/monitor/watchdog.h"

#define READY_TIMEOUT_US (15 * US_PER_S)
#define END_TIMEOUT_US (1 * US_PER_S)

/* Far more often than peers that flap, all of them, as fast as probes can tell. */
enum { CHANGES_PER_MINUTE = 600, CHANGES_OF_A_PEER = 300 };

static void arm(struct monitor *m, uint64_t delay_us)
{
	sd_event_source_set_time_relative(m->engine_timer, delay_us);
	sd_event_source_set_enabled(m->engine_timer, SD_EVENT_ONESHOT);
}

/* --- what it asks for ----------------------------------------------------------------------------
 */

static int rebind(struct held *h, uint16_t port, uint32_t fwmark)
{
	struct udpsock fresh;
	int r;

	if (port != 0 && port == h->udp.port)
		return udpsock_mark(&h->udp, fwmark);
	r = udpsock_open(port, fwmark, &fresh);
	if (r < 0)
		return r;
	held_take_udp(h, &fresh);
	return 0;
}

/* While a reload replaces the sockets of a tunnel, what is done to the old ones would be lost. */
static bool is_replaced(const struct monitor *m, const struct held *h)
{
	return reload_find(m, h->slot) != NULL;
}

static void on_bind(struct monitor *m, struct held *h, const struct privsep_bind *asked)
{
	bool may = held_may_bind(h, asked->port) && held_may_mark(h, asked->fwmark);
	int r = !may ? -EPERM : is_replaced(m, h) ? -EBUSY : rebind(h, asked->port, asked->fwmark);
	const struct privsep_bound answer = {
		.type = PRIVSEP_BOUND, .slot = h->slot, .error = -r, .port = h->udp.port};

	if (r == 0) {
		h->fwmark = asked->fwmark;
		tell_udp(m->link, h);
	}
	engine_link_send(m->link, &answer, sizeof(answer), -1);
}

static void on_mark(struct monitor *m, struct held *h, const struct privsep_mark *asked)
{
	int r = !held_may_mark(h, asked->fwmark) ? -EPERM
		: is_replaced(m, h)              ? -EBUSY
						 : udpsock_mark(&h->udp, asked->fwmark);
	const struct privsep_result answer = {.type = PRIVSEP_MARKED, .slot = h->slot, .error = -r};

	if (r == 0)
		h->fwmark = asked->fwmark;
	engine_link_send(m->link, &answer, sizeof(answer), -1);
}

static void want_name(struct monitor *m, const struct held *h, size_t peer)
{
	const struct conf_hostport *at = &h->conf->peers[peer].endpoint;

	if (at->host && at->address.addr.family == ADDR_NONE &&
		resolve_want(m->resolve, h->slot, h->conf->peers[peer].public_key, at->host,
			at->port) < 0)
		log_err("tunnel %s: out of memory to look up %s", h->name, at->host);
}

static void note_peer(
	struct monitor *m, const struct held *h, const char *label, bool up, const char *reason)
{
	char subject[IFNAMSIZ + 16];

	snprintf(subject, sizeof(subject), "tunnel %s", h->name);
	history_note(m, PRIVSEP_EVENT_TUNNEL, subject, reason, "peer %s is %s", label,
		up ? "up" : "down");
}

/*
 * Each change that the engine tells of moves routes, runs the hook and is logged: one that makes
 * them up must not keep us, the kernel and the disk busy.
 */
static bool may_change(struct monitor *m)
{
	unsigned int peers = 0, before;

	for (size_t i = 0; m->conf && i < m->conf->n_tunnels; i++)
		peers += (unsigned int)m->conf->tunnels[i].n_peers;
	m->changes.per_minute = CHANGES_PER_MINUTE + CHANGES_OF_A_PEER * peers;
	if (log_allowed(&m->changes, clock_mono(), &before))
		return true;
	engine_link_refuse(m->link, "it tells of changes without end");
	return false;
}

static void on_peer_state(struct monitor *m, struct held *h, const struct privsep_peer_state *told)
{
	char label[VPND_CONF_LABEL_STRLEN], reason[LOG_ESCAPED_LEN(PRIVSEP_REASON)];
	int i = held_find_peer(h, told->public_key);

	if (i < 0)
		return; /* not of the config: no route depends on it */
	resolve_state(m->resolve, h->slot, told->public_key, told->up);
	if (told->proven && !h->peers[i].proven) {
		h->peers[i].proven = true;
		reconcile_soon(m->reconcile);
	}
	if (h->peers[i].down == !told->up || !may_change(m))
		return;
	h->peers[i].down = !told->up;
	log_escape(told->reason, strlen(told->reason), reason, sizeof(reason));
	log_notice_limited(&m->peers, clock_mono(), "tunnel %s: peer %s is %s%s%s", h->name,
		vpnd_conf_peer_label(&h->conf->peers[i], label), told->up ? "up" : "down",
		reason[0] ? ": " : "", reason);
	note_peer(m, h, vpnd_conf_peer_label(&h->conf->peers[i], label), told->up, reason);
	changes_tell_peer(m, h, (size_t)i, reason);
	reconcile_soon(m->reconcile);
}

/* Routes follow, so that the kernel tells the senders of larger packets. */
static void on_path_mtu(struct monitor *m, struct held *h, const struct privsep_path_mtu *told)
{
	char label[VPND_CONF_LABEL_STRLEN];
	int i = held_find_peer(h, told->public_key);
	bool mattered;

	if (i < 0 || h->peers[i].pmtu == told->mtu || !may_change(m))
		return;
	mattered = h->peers[i].pmtu && h->peers[i].pmtu < h->mtu;
	h->peers[i].pmtu = told->mtu;
	vpnd_conf_peer_label(&h->conf->peers[i], label);
	if (told->mtu && (mattered || told->mtu < h->mtu))
		log_notice_limited(&m->peers, clock_mono(),
			"tunnel %s: packets of up to %u bytes pass to peer %s", h->name, told->mtu,
			label);
	else if (!told->mtu)
		log_notice_limited(&m->peers, clock_mono(),
			"tunnel %s: what passes to peer %s cannot be measured", h->name, label);
	reconcile_soon(m->reconcile);
}

/* Which file a complaint about a key is about, where that is certain. */
static const char *key_file(const struct held *h, const char *reason)
{
	const char *found = NULL;

	if (strncmp(reason, "private key", strlen("private key")) == 0)
		return h->conf->private_key_file;
	if (strncmp(reason, "preshared key", strlen("preshared key")) != 0)
		return NULL;
	for (size_t i = 0; i < h->conf->n_peers; i++) {
		if (!h->conf->peers[i].preshared_key_file)
			continue;
		if (found)
			return NULL;
		found = h->conf->peers[i].preshared_key_file;
	}
	return found;
}

static void on_tunnel_failed(struct monitor *m, struct held *h, const struct privsep_failed *told)
{
	char reason[LOG_ESCAPED_LEN(PRIVSEP_REASON)], text[1024];
	const char *file = h->conf ? key_file(h, told->reason) : NULL;

	log_escape(told->reason, strlen(told->reason), reason, sizeof(reason));
	if (h->conf)
		snprintf(text, sizeof(text), "%s:%d: tunnel \"%s\": %s%s%s", h->conf->where.file,
			h->conf->where.line, h->name, file ? file : "", file ? ": " : "", reason);
	else
		snprintf(text, sizeof(text), "%s: %s", h->name, reason);
	log_line_limited(&m->told, clock_mono(), LOG_LEVEL_ERR, "%s", text);
	if (m->phase == STARTING)
		monitor_stop(m, EXIT_FAILURE);
	else if (m->reload)
		reload_engine_failed(m, text);
}

/* The engine of this start is ready for the first time. */
static void begin_to_run(struct monitor *m)
{
	m->engine_ready = true;
	watchdog_begin(m->watchdog);
	if (m->phase == STARTING)
		monitor_ready(m);
	else if (m->phase == RUNNING)
		log_notice("the engine is ready");
	if (m->engine_restarts > 0)
		history_note(m, PRIVSEP_EVENT_DAEMON, "engine", "", "ready again");
}

/* It answers SYNCED; who was not asked says nothing that counts. */
static void on_ready(struct monitor *m)
{
	if (m->engine_ready && !m->reload)
		return;
	sd_event_source_set_enabled(m->engine_timer, SD_EVENT_OFF);
	if (!m->engine_ready)
		begin_to_run(m);
	else
		reload_engine_ready(m);
}

static void keep_state(struct held *h, int *fd)
{
	cleanup_close(&h->state_fd);
	h->state_fd = cleanup_take_fd(fd);
}

static void on_message(void *arg, const union privsep_message *msg, int fd_)
{
	struct monitor *m = arg;
	_cleanup_close_ int fd = fd_;
	struct held *h, *next;

	if (msg->type == PRIVSEP_LABEL) {
		labels_raise(m->labels, msg->label.public_key, msg->label.newest_s, clock_mono());
		return;
	}
	if (m->phase == STOPPING)
		return;
	if (msg->type == PRIVSEP_PONG) {
		watchdog_answered(m->watchdog);
		return;
	}
	if (msg->type == PRIVSEP_READY) {
		on_ready(m);
		return;
	}
	if (msg->type == PRIVSEP_RELOAD) {
		reload_ask(m);
		return;
	}
	h = m->slots[msg->slot.slot];
	next = reload_find(m, msg->slot.slot);
	if (next && (!h || msg->type == PRIVSEP_TUNNEL_FAILED))
		h = next;
	if (!h)
		return; /* it had not yet read that the tunnel is gone */
	if (msg->type == PRIVSEP_BIND)
		on_bind(m, h, &msg->bind);
	else if (msg->type == PRIVSEP_MARK)
		on_mark(m, h, &msg->mark);
	else if (msg->type == PRIVSEP_STATE)
		keep_state(h, &fd);
	else if (msg->type == PRIVSEP_PEER_STATE)
		on_peer_state(m, h, &msg->peer_state);
	else if (msg->type == PRIVSEP_PATH_MTU)
		on_path_mtu(m, h, &msg->path_mtu);
	else if (msg->type == PRIVSEP_TUN_LOST)
		kernel_check_device(m, h);
	else if (msg->type == PRIVSEP_PATH)
		kernel_check_path(m, h, &msg->path);
	else if (msg->type == PRIVSEP_TUNNEL_FAILED)
		on_tunnel_failed(m, h, &msg->failed);
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
	static const struct engine_link_upcalls upcalls = {on_message, on_broken};
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
