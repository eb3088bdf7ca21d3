/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flow as the operator sees it: who inside speaks to whom outside, and as whom. Pure. */
#ifndef NATD_FLOW_ROLE_H
#define NATD_FLOW_ROLE_H

#include "natd/conf.h"
#include "netlink/conntrack.h"

struct flow_end {
	struct addr addr;
	uint16_t port; /* of ICMP: of `inside` and `public` the id, of `outside` type and code */
};

struct flow_role {
	struct flow_end inside;  /* the host in a subnet */
	struct flow_end outside; /* whom it speaks to, or who speaks to it */
	struct flow_end public;  /* as whom; ADDR_NONE in a flow that is not translated */
	uint16_t subnet;         /* index in the config */
	bool inward;             /* begun from outside, by a forwarded port */
};

/* Fill `role` and return true if a host of one of the subnets has part in the flow. */
bool flow_role_of(
	const struct natd_conf *conf, const struct conntrack_flow *flow, struct flow_role *role);

/* Packets and bytes as the inside host sent and received them. */
struct conntrack_count flow_role_out(
	const struct flow_role *role, const struct conntrack_flow *flow);
struct conntrack_count flow_role_in(
	const struct flow_role *role, const struct conntrack_flow *flow);

/* True once both sides have spoken: of TCP, once the handshake is complete. */
bool flow_role_established(const struct conntrack_flow *flow);

/* Its state in words (base/flow_words.h): of TCP the kernel's, of others whether it was answered.
 */
const char *flow_role_state(const struct conntrack_flow *flow);

/* Why a flow ended, as far as the kernel's last word about it tells. */
enum flow_reason {
	FLOW_CLOSED,     /* TCP that was closed by both or reset */
	FLOW_IDLE,       /* answered, then silent for as long as its timeout */
	FLOW_UNANSWERED, /* never answered until its timeout */
	FLOW_REFUSED,    /* TCP whose first packet was answered by a reset */
	FLOW_REMOVED,    /* taken out before its time: killed, or its address has gone */
	FLOW_RESYNCED,   /* gone unseen; noticed by a look at all flows */
	FLOW_REASONS
};
extern const char *const flow_reason_names[FLOW_REASONS];

/* Of the flow in a CONNTRACK_DESTROY. */
enum flow_reason flow_role_reason(const struct conntrack_flow *flow);

#endif
