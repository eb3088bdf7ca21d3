/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of flows, as parts of the status. */
#ifndef NATD_FLOW_STATUS_H
#define NATD_FLOW_STATUS_H

#include <stddef.h>

#include "natd/counters.h"

struct flow_watch;
struct natd_conf;
typedef struct json_t json_t;

/*
 * The figures of the subnet with this index in the config; `out` and `in` are what the ruleset
 * counted of it. A new reference, or NULL without memory.
 */
json_t *flow_status_subnet(
	struct flow_watch *watch, size_t index, struct counter out, struct counter in);

/*
 * All that is not of one subnet: public addresses, busiest destinations, the table. `refused` is
 * how many packets the ruleset refused since no port was left. A new reference, or NULL without
 * memory.
 */
json_t *flow_status_json(struct flow_watch *watch, const struct natd_conf *conf, uint64_t refused);

#endif
