/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_flush.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "natd/conf.h"
#include "netlink/conntrack.h"
#include "netlink/model.h"

/* A set of addresses. */
struct addrs {
	struct addr *items;
	size_t n;
};

struct flow_flush {
	sd_event *event;
	struct addrs present; /* on the uplinks when last looked at */
	struct addrs gone;    /* whose flows are being ended */
	bool again;           /* more have gone since the list was begun */
	struct conntrack_list *list;
	struct conntrack_request *request;
	sd_event_source *parts;
	uint64_t ended;
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

static bool is_uplink(const struct natd_conf *conf, const struct nl_state *net, uint32_t ifindex)
{
	for (size_t i = 0; i < conf->n_uplinks; i++) {
		const struct nl_link *link = model_link_by_name(net, conf->uplinks[i].name);

		if (link && link->ifindex == ifindex)
			return true;
	}
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

static void end_flow(enum conntrack_event event, const struct conntrack_flow *flow, void *arg)
{
	struct flow_flush *flush = arg;

	(void)event;
	if ((flow->src_nat && has(&flush->gone, &flow->reply.dst)) ||
		(flow->dst_nat && has(&flush->gone, &flow->original.dst)))
		flush->ended += conntrack_delete(flush->request, flow) == 0;
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
		log_warn("cannot end all flows of an address that has gone: %s", strerror(-r));
	finish(flush);
	log_notice("%" PRIu64 " flows ended, whose address has gone", flush->ended);
	if (flush->again)
		begin(flush);
	else
		clear(&flush->gone);
	return 0;
}

static void begin(struct flow_flush *flush)
{
	int r;

	flush->again = false;
	flush->ended = 0;
	r = conntrack_list_new(ADDR_NONE, &flush->list);
	if (r == 0)
		r = conntrack_request_new(&flush->request);
	if (r == 0)
		r = sd_event_add_io(flush->event, &flush->parts, conntrack_list_fd(flush->list),
			EPOLLIN, on_part, flush);
	if (r < 0) {
		log_warn("cannot end the flows of an address that has gone: %s", strerror(-r));
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

void flow_flush_look(
	struct flow_flush *flush, const struct natd_conf *conf, const struct nl_state *net)
{
	note_gone(flush, net);
	for (size_t i = 0; i < net->n_addrs; i++) {
		const struct nl_ifaddr *addr = &net->addrs[i];

		if (!is_uplink(conf, net, addr->ifindex))
			continue;
		drop(&flush->gone, &addr->local.addr); /* back before its flows were looked for */
		put(&flush->present, &addr->local.addr);
	}
	if (flush->again && !flush->list)
		begin(flush);
}

int flow_flush_new(sd_event *event, struct flow_flush **out)
{
	struct flow_flush *flush = calloc(1, sizeof(*flush));

	if (!flush)
		return -ENOMEM;
	flush->event = sd_event_ref(event);
	*out = flush;
	return 0;
}

void flow_flush_free(struct flow_flush *flush)
{
	if (!flush)
		return;
	finish(flush);
	clear(&flush->present);
	clear(&flush->gone);
	sd_event_unref(flush->event);
	free(flush);
}
