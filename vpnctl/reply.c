/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnctl/reply.h"

const char *const reply_state_words[] = {NULL, "up", "degraded", "down", NULL};
const char *const reply_reach_words[] = {NULL, "reachable", "unreachable", NULL};

/* A row of the table of struct reply_OF. */
#define ROW(of, kind, field, ...)                                           \
	{                                                                   \
		.name = #field, .type = FIELD_##kind,                       \
		.offset = offsetof(struct reply_##of, field), ##__VA_ARGS__ \
	}
#define TABLE(of, rows) FIELD_TABLE(struct reply_##of, rows)

static const struct field peer_rows[] = {
	ROW(peer, TEXT, name),
	ROW(peer, TEXT, public_key),
	ROW(peer, WORD, state, .words = reply_state_words),
	ROW(peer, TEXT, reason),
	ROW(peer, TEXT, advice),
	ROW(peer, TEXT, endpoint),
	ROW(peer, TEXTS, allowed_ips),
	ROW(peer, COUNT, allowed_ips_count),
	ROW(peer, COUNT, persistent_keepalive),
	ROW(peer, COUNT, handshake_age_s),
	ROW(peer, COUNT, handshake_attempts),
	ROW(peer, REAL, rtt_ms),
	ROW(peer, REAL, rtt_min_ms),
	ROW(peer, REAL, rtt_max_ms),
	ROW(peer, REAL, jitter_ms),
	ROW(peer, REAL, loss),
	ROW(peer, COUNT, pmtu),
	ROW(peer, COUNT, rx_bytes),
	ROW(peer, COUNT, tx_bytes),
};
static const struct field_table peer_table = TABLE(peer, peer_rows);

static const struct field tunnel_rows[] = {
	ROW(tunnel, TEXT, name),
	ROW(tunnel, WORD, state, .words = reply_state_words),
	ROW(tunnel, TEXT, since),
	ROW(tunnel, COUNT, since_s),
	ROW(tunnel, TEXT, reason),
	ROW(tunnel, TEXT, advice),
	ROW(tunnel, TEXT, public_key),
	ROW(tunnel, COUNT, listen_port),
	ROW(tunnel, COUNT, fwmark),
	ROW(tunnel, COUNT, mtu),
	ROW(tunnel, TEXT, endpoint),
	ROW(tunnel, COUNT, handshake_age_s),
	ROW(tunnel, REAL, rtt_ms),
	ROW(tunnel, REAL, rtt_min_ms),
	ROW(tunnel, REAL, rtt_max_ms),
	ROW(tunnel, REAL, jitter_ms),
	ROW(tunnel, REAL, loss),
	ROW(tunnel, COUNT, pmtu),
	ROW(tunnel, COUNT, rx_bytes),
	ROW(tunnel, COUNT, tx_bytes),
	ROW(tunnel, COUNT, rx_packets),
	ROW(tunnel, COUNT, tx_packets),
	ROW(tunnel, COUNTERS, drops),
	ROW(tunnel, TEXTS, offloads),
	ROW(tunnel, COUNTERS, fallbacks),
	ROW(tunnel, OBJECTS, peers, .table = &peer_table),
};
static const struct field_table tunnel_table = TABLE(tunnel, tunnel_rows);

static const struct field route_rows[] = {
	ROW(route, TEXT, prefix),
	ROW(route, TEXTS, via),
	ROW(route, TEXT, backup),
	ROW(route, WORD, backup_state, .words = reply_state_words),
	ROW(route, WORD, state, .words = reply_reach_words),
	ROW(route, TEXT, reason),
	ROW(route, FLAG, answered),
};
static const struct field_table route_table = TABLE(route, route_rows);

static const struct field vpn_rows[] = {
	ROW(vpn, OBJECTS, tunnels, .table = &tunnel_table),
	ROW(vpn, OBJECTS, routes, .table = &route_table),
};
const struct field_table reply_vpn_table = TABLE(vpn, vpn_rows);

static const struct field uplink_rows[] = {
	ROW(uplink, TEXT, name),
	ROW(uplink, TEXTS, addresses),
	ROW(uplink, FLAG, up),
};
static const struct field_table uplink_table = TABLE(uplink, uplink_rows);

static const struct field count_rows[] = {
	ROW(count, COUNT, packets),
	ROW(count, COUNT, bytes),
};
static const struct field_table count_table = TABLE(count, count_rows);

static const struct field traffic_rows[] = {
	ROW(traffic, OBJECT, from_inside, .table = &count_table),
	ROW(traffic, OBJECT, to_outside, .table = &count_table),
	ROW(traffic, OBJECT, from_outside, .table = &count_table),
	ROW(traffic, OBJECT, to_inside, .table = &count_table),
};
static const struct field_table traffic_table = TABLE(traffic, traffic_rows);

#define FLOW_FIGURES(of)                                                               \
	ROW(of, COUNT, active), ROW(of, COUNT, attempts), ROW(of, COUNT, established), \
		ROW(of, COUNT, idle_timeouts), ROW(of, COUNTERS, ended),               \
		ROW(of, OBJECT, traffic, .table = &traffic_table)

static const struct field subnet_rows[] = {
	ROW(subnet, TEXT, prefix),
	ROW(subnet, TEXTS, snat),
	ROW(subnet, COUNT, packets),
	ROW(subnet, COUNT, bytes),
	FLOW_FIGURES(subnet),
};
static const struct field_table subnet_table = TABLE(subnet, subnet_rows);

static const struct field address_rows[] = {
	ROW(address, TEXT, address),
	FLOW_FIGURES(address),
};
static const struct field_table address_table = TABLE(address, address_rows);

static const struct field busiest_rows[] = {
	ROW(busiest, TEXT, protocol),
	ROW(busiest, TEXT, address),
	ROW(busiest, COUNT, port),
	ROW(busiest, TEXT, nat),
	ROW(busiest, COUNT, active),
	ROW(busiest, COUNT, ports),
	ROW(busiest, REAL, share),
};
static const struct field_table busiest_table = TABLE(busiest, busiest_rows);

static const struct field flow_table_rows[] = {
	ROW(flow_table, COUNT, count),
	ROW(flow_table, COUNT, max),
	ROW(flow_table, REAL, fill),
	ROW(flow_table, COUNT, bytes_per_entry),
	ROW(flow_table, COUNT, held),
	ROW(flow_table, COUNT, held_bytes),
};
static const struct field_table flow_table_table = TABLE(flow_table, flow_table_rows);

static const struct field flow_log_rows[] = {
	ROW(flow_log, COUNT, written),
	ROW(flow_log, COUNT, dropped),
	ROW(flow_log, TEXT, error),
};
static const struct field_table flow_log_table = TABLE(flow_log, flow_log_rows);

static const struct field setting_rows[] = {
	ROW(setting, TEXT, name),
	ROW(setting, COUNT, is),
	ROW(setting, COUNT, wanted),
};
static const struct field_table setting_table = TABLE(setting, setting_rows);

static const struct field nat_rows[] = {
	ROW(nat, WORD, state, .words = reply_state_words),
	ROW(nat, TEXT, reason),
	ROW(nat, TEXT, ruleset),
	ROW(nat, OBJECTS, uplinks, .table = &uplink_table),
	ROW(nat, OBJECTS, subnets, .table = &subnet_table),
	ROW(nat, TEXTS, never_uplink),
	ROW(nat, COUNTERS, drops),
	ROW(nat, COUNT, flows),
	ROW(nat, COUNT, flows_max),
	ROW(nat, FLAG, flows_followed),
	ROW(nat, FLAG, accounting),
	ROW(nat, OBJECTS, addresses, .table = &address_table),
	ROW(nat, OBJECTS, busiest, .table = &busiest_table),
	ROW(nat, COUNT, port_allocation_errors),
	ROW(nat, OBJECT, table, .table = &flow_table_table),
	ROW(nat, COUNTERS, kernel),
	ROW(nat, COUNTERS, events),
	ROW(nat, OBJECT, flow_log, .table = &flow_log_table),
	ROW(nat, FLAG, draining),
	ROW(nat, OBJECTS, settings, .table = &setting_table),
};
const struct field_table reply_nat_table = TABLE(nat, nat_rows);

static const struct field flow_rows[] = {
	ROW(flow, TEXT, protocol),
	ROW(flow, TEXT, state),
	ROW(flow, FLAG, inward),
	ROW(flow, TEXT, source),
	ROW(flow, COUNT, source_port),
	ROW(flow, TEXT, destination),
	ROW(flow, COUNT, destination_port),
	ROW(flow, TEXT, nat),
	ROW(flow, COUNT, nat_port),
	ROW(flow, COUNT, age_s),
	ROW(flow, COUNT, timeout_s),
	ROW(flow, COUNT, out_packets),
	ROW(flow, COUNT, out_bytes),
	ROW(flow, COUNT, in_packets),
	ROW(flow, COUNT, in_bytes),
};
const struct field_table reply_flow_table = TABLE(flow, flow_rows);

static const struct field event_rows[] = {
	ROW(event, COUNT, number),
	ROW(event, TEXT, time),
	ROW(event, TEXT, kind),
	ROW(event, TEXT, subject),
	ROW(event, TEXT, what),
	ROW(event, TEXT, why),
};
const struct field_table reply_event_table = TABLE(event, event_rows);

static const struct field engine_rows[] = {
	ROW(engine, COUNT, pid),
	ROW(engine, COUNT, restarts),
};
static const struct field_table engine_table = TABLE(engine, engine_rows);

#define IDENTITY_ROWS                                                                       \
	ROW(identity, TEXT, version), ROW(identity, TEXT, host), ROW(identity, COUNT, pid), \
		ROW(identity, TEXT, config_file), ROW(identity, TEXT, config_hash),         \
		ROW(identity, COUNT, started_s)

static const struct field natd_identity_rows[] = {IDENTITY_ROWS};
const struct field_table reply_natd_identity_table = TABLE(identity, natd_identity_rows);

static const struct field vpnd_identity_rows[] = {
	IDENTITY_ROWS,
	ROW(identity, OBJECT, engine, .table = &engine_table),
};
const struct field_table reply_vpnd_identity_table = TABLE(identity, vpnd_identity_rows);
