/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reload first tries all that can fail, beside what runs: it parses the file into a new struct,
 * opens key files, binds ports, makes the devices of new tunnels. Then the engine is told of what
 * changed; only it can tell whether the keys in the files are any. When it has carried all out, the
 * new becomes what runs, routes follow, and what is no longer wanted goes. If anything fails, the
 * engine is told of what was before, and nothing else has changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/daemon.h"
#include "base/log.h"
#include "vpnd/monitor/engine_link.h"
#include "vpnd/monitor/reconcile.h"
#include "vpnd/monitor/resolve.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"

#define REASON_SIZE sizeof(((struct privsep_reloaded *)0)->reason)

struct reload {
	struct vpnd_conf *conf;
	struct groups *groups;
	char hash[VPND_CONF_HASH_STRLEN];
	/* by slot; all NULL for a tunnel that goes */
	const struct vpnd_tunnel_conf *same[PRIVSEP_TUNNELS]; /* stays as it is: its new config */
	struct held *next[PRIVSEP_TUNNELS];                   /* is new or changes */
	bool failed; /* the engine could not carry it out */
	char reason[REASON_SIZE];
};

struct held *reload_find(const struct monitor *m, uint32_t slot)
{
	return m->reload ? m->reload->next[slot] : NULL;
}

static void answer(struct monitor *m, int error, const char *reason)
{
	struct privsep_reloaded a = {.type = PRIVSEP_RELOADED, .error = -error};

	memcpy(a.config_hash, m->hash, sizeof(a.config_hash));
	snprintf(a.reason, sizeof(a.reason), "%s", reason);
	if (m->link)
		engine_link_send(m->link, &a, sizeof(a), -1);
}

/* Let go of what was prepared. */
static void discard(struct monitor *m)
{
	struct reload *rl = m->reload;

	m->reload = NULL;
	for (uint32_t i = 0; i < PRIVSEP_TUNNELS; i++) {
		if (!rl->next[i])
			continue;
		if (!m->slots[i])
			uapisock_unlink(rl->next[i]->name, &rl->next[i]->uapi);
		held_free(rl->next[i]);
	}
	groups_free(rl->groups);
	vpnd_conf_free(rl->conf);
	free(rl);
}

static void refuse(struct monitor *m, int error, const char *reason)
{
	log_line_limited(&m->told, clock_mono(), LOG_LEVEL_ERR,
		"reload refused, nothing has changed: %s", reason);
	history_note(m, PRIVSEP_EVENT_CONFIG, "config", reason, "refused, nothing has changed");
	answer(m, error, reason);
	discard(m);
	daemon_reloaded("Running, a new config was refused");
	upgrade_reloaded(m, false);
}

/* --- all that can fail ---------------------------------------------------------------------------
 */

static int load(struct monitor *m, struct reload *rl)
{
	struct conf_errors errors = {0};
	int r = vpnd_conf_load(m->options->config, &rl->conf, &errors);

	if (r == 0) {
		r = vpnd_conf_hash(rl->conf, rl->hash);
		rl->groups = r == 0 ? groups_new(rl->conf, m->groups) : NULL;
		r = r == 0 && !rl->groups ? -ENOMEM : r;
		snprintf(rl->reason, sizeof(rl->reason), "out of memory");
	} else {
		conf_errors_text(&errors, rl->reason, sizeof(rl->reason));
	}
	conf_errors_done(&errors);
	return r;
}

static struct held *find_tunnel(const struct monitor *m, const char *name)
{
	for (size_t i = 0; i < PRIVSEP_TUNNELS; i++)
		if (m->slots[i] && strcmp(m->slots[i]->name, name) == 0)
			return m->slots[i];
	return NULL;
}

static int free_slot(const struct monitor *m)
{
	for (int i = 0; i < (int)PRIVSEP_TUNNELS; i++)
		if (!m->slots[i] && !m->reload->next[i])
			return i;
	return -ENOSPC;
}

