/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_status.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/flow_words.h"
#include "natd/busiest.h"
#include "natd/conf.h"
#include "natd/flow_log.h"
#include "natd/flow_table.h"
#include "natd/flow_watch.h"
#include "natd/flows.h"
#include "natd/ports.h"
#include "natd/proc.h"
#include "natd/spool.h"

#define BUSIEST_SHOWN 10
#define ICMP_IDS 65536

/* --- figures of a tally ----------------------------------------------------------------------- */

static json_t *json_count(uint64_t packets, uint64_t bytes)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)packets, "bytes", (json_int_t)bytes);
}

/* What conntrack counts, or null where it counts nothing. */
static json_t *json_accounted(struct conntrack_count count, bool accounting)
{
	return accounting ? json_count(count.packets, count.bytes) : json_null();
}

static json_t *json_ended(const struct flow_tally *tally)
{
	json_t *ended = json_object();

	for (size_t i = 0; i < FLOW_REASONS; i++)
		json_object_set_new(
			ended, flow_reason_names[i], json_integer((json_int_t)tally->ended[i]));
	return ended;
}

/* Takes over `traffic`. */
static json_t *json_tally(const struct flow_tally *tally, json_t *traffic)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "active", (json_int_t)tally->active,
		"attempts", (json_int_t)tally->attempts, "established",
		(json_int_t)tally->established, "idle_timeouts",
		(json_int_t)tally->ended[FLOW_IDLE], "ended", json_ended(tally), "traffic",
		traffic);
}

json_t *flow_status_subnet(
	struct flow_watch *watch, size_t index, struct counter out, struct counter in)
{
	const struct flow_tally *tally = flows_subnet(flow_watch_flows(watch), index);
	bool accounting = proc_accounting();
	json_t *traffic = json_pack("{s:o, s:o, s:o, s:o}", "from_inside",
		json_accounted(tally->out, accounting), "to_outside",
		json_count(out.packets, out.bytes), "from_outside",
		json_accounted(tally->in, accounting), "to_inside",
		json_count(in.packets, in.bytes));

	return traffic ? json_tally(tally, traffic) : NULL;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* What belongs to a translated flow is not dropped any more: what came in has gone out. */
static json_t *json_address(const struct flow_address *address, bool accounting)
{
	const struct flow_tally *tally = &address->tally;
	char text[ADDR_STRLEN];
	json_t *json = json_pack("{s:s}", "address", addr_format(&address->addr, text));
	json_t *traffic = json_pack("{s:o, s:o, s:o, s:o}", "from_inside",
		json_accounted(tally->out, accounting), "to_outside",
		json_accounted(tally->out, accounting), "from_outside",
		json_accounted(tally->in, accounting), "to_inside",
		json_accounted(tally->in, accounting));
	_cleanup_json_ json_t *figures = traffic ? json_tally(tally, traffic) : NULL;

	json_object_update(json, figures);
	return json;
}

static json_t *json_addresses(const struct flows *flows, bool accounting)
{
	json_t *list = json_array();
	const struct flow_address *addresses;
	size_t n;

	addresses = flows_addresses(flows, &n);
	for (size_t i = 0; i < n; i++)
		if (addresses[i].addr.family != ADDR_NONE)
			json_array_append_new(list, json_address(&addresses[i], accounting));
	return list;
}

/* --- busiest destinations --------------------------------------------------------------------- */

/* How many flows of this protocol one public address can have to one destination. */
static uint32_t ports_of(uint8_t protocol, uint32_t usable)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return usable;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMP_IDS;
	default:
		return 1;
	}
}

