/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_flush.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "natd/conf.h"
#include "natd/flow_role.h"
#include "netlink/conntrack.h"
#include "netlink/model.h"

#define PATIENCE_MS 1000 /* with the kernel, for a part of its list */

/* A set of addresses. */
struct addrs {
	struct addr *items;
	size_t n;
};

struct flow_flush {
	sd_event *event;
	const struct natd_conf *conf;
	struct addrs present;      /* on the uplinks when last looked at */
	bool up[NATD_UPLINKS_MAX]; /* of each uplink, the same */
	struct addrs own;          /* of this host, on whichever interface */
	struct addrs gone;         /* whose flows are being ended */
	bool untranslated;         /* those are being ended as well */
	bool unlisted;             /* and so are those that nobody may begin */
	bool again;                /* there is more to end since the list was begun */
	struct conntrack_list *list;
	struct conntrack_request *request;
	sd_event_source *parts;
	uint64_t ended, ended_untranslated, ended_leaving, ended_unlisted;
};

/* --- addresses -------------------------------------------------------------------------------- */

static bool has(const struct addrs *set, const struct addr *addr)
{
	for (size_t i = 0; i < set->n; i++)
		if (addr_equal(&set->items[i], addr))
			return true;
	return false;
}

static int put(struct addrs *set, const struct addr *addr)
{
	struct addr *grown;

	if (has(set, addr))
		return 0;
	grown = reallocarray(set->items, set->n + 1, sizeof(grown[0]));
	if (!grown)
		return -ENOMEM;
	set->items = grown;
	grown[set->n++] = *addr;
	return 0;
}

static void drop(struct addrs *set, const struct addr *addr)
{
	for (size_t i = 0; i < set->n; i++)
		if (addr_equal(&set->items[i], addr)) {
			set->items[i] = set->items[--set->n];
			return;
		}
}

static void clear(struct addrs *set)
{
	free(set->items);
	*set = (struct addrs){0};
}

/* The link of an uplink, NULL if the interface is none. */
static const struct nl_link *uplink_of(
	const struct natd_conf *conf, const struct nl_state *net, uint32_t ifindex)
{
	for (size_t i = 0; i < conf->n_uplinks; i++) {
		const struct nl_link *link = model_link_by_name(net, conf->uplinks[i].name);

		if (link && link->ifindex == ifindex)
			return link;
	}
	return NULL;
}

static bool is_up(const struct natd_uplink *uplink, const struct nl_state *net)
{
	const struct nl_link *link = model_link_by_name(net, uplink->name);

	return link && link->up;
}

static bool is_among(const struct addr *addrs, size_t n, const struct addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&addrs[i], addr))
			return true;
	return false;
}

/* Whether flows by this address, which an uplink is given, have another way to leave. */
static bool leaves_elsewhere(
	const struct natd_conf *conf, const struct nl_state *net, const struct addr *addr)
{
	for (size_t i = 0; i < conf->n_uplinks; i++)
		if (is_up(&conf->uplinks[i], net) &&
			is_among(conf->uplinks[i].snat, conf->uplinks[i].n_snat, addr))
			return true;
	for (size_t i = 0; i < conf->n_subnets; i++)
		if (is_among(conf->subnets[i].snat, conf->subnets[i].n_snat, addr))
			return true;
	return false;
}

/* On whichever interface: one that has moved is still there. */
static bool is_present(const struct nl_state *net, const struct addr *addr)
{
	for (size_t i = 0; i < net->n_addrs; i++)
		if (addr_equal(&net->addrs[i].local.addr, addr))
			return true;
	return false;
}

/* --- ending flows ----------------------------------------------------------------------------- */

static bool covers(const struct natd_prefix *prefixes, size_t n, const struct addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_contains(&prefixes[i].prefix, addr))
			return true;
	return false;
}

static bool is_in_subnets(const struct natd_conf *conf, const struct addr *addr)
{
	for (size_t i = 0; i < conf->n_subnets; i++)
		if (prefix_contains(&conf->subnets[i].prefix, addr))
			return true;
	return false;
}

