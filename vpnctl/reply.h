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
	int64_t rx_bytes, tx_bytes;
};

struct reply_tunnel {
	const char *name, *since, *reason, *advice, *public_key, *endpoint;
	int state; /* enum reply_state */
	int64_t since_s, listen_port, fwmark, mtu, handshake_age_s, pmtu;
	double rtt_ms;
	double loss; /* ratio, 0 to 1 */
	int64_t rx_bytes, tx_bytes, rx_packets, tx_packets;
	struct field_list drops; /* counters */
	struct field_list peers; /* struct reply_peer */
};

struct reply_route {
	const char *prefix, *backup;
	struct field_list via; /* texts */
	int backup_state;      /* enum reply_state */
	int state;             /* enum reply_reach */
	const char *reason;    /* NULL unless it is unreachable */
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

struct reply_subnet {
	const char *prefix;
	struct field_list snat; /* texts: "masquerade" alone, or addresses */
	int64_t packets, bytes;
};

struct reply_nat {
	int state; /* enum reply_state */
	const char *reason, *ruleset;
	struct field_list uplinks;      /* struct reply_uplink */
	struct field_list subnets;      /* struct reply_subnet */
	struct field_list never_uplink; /* texts */
	struct field_list drops;        /* counters */
	int64_t flows, flows_max;
};

struct reply_flow {
	const char *protocol, *state, *source, *destination;
	const char *nat; /* NULL: not translated */
	int64_t source_port, destination_port, nat_port;
	int inward; /* begun from outside */
	int64_t age_s, timeout_s;
	int64_t out_packets, out_bytes, in_packets, in_bytes; /* by the inside host */
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
extern const struct field_table reply_vpnd_identity_table;
extern const struct field_table reply_natd_identity_table;

#endif
