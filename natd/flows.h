/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flows of the subnets, as events of the kernel tell them: how many, since when, by which
 * public address, how they end. Pure: given events and a time, it keeps counts and tells a log.
 *
 * It holds every live flow, though the kernel does too. Counts kept from events alone drift with
 * each event that is lost, and cannot be mended: which of the flows in a new list were counted, and
 * which that were counted are gone? Held, an event told twice or never does no harm. A held flow
 * also has an age, which the kernel keeps only if asked to by a global setting, and an end that can
 * be logged when nobody saw it. It has no traffic, no state and no timeout: what is true now is
 * asked of the kernel when somebody wants to see it (flow_query.h).
 */
#ifndef NATD_FLOWS_H
#define NATD_FLOWS_H

#include "base/mono.h"
#include "natd/flow_role.h"

struct flow_table;
struct flows;

/* Figures of a subnet or of a public address. Those of traffic are 0 without accounting. */
struct flow_tally {
	uint64_t active;      /* now */
	uint64_t attempts;    /* flows that began */
	uint64_t established; /* of them, those answered: until it ends, as of the last list */
	uint64_t ended[FLOW_REASONS];
	struct conntrack_count out,
		in; /* of inside hosts: sent and received; at most a minute old */

	/* How these come about: what ended, and what lived at the last list. */
	struct flow_traffic {
		struct conntrack_count out, in;
	} done, live;
	struct flow_traffic sum;  /* of the list that is being made: the next `live` */
	struct flow_traffic late; /* ended since, but still in `live` */
	struct flow_traffic next; /* the same for `sum` */
};

struct flow_address {
	struct addr addr;
	struct flow_tally tally;
};

/* What a log is told; either hook may be NULL. */
struct flow_story {
	const struct conntrack_flow *flow; /* without counts if it ended unseen */
	struct flow_role role;
	uint64_t age_ms; /* of one that ended; to a tenth of a second */
	bool age_known;  /* false if it began before our eyes were open */
};

struct flows_hooks {
	void (*began)(const struct flow_story *story, mono_t now, void *arg);
	void (*ended)(
		const struct flow_story *story, enum flow_reason reason, mono_t now, void *arg);
	void *arg;
};

/* `conf` is borrowed until flows_set_conf. `hooks` is copied. Returns 0 or -ENOMEM. */
int flows_new(const struct natd_conf *conf, const struct flows_hooks *hooks, mono_t now,
	struct flows **out);
void flows_free(struct flows *flows);

/* Another config is in force. Subnets that stay keep their figures. */
void flows_set_conf(struct flows *flows, const struct natd_conf *conf);

/* The events of conntrack_follow.h. */
void flows_event(struct flows *flows, enum conntrack_event event, const struct conntrack_flow *flow,
	mono_t now);
void flows_list_begins(struct flows *flows);
void flows_list_ended(struct flows *flows, mono_t now);

/* False until the first list: then nothing is known yet. */
bool flows_known(const struct flows *flows);

/* Figures by the index of the subnet in the config, and by public address in no order. */
const struct flow_tally *flows_subnet(const struct flows *flows, size_t index);
const struct flow_address *flows_addresses(const struct flows *flows, size_t *n);

/* The config that is followed by. */
const struct natd_conf *flows_conf(const struct flows *flows);

/* How long ago this very flow began; false if that was before our eyes were open. */
bool flows_age(
	const struct flows *flows, const struct conntrack_flow *flow, mono_t now, uint64_t *age_ms);

/* What is held: to be read, not to be changed. */
struct flow_table *flows_table(const struct flows *flows);

/* Flows that could not be held, since memory is short. */
uint64_t flows_not_held(const struct flows *flows);

#endif
