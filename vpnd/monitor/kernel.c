/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces, addresses and routes: what the config wants of them, and what becomes of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "netlink/way.h"
#include "vpnd/monitor/desired.h"
#include "vpnd/monitor/reconcile.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"
#include "vpnd/monitor/tundev.h"

/* --- interfaces ----------------------------------------------------------------------------------
 */

static void note_interface(struct monitor *m, const struct held *h, const char *what)
{
	char subject[IFNAMSIZ + 16];

	snprintf(subject, sizeof(subject), "interface %s", h->name);
	history_note(m, PRIVSEP_EVENT_INTERFACE, subject, "", "%s", what);
}

/* Returns true if there is a device again. */
static bool remake(struct monitor *m, struct held *h)
{
	char err[256];

	if (held_make_device(h, err, sizeof(err)) < 0) {
		log_debug("%s", err);
		reconcile_later(m->reconcile);
		return false;
	}
	log_notice("interface %s is made again", h->name);
	note_interface(m, h, "made again");
	if (m->link)
		tell_tunnel(m->link, h, h->told ? TELL_DESCRIPTORS : TELL_ALL);
	h->told = m->link != NULL;
	reconcile_soon(m->reconcile);
	return true;
}

static void lose(struct monitor *m, struct held *h)
{
	if (tundev_alive(h->tun_fd)) {
		log_notice("interface %s was moved to another network namespace", h->name);
		note_interface(m, h, "moved to another network namespace");
		h->away = true;
		h->up = true; /* nobody tells us any more; what is down gives us no packets */
		if (m->link)
			tell_link(m->link, h, false);
		return;
	}
	if (m->link)
		tell_link(m->link, h, true);
	if (!m->conf) {
		log_notice("interface %s was deleted: that ends vpnd", h->name);
		monitor_stop(m, EXIT_SUCCESS);
		return;
	}
	log_warn("interface %s was deleted by another program", h->name);
	note_interface(m, h, "deleted by another program");
	h->ifindex = 0;
	h->away = false;
}

void kernel_check_device(struct monitor *m, struct held *h)
{
	if (h->ifindex == 0 || tundev_alive(h->tun_fd))
		return;
	lose(m, h);
	reconcile_soon(m->reconcile);
}

static void follow(struct monitor *m, struct held *h, const struct nl_link *link)
{
	if (h->away && strcmp(link->name, h->name) != 0)
		return; /* another one, whose number happens to be that of ours elsewhere */
	h->away = false;
	if (link->mtu == h->mtu && link->up == h->up)
		return;
	h->mtu = link->mtu;
	h->up = link->up;
	if (m->link)
		tell_link(m->link, h, false);
}

static bool observed(void *arg, const struct nl_state *state)
{
	struct monitor *m = arg;
	bool remade = false;

	for (size_t i = 0; i < PRIVSEP_TUNNELS && m->phase != STOPPING; i++) {
		struct held *h = m->slots[i];
		const struct nl_link *link = h ? model_link_by_index(state, h->ifindex) : NULL;

		if (link)
			follow(m, h, link);
		else if (h && h->ifindex != 0 && !h->away)
			lose(m, h);
		if (h && h->ifindex == 0 && h->tun_fd >= 0) /* not before it was made once */
			remade |= remake(m, h);
	}
	return remade;
}

/* --- addresses and routes ------------------------------------------------------------------------
 */

/* All of ours that is there. */
static int keep_all(const struct nl_state *state, struct nl_state *wanted)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < state->n_routes; i++)
		if (state->routes[i].protocol == NL_PROTO_GATEHOUSE)
			r = model_put_route(wanted, &state->routes[i]);
	for (size_t i = 0; r >= 0 && i < state->n_rules; i++)
		if (state->rules[i].protocol == NL_PROTO_GATEHOUSE)
			r = model_put_rule(wanted, &state->rules[i]);
	for (size_t i = 0; r >= 0 && i < state->n_nexthops; i++)
		if (state->nexthops[i].protocol == NL_PROTO_GATEHOUSE)
			r = model_put_nexthop(wanted, &state->nexthops[i]);
	for (size_t i = 0; r >= 0 && i < state->n_addrs; i++)
		if (state->addrs[i].protocol == NL_PROTO_GATEHOUSE)
			r = model_put_addr(wanted, &state->addrs[i]);
	return r < 0 ? r : 0;
}

/*
 * Until the devices are ours nothing is taken away: another instance may run here, and then we are
 * about to find its devices in our way and leave.
 */
static int want(void *arg, const struct nl_state *state, struct nl_state *wanted)
{
	const struct desired_kernel kernel = {state->has_nexthops, state->has_rules};
	const struct monitor *m = arg;
	mono_t next;
	int r;

	if (!m->tunnels[0]) {
		r = keep_all(state, wanted);
		return r < 0 ? r : desired_build_guards(m->conf, kernel, wanted);
	}
	if (m->phase == STOPPING)
		return desired_build_guards(m->conf, kernel, wanted);
	next = groups_update(m->groups, m->tunnels, clock_mono());
	reconcile_at(m->reconcile, next);
	return desired_build(m->conf, m->tunnels, m->groups, kernel, wanted);
}

