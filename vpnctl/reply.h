/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemons say, as structs and the tables that read them (vpnctl/field.h). The same tables
 * write `vpnctl status --json`: their order and names are promised.
 *
 * Texts are borrowed from the reply. NULL, FIELD_UNKNOWN, NAN and the first word are unknown.
 */
#ifndef VPNCTL_REPLY_H
#define VPNCTL_REPLY_H

#include "vpnctl/field.h"

enum reply_state {
	REPLY_STATE_UNKNOWN,
	REPLY_UP,
	REPLY_DEGRADED,
	REPLY_DOWN,
};

enum reply_reach {
	REPLY_REACH_UNKNOWN,
	REPLY_REACHABLE,
	REPLY_UNREACHABLE,
};

/* Their words in JSON; NULL for unknown. */
extern const char *const reply_state_words[];
extern const char *const reply_reach_words[];

struct reply_peer {
	const char *name, *public_key, *reason, *advice, *endpoint;
	int state;                     /* enum reply_state */
	struct field_list allowed_ips; /* texts */
	int64_t allowed_ips_count;     /* may be more than are listed */
	int64_t persistent_keepalive;  /* seconds, 0: off */
	int64_t handshake_age_s;
	int64_t handshake_attempts; /* unanswered in a row */
	double rtt_ms, rtt_min_ms, rtt_max_ms, jitter_ms;
	double loss; /* ratio, 0 to 1 */
	int64_t pmtu;
	int64_t rx_bytes, tx_bytes;
};

struct reply_tunnel {
	const char *name, *since, *reason, *advice, *public_key, *endpoint;
	int state; /* enum reply_state */
	int64_t since_s, listen_port, fwmark, mtu, handshake_age_s, pmtu;
	double rtt_ms, rtt_min_ms, rtt_max_ms, jitter_ms;
	double loss; /* ratio, 0 to 1 */
	int64_t rx_bytes, tx_bytes, rx_packets, tx_packets;
	struct field_list drops;     /* counters */
	struct field_list offloads;  /* texts: what is in use */
	struct field_list fallbacks; /* counters: how often the kernel refused them */
	struct field_list peers;     /* struct reply_peer */
};

struct reply_route {
	const char *prefix, *backup;
	struct field_list via; /* texts */
	int backup_state;      /* enum reply_state */
	int state;             /* enum reply_reach */
	const char *reason;    /* NULL unless it is unreachable */
	int answered;          /* a peer behind it has, since the engine runs; FIELD_UNKNOWN */
};

struct reply_vpn {
	struct field_list tunnels; /* struct reply_tunnel */
	struct field_list routes;  /* struct reply_route */
};

struct reply_uplink {
	const char *name;
	struct field_list addresses; /* texts */
	int up;
};

struct reply_count {
	int64_t packets, bytes;
};

/* What came in on one side, and what went out on the other. */
struct reply_traffic {
	struct reply_count from_inside, to_outside, from_outside, to_inside;
};

/* Figures of the flows of a subnet, or by a public address. */
#define REPLY_FLOW_FIGURES                                    \
	int64_t active, attempts, established, idle_timeouts; \
	struct field_list ended; /* counters, by reason */    \
	struct reply_traffic traffic

struct reply_subnet {
	const char *prefix;
	struct field_list snat; /* texts: "masquerade" alone, or addresses */
	int64_t packets, bytes;
	REPLY_FLOW_FIGURES;
};

struct reply_address {
	const char *address;
	REPLY_FLOW_FIGURES;
};

/* A destination to which many flows go, by one public address. */
struct reply_busiest {
	const char *protocol, *address, *nat;
	int64_t port, active;
	int64_t ports; /* that the public address has for it */
	double share;  /* of them, 0 to 1 */
};

/* The kernel's table of flows, and what natd holds of it. */
struct reply_flow_table {
	int64_t count, max, held, held_bytes, bytes_per_entry;
	double fill; /* 0 to 1 */
};

struct reply_flow_log {
	int64_t written, dropped; /* lines */
	const char *error;
};

/* A setting of the kernel. */
struct reply_setting {
	const char *name;
	int64_t is, wanted;
};

struct reply_nat {
	int state; /* enum reply_state */
	const char *reason, *ruleset;
	struct field_list uplinks;      /* struct reply_uplink */
	struct field_list subnets;      /* struct reply_subnet */
	struct field_list never_uplink; /* texts */
	struct field_list drops;        /* counters */
	int64_t flows, flows_max;
	int flows_followed;          /* one by one, by events */
	int accounting;              /* whether the kernel counts what each flow carries */
	struct field_list addresses; /* struct reply_address */
	struct field_list busiest;   /* struct reply_busiest, most flows first */
	int64_t port_allocation_errors;
	struct reply_flow_table table;
	struct field_list kernel; /* counters of conntrack itself */
	struct field_list events; /* counters of how natd follows it */
	struct reply_flow_log flow_log;
	int draining;
	struct field_list settings; /* struct reply_setting, those that are not as they should be */
};

struct reply_flow {
	const char *protocol, *state, *source, *destination;
	const char *nat; /* NULL: not translated */
	int64_t source_port, destination_port, nat_port;
	int inward; /* begun from outside */
	int64_t age_s, timeout_s;
	int64_t out_packets, out_bytes, in_packets, in_bytes; /* by the inside host */
};

struct reply_event {
	int64_t number;
	const char *time, *kind, *subject, *what;
	const char *why; /* "" where that is plain */
};

struct reply_engine {
	int64_t pid, restarts;
};

/* Who answered. */
struct reply_identity {
	const char *version, *host, *config_file, *config_hash;
	int64_t pid, started_s;     /* seconds since it started */
	struct reply_engine engine; /* of vpnd */
};

extern const struct field_table reply_vpn_table;
extern const struct field_table reply_nat_table;
extern const struct field_table reply_flow_table;
extern const struct field_table reply_event_table;
extern const struct field_table reply_vpnd_identity_table;
extern const struct field_table reply_natd_identity_table;

#endif
