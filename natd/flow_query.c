/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_query.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/flow_words.h"
#include "base/log.h"
#include "natd/flow_filter.h"
#include "natd/flow_watch.h"
#include "natd/flows.h"

struct query {
	struct flow_watch *watch;
	struct conntrack_list *list;
	struct conntrack_request *request; /* to kill by; NULL: only list them */
	struct flow_filter filter;
	uint64_t limit; /* UINT64_MAX: none */
	uint64_t matched, killed, failed;
	json_t *items; /* of the line that is being made */
};

static void query_free(void *arg)
{
	struct query *q = arg;

	if (!q)
		return;
	json_decref(q->items);
	conntrack_list_free(q->list);
	conntrack_request_free(q->request);
	free(q);
}

/* --- one flow --------------------------------------------------------------------------------- */

static json_t *json_port(uint8_t protocol, uint16_t port)
{
	/* Of ICMP it is an id, or type and code: nothing to look for. */
	return conntrack_has_ports(protocol) ? json_integer(port) : json_null();
}

static json_t *json_counts(const struct conntrack_flow *flow, uint64_t value)
{
	return flow->has_counts ? json_integer((json_int_t)value) : json_null();
}

static json_t *json_flow(
	struct flow_watch *watch, const struct conntrack_flow *flow, const struct flow_role *role)
{
	struct conntrack_count out = flow_role_out(role, flow), in = flow_role_in(role, flow);
	struct flow_end to = {flow->original.dst, flow->original.dst_port};
	char protocol[FLOW_WORDS_PROTOCOL_STRLEN], source[ADDR_STRLEN], destination[ADDR_STRLEN];
	char public[ADDR_STRLEN];
	bool translated = role->public.addr.family != ADDR_NONE;
	uint64_t age_ms;
	bool aged = flows_age(flow_watch_flows(watch), flow, clock_mono(), &age_ms);

	if (role->inward)
		to = role->inside;
	return json_pack("{ss, ss, sb, ss, so, ss, so, ss?, so, so, sI, so, so, so, so}",
		"protocol", flow_words_protocol(flow->protocol, protocol), "state",
		flow_role_state(flow), "inward", role->inward, "source",
		addr_format(&flow->original.src, source), "source_port",
		json_port(flow->protocol, flow->original.src_port), "destination",
		addr_format(&to.addr, destination), "destination_port",
		json_port(flow->protocol, to.port), "nat",
		translated ? addr_format(&role->public.addr, public) : NULL, "nat_port",
		translated ? json_port(flow->protocol, role->public.port) : json_null(), "age_s",
		aged ? json_integer((json_int_t)(age_ms / 1000)) : json_null(), "timeout_s",
		(json_int_t)flow->timeout_s, "out_packets", json_counts(flow, out.packets),
		"out_bytes", json_counts(flow, out.bytes), "in_packets",
		json_counts(flow, in.packets), "in_bytes", json_counts(flow, in.bytes));
}

static void kill_flow(struct query *q, const struct conntrack_flow *flow)
{
	int r = conntrack_delete(q->request, flow);

	if (r == 0)
		q->killed++;
	else if (r != -ENOENT)
		q->failed++;
}

static void on_flow(enum conntrack_event event, const struct conntrack_flow *flow, void *arg)
{
	struct query *q = arg;
	struct flow_role role;

	(void)event;
	if (q->matched >= q->limit ||
		!flow_role_of(flows_conf(flow_watch_flows(q->watch)), flow, &role) ||
		!flow_filter_passes(&q->filter, flow, &role))
		return;
	q->matched++;
	if (q->request)
		kill_flow(q, flow);
	else
		json_array_append_new(q->items, json_flow(q->watch, flow, &role));
}

/* --- lines ------------------------------------------------------------------------------------ */

static json_t *last_line(struct query *q)
{
	if (!q->request)
		return json_pack(
			"{s:O, s:I}", "flows", q->items, "matched", (json_int_t)q->matched);
	log_notice("%" PRIu64 " flows ended as asked over the control socket", q->killed);
	return json_pack("{s:I, s:I, s:I}", "matched", (json_int_t)q->matched, "killed",
		(json_int_t)q->killed, "failed", (json_int_t)q->failed);
}

static int next(void *arg, json_t **data, char *err, size_t errlen)
{
	struct query *q = arg;
	int r;

	json_decref(q->items);
	q->items = json_array();
	r = q->items ? conntrack_list_read(q->list, on_flow, q) : -ENOMEM;
	if (r < 0) {
		snprintf(err, errlen, "cannot list flows: %s", strerror(-r));
		return r;
	}
	if (r == 0 || q->matched >= q->limit) {
		*data = last_line(q);
		return 0;
	}
	*data = json_array_size(q->items) ? json_pack("{s:O}", "flows", q->items) : NULL;
	return 1;
}

/* --- beginning -------------------------------------------------------------------------------- */

static int parse_limit(json_t *request, uint64_t *limit, char *err, size_t errlen)
{
	json_t *value = json_object_get(request, "limit");

	*limit = UINT64_MAX;
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 1) {
		snprintf(err, errlen, "limit: expected a number, 1 or more");
		return -EINVAL;
	}
	*limit = (uint64_t)json_integer_value(value);
	return 0;
}

static int open_query(struct query *q, json_t *request, bool kills, char *err, size_t errlen)
{
	int r = flow_filter_parse(request, &q->filter, err, errlen);

	if (r == 0)
		r = parse_limit(request, &q->limit, err, errlen);
	if (r < 0)
		return r;
	if (kills && flow_filter_is_empty(&q->filter)) {
		snprintf(err, errlen,
			"say which flows are to end: from, to, proto, port, state or "
			"nat");
		return -EINVAL;
	}
	if (kills)
		r = conntrack_request_new(&q->request);
	if (r == 0)
		r = conntrack_list_new(flow_filter_family(&q->filter), &q->list);
	if (r < 0)
		snprintf(err, errlen, "cannot list flows: %s", strerror(-r));
	return r;
}

static int answer(struct flow_watch *watch, struct control_server *server, json_t *request,
	bool kills, char *err, size_t errlen)
{
	struct query *q = calloc(1, sizeof(*q));
	struct control_lines lines = {next, query_free, q};
	int r;

	if (!q)
		return -ENOMEM;
	q->watch = watch;
	r = open_query(q, request, kills, err, errlen);
	if (r < 0)
		query_free(q);
	else
		control_lines(server, &lines);
	return r;
}

int flow_query_list(struct flow_watch *watch, struct control_server *server, json_t *request,
	char *err, size_t errlen)
{
	return answer(watch, server, request, false, err, errlen);
}

int flow_query_kill(struct flow_watch *watch, struct control_server *server, json_t *request,
	char *err, size_t errlen)
{
	return answer(watch, server, request, true, err, errlen);
}