static int prepare_new(struct monitor *m, const struct vpnd_tunnel_conf *conf)
{
	struct reload *rl = m->reload;
	struct vpnd_speed_conf speed = rl->conf->speed;
	int r, slot = free_slot(m);

	speed.lanes = m->lanes;
	if (slot < 0) {
		snprintf(rl->reason, sizeof(rl->reason),
			"too many tunnels change at once; remove the old ones first");
		return slot;
	}
	r = held_new((uint32_t)slot, conf->name, conf, &speed, m->slots, &rl->next[slot],
		rl->reason, sizeof(rl->reason));
	return r < 0 ? r : held_make_device(rl->next[slot], rl->reason, sizeof(rl->reason));
}

/* Prepare for one tunnel of the new config. */
static int prepare(struct monitor *m, const struct vpnd_tunnel_conf *conf)
{
	struct reload *rl = m->reload;
	const struct held *old = find_tunnel(m, conf->name);
	struct keyset keys;
	bool same;
	int r;

	if (!old)
		return prepare_new(m, conf);
	r = keyset_open(conf, &keys, rl->reason, sizeof(rl->reason));
	if (r < 0)
		return r;
	same = keyset_equal(&keys, &old->keys) && vpnd_conf_tunnel_equal(conf, old->conf);
	keyset_close(&keys);
	if (same) {
		rl->same[old->slot] = conf;
		return 0;
	}
	return held_renew(
		old, conf, m->slots, &rl->next[old->slot], rl->reason, sizeof(rl->reason));
}

/* --- the engine ----------------------------------------------------------------------------------
 */

static void tell_next(struct monitor *m)
{
	for (size_t i = 0; i < PRIVSEP_TUNNELS; i++) {
		struct held *next = m->reload->next[i];

		if (!next)
			continue;
		next->told = next->ifindex != 0; /* else once its device is made again */
		if (next->told)
			tell_tunnel(m->link, next, TELL_CONFIG);
	}
	tell_plain(m->link, PRIVSEP_SYNCED, -1);
	minder_await_ready(m);
}

/* What it was told is not to be after all. */
static void tell_previous(struct monitor *m)
{
	for (uint32_t i = 0; i < PRIVSEP_TUNNELS; i++) {
		if (m->reload->next[i] && m->slots[i] && m->slots[i]->ifindex != 0)
			tell_tunnel(m->link, m->slots[i], TELL_CONFIG);
		else if (m->reload->next[i] && !m->slots[i])
			tell_slot(m->link, PRIVSEP_TUNNEL_GONE, i, -1);
	}
}

/* --- from one to the next ------------------------------------------------------------------------
 */

static void replace(struct monitor *m, uint32_t slot, struct held *next)
{
	struct held *old = m->slots[slot];

	m->slots[slot] = next;
	if (!old)
		return;
	/* Since it was prepared, things may have gone on. */
	held_take_device(next, old);
	/* A state from before would undo what was reloaded, were the engine to die now. */
	if (udpsock_mark(&next->udp, next->fwmark) < 0)
		log_err("tunnel %s: cannot set its firewall mark", next->name);
	held_free(old);
	if (next->told || next->ifindex == 0)
		return;
	/* Its device was made again meanwhile. */
	tell_tunnel(m->link, next, TELL_ALL);
	next->told = true;
}

static void remove_tunnel(struct monitor *m, uint32_t slot)
{
	struct held *h = m->slots[slot];

	log_notice("tunnel %s is removed", h->name);
	m->slots[slot] = NULL;
	resolve_forget(m->resolve, slot);
	tell_slot(m->link, PRIVSEP_TUNNEL_GONE, slot, -1);
	uapisock_unlink(h->name, &h->uapi);
	held_free(h);
}

static void switch_tunnels(struct monitor *m, struct reload *rl, bool gone[static PRIVSEP_TUNNELS])
{
	for (uint32_t i = 0; i < PRIVSEP_TUNNELS; i++) {
		gone[i] = m->slots[i] && !rl->same[i] && !rl->next[i];
		if (rl->next[i]) {
			replace(m, i, rl->next[i]);
			minder_resolve(m, m->slots[i]);
		} else if (rl->same[i]) {
			m->slots[i]->conf = rl->same[i];
		}
	}
}