static bool in_our_place(void *arg, const struct nl_route *route)
{
	const struct monitor *m = arg;

	if (!m->conf || (route->metric != DESIRED_METRIC && route->metric != DESIRED_GUARD_METRIC))
		return false;
	for (size_t i = 0; i < m->conf->n_routes; i++)
		if (m->conf->routes[i].table == route->table &&
			prefix_equal(&m->conf->routes[i].prefix, &route->dst))
			return true;
	return false;
}

/* --- routes, for status and log ------------------------------------------------------------------
 */

static uint32_t slot_of(const struct monitor *m, const struct group *g, size_t member)
{
	return m->tunnels[g->members[member].tunnel]->slot;
}

static struct privsep_route describe(
	const struct monitor *m, size_t i, const struct nl_state *state)
{
	const struct vpnd_route_conf *route = &m->conf->routes[i];
	const struct group *g = groups_of(m->groups, i);
	int backup = choice_backup(&g->choice, &g->policy, groups_here(g, m->tunnels));
	struct nl_route key = desired_route(route);
	struct privsep_route out = {.type = PRIVSEP_ROUTE,
		.prefix = route->prefix,
		.table = route->table,
		.slot = PRIVSEP_TUNNELS,
		.backup_slot = backup < 0 ? PRIVSEP_TUNNELS : slot_of(m, g, (size_t)backup)};

	for (uint8_t via = 0; via < g->policy.n; via++) {
		if (!(g->choice.chosen & 1U << via))
			continue;
		if (out.slot == PRIVSEP_TUNNELS)
			out.slot = slot_of(m, g, via);
		else
			out.more[out.n_more++] = slot_of(m, g, via);
	}
	if (out.slot == PRIVSEP_TUNNELS)
		out.slot = slot_of(m, g, 0); /* the first to wait for */
	else
		out.installed = model_find_route(state, &key) != NULL;
	return out;
}

#define NAMES_SIZE ((size_t)VPND_CONF_VIA_MAX * (IFNAMSIZ + 2))

static const char *name_of(const struct monitor *m, uint32_t slot)
{
	return slot < PRIVSEP_TUNNELS && m->slots[slot] ? m->slots[slot]->name : "another tunnel";
}

/* "city-a" or "city-a, city-b": who carries it now. */
static char *name_all(
	const struct monitor *m, const struct privsep_route *route, char *out, size_t len)
{
	int n = snprintf(out, len, "%s", name_of(m, route->slot));

	for (size_t i = 0; i < route->n_more && n >= 0 && (size_t)n < len; i++)
		n += snprintf(out + n, len - (size_t)n, ", %s", name_of(m, route->more[i]));
	return out;
}

static bool same_way(const struct privsep_route *a, const struct privsep_route *b)
{
	return a->slot == b->slot && a->installed == b->installed && a->n_more == b->n_more &&
	       memcmp(a->more, b->more, sizeof(a->more)) == 0;
}

static bool carries(const struct privsep_route *route, uint32_t slot)
{
	bool found = route->installed && route->slot == slot;

	for (size_t i = 0; i < route->n_more; i++)
		found |= route->more[i] == slot;
	return found;
}

/* Which tunnel's doing it is; empty if none of them changed. */
static const char *why_moved(const struct monitor *m, size_t i, const struct privsep_route *from,
	const struct privsep_route *to, char out[static NAMES_SIZE])
{
	const struct group *g = groups_of(m->groups, i);
	const char *lost = NULL, *back = NULL;

	for (uint8_t via = 0; via < g->policy.n; via++) {
		uint32_t slot = slot_of(m, g, via);
		bool up = g->choice.up & 1U << via;

		if (carries(from, slot) && !up)
			lost = name_of(m, slot);
		else if (carries(to, slot) && !carries(from, slot))
			back = name_of(m, slot);
	}
	snprintf(out, NAMES_SIZE, "%s%s",
		lost   ? lost
		: back ? back
		       : "",
		lost   ? " is down"
		: back ? " is up"
		       : "");
	return out;
}

static void log_move(struct monitor *m, size_t i, const struct privsep_route *from,
	const struct privsep_route *to)
{
	char prefix[PREFIX_STRLEN], old[NAMES_SIZE], new[NAMES_SIZE], why[NAMES_SIZE], subject[64];
	char what[2 * NAMES_SIZE + 64];

	if (same_way(from, to))
		return;
	prefix_format(&to->prefix, prefix);
	name_all(m, from, old, sizeof(old));
	name_all(m, to, new, sizeof(new));
	if (!to->installed)
		snprintf(what, sizeof(what), "is unreachable now, it went by %s", old);
	else if (!from->installed)
		snprintf(what, sizeof(what), "goes by %s now", new);
	else
		snprintf(what, sizeof(what), "goes by %s now, no longer by %s", new, old);
	log_notice_limited(&m->moves, clock_mono(), "%s %s", prefix, what);
	snprintf(subject, sizeof(subject), "prefix %s", prefix);
	history_note(m, PRIVSEP_EVENT_ROUTE, subject, why_moved(m, i, from, to, why), "%s", what);
}

