/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start-up tries what can fail before it touches the kernel's routes: another instance shows by its
 * lock, ports, sockets and interfaces. The guards come before the first device: from then on no
 * packet to a configured prefix leaves in clear, whatever happens here.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/args.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "vpnd/monitor/handover.h"
#include "vpnd/monitor/hook.h"
#include "vpnd/monitor/labels.h"
#include "vpnd/monitor/process.h"
#include "vpnd/monitor/reconcile.h"
#include "vpnd/monitor/state.h"

#define LAST_ENGINE_NS 1000000000 /* how long an engine without a monitor may take to die */
#define LAST_ENGINE_TRIES 50
#define FALLBACK_USER "nobody"
#define STATE_DIR "/var/lib/gatehouse"
#define PATH_SIZE SOCKETS_PATH

/* --- before anything is touched ------------------------------------------------------------------
 */

static int load_config(struct monitor *m)
{
	struct conf_errors errors = {0};
	int r;

	if (!m->options->config)
		return 0;
	r = vpnd_conf_load(m->options->config, &m->conf, &errors);
	if (r < 0)
		conf_errors_print(stderr, &errors);
	else
		r = vpnd_conf_hash(m->conf, m->hash);
	conf_errors_done(&errors);
	m->groups = r == 0 ? groups_new(m->conf, NULL) : NULL;
	if (m->groups && m->handover)
		groups_adopt(m->groups, m->handover);
	return r == 0 && !m->groups ? -ENOMEM : r;
}

/* So that a wrong key file stops vpnd before it has changed anything. */
static int try_keys(const struct vpnd_conf *conf)
{
	struct keyset keys;
	char err[1024];

	for (size_t i = 0; conf && i < conf->n_tunnels; i++) {
		int r = keyset_open(&conf->tunnels[i], &keys, err, sizeof(err));

		if (r < 0) {
			log_err("%s", err);
			return r;
		}
		keyset_close(&keys);
	}
	return 0;
}

/* Without a config there are neither routes to fight over nor a control socket. */
static int begin(struct monitor *m)
{
	char err[1024];
	int r;

	if (!m->conf)
		return 0;
	if (m->handover) {
		m->instance.directory = cleanup_take_fd(&m->handover->lock);
		m->instance.network = cleanup_take_fd(&m->handover->network);
	}
	r = instance_begin("vpnd", m->options->run_dir, &m->instance, err, sizeof(err));
	if (r != 0)
		log_line(r < 0 ? LOG_LEVEL_ERR : LOG_LEVEL_WARNING, "%s", err);
	return r < 0 ? r : 0;
}

static int find_user(struct monitor *m)
{
	const char *name = m->conf ? m->conf->engine_user : VPND_CONF_USER;
	int r = sandbox_user(name, NULL, &m->uid, &m->gid);

	if (r == -ENOENT && strcmp(name, VPND_CONF_USER) == 0) {
		log_warn("there is no user \"%s\": the engine runs as \"%s\"", name, FALLBACK_USER);
		m->fallback_user = true;
		r = sandbox_user(FALLBACK_USER, NULL, &m->uid, &m->gid);
	}
	if (r < 0)
		log_err("engine_user \"%s\": %s", name,
			r == -EPERM    ? "may not be root"
			: r == -ENOENT ? "there is no such user"
				       : strerror(-r));
	return r;
}

/*
 * Every tunnel is some descriptors, and all are in flight at once when an engine starts.
 * Each engine inherits our priority: woken first, it works off more at a time. A limit to raise
 * would be another way, but takes a privilege that containers lack more often than this one. Where
 * it is not granted all else works.
 */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	setpriority(PRIO_PROCESS, 0, PROCESS_NICE);
}

/*
 * What has to outlive a reboot: beside the sockets of one that is told where to put them. Without a
 * config nothing is kept unless there is a place for it.
 */
static int read_labels(struct monitor *m)
{
	bool moved = strcmp(m->options->run_dir, ARGS_RUN_DIR) != 0;
	char directory[PATH_SIZE], path[PATH_SIZE + IFNAMSIZ + 16];

	snprintf(directory, sizeof(directory), "%s%s", moved ? m->options->run_dir : STATE_DIR,
		moved ? "/state" : "");
	if (m->conf && mkdir(directory, 0700) < 0 && errno != EEXIST)
		log_warn("cannot make %s: %s", directory, strerror(errno));
	snprintf(path, sizeof(path), "%s/%s%s", directory, m->conf ? "" : m->options->ifname,
		m->conf ? "labels" : ".labels");
	m->labels = labels_new(path);
	return m->labels ? 0 : -ENOMEM;
}

/* --- what may touch the kernel -------------------------------------------------------------------
 */

/*
 * The engine of a monitor that was killed just now may not have died yet. True, a moment later, if
 * what it holds is worth another try.
 */
static bool may_be_freed(int result, int *tries)
{
	const struct timespec pause = {.tv_nsec = LAST_ENGINE_NS / LAST_ENGINE_TRIES};

	return result == -EADDRINUSE && --*tries > 0 && nanosleep(&pause, NULL) == 0;
}