/* The same descriptors, but with other switches. */
static void switch_speed(struct monitor *m, const struct vpnd_conf *old)
{
	/* Neither an engine nor a device changes their number. */
	if (m->conf->speed.lanes != old->speed.lanes)
		log_notice("there are %u lanes until vpnd is restarted", m->lanes);
	for (size_t i = 0; i < m->conf->n_tunnels; i++) {
		struct held *h = m->tunnels[i];

		if (vpnd_conf_speed_equal(&h->speed, &m->conf->speed))
			continue;
		held_set_speed(h, &m->conf->speed);
		if (h->told && h->ifindex != 0)
			tell_tunnel(m->link, h, TELL_DESCRIPTORS);
	}
}

static void commit(struct monitor *m)
{
	struct reload *rl = m->reload;
	struct vpnd_conf *old = m->conf;
	bool gone[PRIVSEP_TUNNELS];

	m->reload = NULL;
	switch_tunnels(m, rl, gone);
	m->conf = rl->conf;
	groups_free(m->groups);
	m->groups = rl->groups;
	changes_configure(m);
	memcpy(m->hash, rl->hash, sizeof(m->hash));
	monitor_order_tunnels(m);
	switch_speed(m, old);
	/* Routes leave a tunnel before it goes. */
	reconcile_resync(m->reconcile);
	reconcile_now(m->reconcile);
	for (uint32_t i = 0; i < PRIVSEP_TUNNELS; i++)
		if (gone[i])
			remove_tunnel(m, i);
	kernel_tell_routes(m);
	log_notice_limited(&m->told, clock_mono(), "config %s is in force", m->hash);
	history_note(m, PRIVSEP_EVENT_CONFIG, "config", "", "%s is in force", m->hash);
	answer(m, 0, "");
	vpnd_conf_free(old);
	free(rl);
	daemon_reloaded("Running");
	upgrade_reloaded(m, true);
}

void reload_engine_ready(struct monitor *m)
{
	if (!m->reload->failed) {
		commit(m);
		return;
	}
	tell_previous(m);
	refuse(m, -EINVAL, m->reload->reason);
}

void reload_engine_failed(struct monitor *m, const char *reason)
{
	if (!m->reload->failed)
		snprintf(m->reload->reason, sizeof(m->reload->reason), "%s", reason);
	m->reload->failed = true;
}

void reload_engine_gone(struct monitor *m)
{
	if (m->reload)
		refuse(m, -EAGAIN, "the engine ended meanwhile; try again");
}

void reload_end(struct monitor *m)
{
	if (m->reload)
		discard(m);
}

void reload_start(struct monitor *m)
{
	int r;

	if (!m->conf)
		return;
	if (m->reload || m->phase != RUNNING || !m->engine_ready) {
		log_warn_limited(&m->told, clock_mono(),
			"not reloading: a start or another reload is under way");
		answer(m, -EBUSY, "a start or another reload is under way");
		return;
	}
	daemon_reloading(clock_mono(), "Reloading");
	m->reload = calloc(1, sizeof(*m->reload));
	if (!m->reload) {
		answer(m, -ENOMEM, "out of memory");
		daemon_reloaded("Running");
		upgrade_reloaded(m, false);
		return;
	}
	r = load(m, m->reload);
	for (size_t i = 0; r == 0 && i < m->reload->conf->n_tunnels; i++)
		r = prepare(m, &m->reload->conf->tunnels[i]);
	if (r < 0)
		refuse(m, r, m->reload->reason);
	else
		tell_next(m);
}

void reload_ask(struct monitor *m)
{
	unsigned int before;

	if (m->conf && !log_allowed(&m->reloads, clock_mono(), &before))
		answer(m, -EAGAIN, "too many reloads; try again in a moment");
	else
		reload_start(m);
}
