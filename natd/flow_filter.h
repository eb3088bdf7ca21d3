/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows somebody asks for. Pure. */
#ifndef NATD_FLOW_FILTER_H
#define NATD_FLOW_FILTER_H

#include "natd/flow_role.h"

typedef struct json_t json_t;

/* What is not set (no family, false) lets every flow pass. */
struct flow_filter {
	struct prefix from; /* who began it */
	struct prefix to;   /* whom it speaks to, as addressed or as forwarded */
	struct addr nat;    /* its public address */
	bool has_protocol, has_port;
	uint8_t protocol;
	uint16_t port;  /* that was spoken to */
	char state[16]; /* flow_role_state; "" if not set */
};

/*
 * Read the keys "from", "to", "proto", "port", "state" and "nat" of a request; others are not
 * looked at. Returns 0, or -EINVAL with err filled.
 */
int flow_filter_parse(json_t *request, struct flow_filter *out, char *err, size_t errlen);

/* True if it lets everything pass. */
bool flow_filter_is_empty(const struct flow_filter *filter);

/* The only family that can pass, or ADDR_NONE. */
enum addr_family flow_filter_family(const struct flow_filter *filter);

bool flow_filter_passes(const struct flow_filter *filter, const struct conntrack_flow *flow,
	const struct flow_role *role);

#endif