static bool same_routes(const struct monitor *m)
{
	if (m->n_routes != m->conf->n_routes)
		return false;
	for (size_t i = 0; i < m->n_routes; i++)
		if (!prefix_equal(&m->routes[i].prefix, &m->conf->routes[i].prefix) ||
			m->routes[i].table != m->conf->routes[i].table)
			return false;
	return true;
}

/* Room for the routes of a config that has others than the last. */
static bool renew_routes(struct monitor *m)
{
	struct privsep_route *routes = NULL;

	if (same_routes(m))
		return true;
	if (m->conf->n_routes > 0) {
		routes = calloc(m->conf->n_routes, sizeof(*routes));
		if (!routes)
			return false;
	}
	free(m->routes);
	m->routes = routes;
	m->n_routes = m->conf->n_routes;
	return true;
}

static void note_overrun(struct monitor *m)
{
	log_warn("the kernel told more than could be read: its tables were read anew");
	history_note(m, PRIVSEP_EVENT_REPAIR, "kernel", "it told more than could be read",
		"its tables were read anew");
}

/* Counters go with a change of one of them. */
static void tell_counters(struct monitor *m)
{
	struct reconcile_counters c = reconcile_counters(m->reconcile);
	struct privsep_kernel now = {.type = PRIVSEP_KERNEL,
		.repairs = c.repairs,
		.overruns = c.overruns,
		.resyncs = c.resyncs};

	if (now.repairs == m->kernel.repairs && now.overruns == m->kernel.overruns &&
		now.resyncs == m->kernel.resyncs)
		return;
	if (now.overruns != m->kernel.overruns)
		note_overrun(m);
	m->kernel = now;
	if (m->link)
		engine_link_send(m->link, &m->kernel, sizeof(m->kernel), -1);
}

static void settled(void *arg, const struct nl_state *state)
{
	struct monitor *m = arg;
	bool changed = false;

	if (m->reconcile)
		tell_counters(m);
	if (!m->conf || m->phase == STOPPING || !m->tunnels[0] || !renew_routes(m))
		return;
	for (size_t i = 0; i < m->n_routes; i++) {
		struct privsep_route now = describe(m, i, state);
		struct privsep_route *last = &m->routes[i];

		if (last->type != 0 && same_way(last, &now) && last->backup_slot == now.backup_slot)
			continue;
		if (last->type != 0)
			log_move(m, i, last, &now);
		*last = now;
		changes_tell_route(m, &now);
		changed = true;
	}
	if (changed)
		kernel_tell_routes(m);
}

void kernel_tell_routes(struct monitor *m)
{
	if (!m->link)
		return;
	m->kernel.type = PRIVSEP_KERNEL;
	engine_link_send(m->link, &m->kernel, sizeof(m->kernel), -1);
	tell_plain(m->link, PRIVSEP_ROUTES, -1);
	for (size_t i = 0; i < m->n_routes; i++)
		engine_link_send(m->link, &m->routes[i], sizeof(m->routes[i]), -1);
}

static void repaired(void *arg, const char *step, unsigned int more)
{
	char why[64];

	snprintf(why, sizeof(why), "another program changed it");
	if (more > 0)
		snprintf(why, sizeof(why), "another program changed it; %u more before", more);
	history_note(arg, PRIVSEP_EVENT_REPAIR, "kernel", why, "repaired: %s", step);
}

/* --- local addresses -----------------------------------------------------------------------------
 */

/* The engine asks by PATH what that means for each peer. */
static void rerouted(void *arg)
{
	const struct monitor *m = arg;

	if (m->link)
		tell_plain(m->link, PRIVSEP_REROUTED, -1);
}

void kernel_check_path(struct monitor *m, const struct held *h, const struct privsep_path *path)
{
	const struct way_query query = {.local = path->local,
		.remote = path->remote.addr,
		.local_port = h->udp.port,
		.remote_port = path->remote.port,
		.fwmark = h->fwmark};
	struct privsep_path stale = *path;
	uint32_t ifindex;

	if (way_find(m->way, &query, &ifindex) == 0 && ifindex == path->ifindex)
		return;
	stale.type = PRIVSEP_PATH_STALE;
	engine_link_send(m->link, &stale, sizeof(stale), -1);
}

/* --- life ----------------------------------------------------------------------------------------
 */

int kernel_prepare(struct monitor *m)
{
	static const struct reconcile_upcalls full = {
		observed, want, in_our_place, repaired, rerouted, settled};
	static const struct reconcile_upcalls links_only = {.observed = observed,
		.in_our_place = in_our_place,
		.rerouted = rerouted,
		.settled = settled};
	int r = way_new(&m->way);

	if (r == 0)
		r = reconcile_new(m->event, m->conf ? &full : &links_only, m, &m->reconcile);

	if (r < 0)
		log_err("cannot observe the kernel's interfaces and routes: %s", strerror(-r));
	return r;
}

void kernel_end(struct monitor *m)
{
	reconcile_free(m->reconcile);
	way_free(m->way);
	free(m->routes);
}