/* Where the subnets go with their own addresses. */
static bool is_reached_as_it_is(const struct flow_flush *flush, const struct addr *addr)
{
	const struct natd_conf *conf = flush->conf;

	return is_in_subnets(conf, addr) ||
	       covers(conf->never_uplink, conf->n_never_uplink, addr) ||
	       covers(conf->exempt, conf->n_exempt, addr) || has(&flush->present, addr);
}

static bool should_be_translated(const struct flow_flush *flush, const struct conntrack_flow *flow)
{
	struct flow_role role;

	return !flow->src_nat && !flow->dst_nat && flow_role_of(flush->conf, flow, &role) &&
	       !role.inward &&
	       natd_translation_of(&flush->conf->subnets[role.subnet]) != NATD_NONE &&
	       !is_reached_as_it_is(flush, &flow->original.dst);
}

/* It began under a config that knew of no tunnel there, and its packets are dropped now. */
static bool should_not_leave(const struct flow_flush *flush, const struct conntrack_flow *flow)
{
	const struct natd_conf *conf = flush->conf;

	return flow->src_nat &&
	       covers(conf->never_uplink, conf->n_never_uplink, &flow->original.dst);
}

static bool should_not_have_begun(const struct flow_flush *flush, const struct conntrack_flow *flow)
{
	const struct natd_conf *conf = flush->conf;
	const struct addr *from = &flow->original.src, *to = &flow->original.dst;

	return !flow->src_nat && !flow->dst_nat && !has(&flush->own, from) &&
	       !has(&flush->own, to) && !is_in_subnets(conf, from) &&
	       !(covers(conf->never_uplink, conf->n_never_uplink, from) && is_in_subnets(conf, to));
}

static void end_flow(enum conntrack_event event, const struct conntrack_flow *flow, void *arg)
{
	struct flow_flush *flush = arg;

	(void)event;
	if ((flow->src_nat && has(&flush->gone, &flow->reply.dst)) ||
		(flow->dst_nat && has(&flush->gone, &flow->original.dst)))
		flush->ended += conntrack_delete(flush->request, flow) == 0;
	else if (flush->untranslated && should_be_translated(flush, flow))
		flush->ended_untranslated += conntrack_delete(flush->request, flow) == 0;
	else if (flush->untranslated && should_not_leave(flush, flow))
		flush->ended_leaving += conntrack_delete(flush->request, flow) == 0;
	else if (flush->unlisted && should_not_have_begun(flush, flow))
		flush->ended_unlisted += conntrack_delete(flush->request, flow) == 0;
}

static void begin(struct flow_flush *flush);

static void finish(struct flow_flush *flush)
{
	flush->parts = sd_event_source_disable_unref(flush->parts);
	conntrack_list_free(flush->list);
	conntrack_request_free(flush->request);
	flush->list = NULL;
	flush->request = NULL;
}

static void tell(const struct flow_flush *flush)
{
	if (flush->gone.n)
		log_notice("%" PRIu64 " flows ended, whose address has gone", flush->ended);
	if (flush->ended_untranslated)
		log_notice("%" PRIu64 " flows ended that were not translated, and now would be",
			flush->ended_untranslated);
	if (flush->ended_leaving)
		log_notice("%" PRIu64 " flows ended that left by an uplink, and never may now",
			flush->ended_leaving);
	if (flush->ended_unlisted)
		log_notice("%" PRIu64 " flows ended that nobody in a subnet began",
			flush->ended_unlisted);
}

static int on_part(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct flow_flush *flush = arg;
	int r = conntrack_list_read(flush->list, end_flow, flush);

	(void)source;
	(void)fd;
	(void)events;
	if (r > 0)
		return 0;
	if (r < 0)
		log_warn("cannot end all flows that cannot go on: %s", strerror(-r));
	finish(flush);
	tell(flush);
	if (flush->again) {
		begin(flush);
		return 0;
	}
	clear(&flush->gone);
	flush->untranslated = flush->unlisted = false;
	return 0;
}

