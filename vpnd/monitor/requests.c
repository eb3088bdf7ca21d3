/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine asks for and tells. It may be in the hands of an attacker. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "vpnd/monitor/engine_link.h"
#include "vpnd/monitor/labels.h"
#include "vpnd/monitor/reconcile.h"
#include "vpnd/monitor/resolve.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"
#include "vpnd/monitor/watchdog.h"

/* Far more often than peers that flap, all of them, as fast as probes can tell. */
enum { CHANGES_PER_MINUTE = 600, CHANGES_OF_A_PEER = 300 };

/* --- sockets -------------------------------------------------------------------------------------
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

/* --- peers ---------------------------------------------------------------------------------------
 */

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

/* --- tunnels, and itself -------------------------------------------------------------------------
 */

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

void requests_take(void *arg, const union privsep_message *msg, int fd_)
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