static void count_lanes(struct monitor *m)
{
	uint32_t wanted = m->conf ? m->conf->speed.lanes : VPND_CONF_SPEED.lanes;

	m->lanes = vpnd_conf_lanes(wanted, process_cores());
	log_info("lanes: %u", m->lanes);
}

static int hold_one(
	struct monitor *m, uint32_t slot, const char *name, const struct vpnd_tunnel_conf *conf)
{
	struct vpnd_speed_conf speed = m->conf ? m->conf->speed : VPND_CONF_SPEED;
	struct handover_tunnel *before = handover_find(m->handover, name);
	char err[1024];
	int r, tries = LAST_ENGINE_TRIES;

	speed.lanes = m->lanes;
	do {
		if (before)
			r = held_adopt(slot, name, conf, &speed, before, &m->slots[slot], err,
				sizeof(err));
		else
			r = held_new(slot, name, conf, &speed, m->slots, &m->slots[slot], err,
				sizeof(err));
	} while (may_be_freed(r, &tries));
	if (r < 0)
		log_err("%s", err);
	return r;
}

/* All but the devices: whoever runs here already has one of these, and we leave. */
static int hold_all(struct monitor *m)
{
	int r = 0;

	if (!m->conf)
		r = hold_one(m, 0, m->options->ifname, NULL);
	for (uint32_t i = 0; r == 0 && m->conf && i < m->conf->n_tunnels; i++)
		r = hold_one(m, i, m->conf->tunnels[i].name, &m->conf->tunnels[i]);
	return r;
}

static int make_devices(struct monitor *m)
{
	char err[256];
	int r = 0;

	for (size_t i = 0; r == 0 && i < PRIVSEP_TUNNELS; i++) {
		struct held *h = m->slots[i];

		if (h && h->tun_fd >= 0 && held_add_queues(h, err, sizeof(err)) < 0)
			log_warn("%s: its lanes share one", err);
		if (!h || h->tun_fd >= 0)
			continue;
		r = held_make_device(h, err, sizeof(err));
		if (r < 0)
			log_err("%s", err);
	}
	monitor_order_tunnels(m);
	return r;
}

static int listen_control(struct monitor *m)
{
	char path[SOCKETS_PATH];
	int r, tries = LAST_ENGINE_TRIES;

	do {
		r = sockets_listen(m, path);
	} while (may_be_freed(r, &tries));
	if (r < 0)
		log_err("cannot listen on %s: %s", path, strerror(-r));
	return r;
}

static int restrict_privilege(void)
{
	static const int caps[] = {
		CAP_NET_ADMIN,        /* interfaces, addresses, routes, firewall marks, buffers */
		CAP_NET_BIND_SERVICE, /* UDP ports below 1024 */
		CAP_SETUID, CAP_SETGID, CAP_SETPCAP, /* to take all away from the engine */
		CAP_KILL, /* to end it, for it is another user's process */
	};
	int r = sandbox_restrict_caps(caps, sizeof(caps) / sizeof(caps[0]));

	if (r < 0)
		log_err("cannot drop capabilities: %s", strerror(-r));
	return r;
}

static int start_engine(struct monitor *m)
{
	int r = minder_prepare(m);

	if (r == 0)
		r = minder_start(m);
	if (r < 0) {
		log_err("cannot start the engine: %s", strerror(-r));
		return r;
	}
	for (size_t i = 0; i < PRIVSEP_TUNNELS; i++)
		if (m->slots[i])
			minder_resolve(m, m->slots[i]);
	return 0;
}

static int prepare(struct monitor *m)
{
	int r = load_config(m);

	if (r == 0)
		r = begin(m);
	if (r == 0)
		r = find_user(m);
	if (r == 0)
		r = try_keys(m->conf);
	if (r < 0)
		return r;
	raise_limits();
	count_lanes(m);
	r = read_labels(m);
	if (r == 0)
		r = sd_event_new(&m->event);
	if (r >= 0)
		r = monitor_watch_signals(m);
	if (r >= 0)
		r = hook_new(m->event, &m->hook);
	if (r >= 0 && m->handover)
		r = hook_adopt(m->hook, m->handover);
	if (r < 0)
		log_err("cannot set up the event loop: %s", strerror(-r));
	else if (m->conf)
		r = changes_configure(m);
	return r < 0 ? r : 0;
}

int start_up(struct monitor *m)
{
	int r = prepare(m);

	if (r == 0)
		r = hold_all(m);
	if (r == 0)
		r = listen_control(m);
	if (r == 0)
		r = kernel_prepare(m);
	if (r == 0)
		r = reconcile_now(m->reconcile); /* the guards: no device is known yet */
	if (r == 0)
		r = make_devices(m);
	if (r == 0)
		r = restrict_privilege();
	if (r == 0)
		r = sockets_watch(m);
	if (r >= 0)
		r = reconcile_now(m->reconcile);
	return r < 0 ? r : start_engine(m);
}