static void begin(struct flow_flush *flush)
{
	int r;

	flush->again = false;
	flush->ended = flush->ended_untranslated = flush->ended_leaving = 0;
	flush->ended_unlisted = 0;
	r = conntrack_list_new(ADDR_NONE, &flush->list);
	if (r == 0)
		r = conntrack_request_new(&flush->request);
	if (r == 0)
		r = sd_event_add_io(flush->event, &flush->parts, conntrack_list_fd(flush->list),
			EPOLLIN, on_part, flush);
	if (r < 0) {
		log_warn("cannot end the flows that cannot go on: %s", strerror(-r));
		finish(flush);
	}
}

static void note_gone(struct flow_flush *flush, const struct nl_state *net)
{
	char text[ADDR_STRLEN];
	size_t i = 0;

	while (i < flush->present.n) {
		struct addr addr = flush->present.items[i];

		if (is_present(net, &addr)) {
			i++;
			continue;
		}
		drop(&flush->present, &addr);
		log_notice("address %s has gone: its flows end", addr_format(&addr, text));
		if (put(&flush->gone, &addr) == 0)
			flush->again = true;
	}
}

static void note_down(
	struct flow_flush *flush, const struct natd_uplink *uplink, const struct nl_state *net)
{
	for (size_t i = 0; i < uplink->n_snat; i++)
		if (!leaves_elsewhere(flush->conf, net, &uplink->snat[i]) &&
			put(&flush->gone, &uplink->snat[i]) == 0)
			flush->again = true;
}

static void look_at_uplinks(struct flow_flush *flush, const struct nl_state *net)
{
	const struct natd_conf *conf = flush->conf;

	for (size_t i = 0; i < conf->n_uplinks; i++) {
		const struct natd_uplink *uplink = &conf->uplinks[i];
		bool up = is_up(uplink, net);

		for (size_t k = 0; up && k < uplink->n_snat; k++)
			drop(&flush->gone, &uplink->snat[k]);
		if (flush->up[i] && !up && conf->n_uplinks > 1)
			note_down(flush, uplink, net);
		flush->up[i] = up;
	}
}

static void begin_if_idle(struct flow_flush *flush)
{
	if (flush->again && !flush->list)
		begin(flush);
}

/* What does not end in time ends in the loop. */
static void wait_for_end(struct flow_flush *flush)
{
	while (flush->list) {
		struct pollfd part = {conntrack_list_fd(flush->list), POLLIN, 0};

		if (poll(&part, 1, PATIENCE_MS) <= 0)
			return;
		on_part(NULL, part.fd, EPOLLIN, flush);
	}
}

void flow_flush_refused(struct flow_flush *flush, bool unlisted_too)
{
	flush->untranslated = flush->again = true;
	flush->unlisted |= unlisted_too;
	begin_if_idle(flush);
	wait_for_end(flush);
}

void flow_flush_look(struct flow_flush *flush, const struct nl_state *net)
{
	note_gone(flush, net);
	clear(&flush->own);
	for (size_t i = 0; i < net->n_addrs; i++) {
		const struct nl_ifaddr *addr = &net->addrs[i];
		const struct nl_link *uplink = uplink_of(flush->conf, net, addr->ifindex);

		put(&flush->own, &addr->local.addr);
		if (!uplink)
			continue;
		if (uplink->up) /* back before its flows were looked for */
			drop(&flush->gone, &addr->local.addr);
		put(&flush->present, &addr->local.addr);
	}
	look_at_uplinks(flush, net);
	begin_if_idle(flush);
}

void flow_flush_set_conf(struct flow_flush *flush, const struct natd_conf *conf)
{
	flush->conf = conf;
	memset(flush->up, 0, sizeof(flush->up)); /* of others now: known when next looked at */
}

int flow_flush_new(sd_event *event, const struct natd_conf *conf, struct flow_flush **out)
{
	struct flow_flush *flush = calloc(1, sizeof(*flush));

	if (!flush)
		return -ENOMEM;
	flush->event = sd_event_ref(event);
	flush->conf = conf;
	*out = flush;
	return 0;
}

void flow_flush_free(struct flow_flush *flush)
{
	if (!flush)
		return;
	finish(flush);
	clear(&flush->present);
	clear(&flush->own);
	clear(&flush->gone);
	sd_event_unref(flush->event);
	free(flush);
}