static json_t *json_destination(const struct busiest *busiest, uint32_t usable)
{
	uint32_t ports = ports_of(busiest->protocol, usable);
	char address[ADDR_STRLEN], public[ADDR_STRLEN], protocol[FLOW_WORDS_PROTOCOL_STRLEN];

	/* What ICMP has there is type and code. */
	return json_pack("{s:s, s:s, s:o, s:s, s:I, s:I, s:f}", "protocol",
		flow_words_protocol(busiest->protocol, protocol), "address",
		addr_format(&busiest->address, address), "port",
		conntrack_has_ports(busiest->protocol) ? json_integer(busiest->port) : json_null(),
		"nat", addr_format(&busiest->public, public), "active", (json_int_t)busiest->flows,
		"ports", (json_int_t)ports, "share",
		busiest->flows < ports ? (double)busiest->flows / ports : 1.0);
}

static json_t *json_busiest(const struct flows *flows, const struct natd_conf *conf)
{
	struct busiest found[BUSIEST_SHOWN];
	json_t *list = json_array();
	struct ports ports;
	int n = busiest_find(flows_table(flows), found, BUSIEST_SHOWN);

	if (n < 0 || ports_init(&ports, conf) < 0)
		return list;
	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_destination(&found[i], ports_usable(&ports)));
	ports_done(&ports);
	return list;
}

/* --- the table -------------------------------------------------------------------------------- */

static json_t *json_table(const struct flows *flows)
{
	struct proc proc;
	uint32_t entry = proc_flow_bytes();
	json_t *json;

	proc_read(&proc);
	json = json_pack("{s:I, s:I, s:f, s:I, s:I}", "count", (json_int_t)proc.flows, "max",
		(json_int_t)proc.flows_max, "fill",
		proc.flows_max ? (double)proc.flows / (double)proc.flows_max : 0.0, "held",
		(json_int_t)flow_table_count(flows_table(flows)), "held_bytes",
		(json_int_t)flow_table_bytes(flows_table(flows)));
	json_object_set_new(json, "bytes_per_entry", entry ? json_integer(entry) : json_null());
	return json;
}

static json_t *json_kernel(const struct conntrack_stats *stats)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "insert_failed",
		(json_int_t)stats->insert_failed, "drop", (json_int_t)stats->drop, "early_drop",
		(json_int_t)stats->early_drop, "invalid", (json_int_t)stats->invalid,
		"clash_resolve", (json_int_t)stats->clash_resolve, "chain_toolong",
		(json_int_t)stats->chain_toolong);
}

static json_t *json_events(const struct conntrack_follow_counters *counters)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "read",
		(json_int_t)counters->events, "overruns", (json_int_t)counters->overruns, "lost",
		(json_int_t)counters->lost, "lists", (json_int_t)counters->lists, "failed",
		(json_int_t)counters->failed, "malformed", (json_int_t)counters->malformed,
		"pauses", (json_int_t)counters->pauses, "paused_s",
		(json_int_t)(counters->paused_us / US_PER_S));
}

static json_t *json_log(struct flow_log *log)
{
	struct spool_stats stats;

	if (!flow_log_stats(log, &stats))
		return json_null();
	return json_pack("{s:I, s:I, s:s?}", "written", (json_int_t)stats.written, "dropped",
		(json_int_t)stats.dropped, "error", stats.error ? strerror(-stats.error) : NULL);
}

/* What the ruleset refused, and what the kernel found only when the flow was to be kept. */
json_t *flow_status_json(struct flow_watch *watch, const struct natd_conf *conf, uint64_t refused)
{
	const struct conntrack_follow_counters events = flow_watch_counters(watch);
	const struct flows *flows = flow_watch_flows(watch);
	bool accounting = proc_accounting();
	struct conntrack_stats stats = {0};
	bool counted = flow_watch_stats(watch, &stats) == 0;

	flow_watch_look(watch);
	return json_pack("{s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "flows_known",
		flows_known(flows), "flows_followed", !events.paused, "accounting", accounting,
		"addresses", json_addresses(flows, accounting), "busiest",
		json_busiest(flows, conf), "table", json_table(flows), "events",
		json_events(&events), "kernel", counted ? json_kernel(&stats) : json_null(),
		"flow_log", json_log(flow_watch_log(watch)), "port_allocation_errors",
		counted ? json_integer((json_int_t)(stats.insert_failed + refused)) : json_null());
}
