/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether NAT works, and if not, why: one judgement over all that is known. Pure. */
#ifndef NATD_HEALTH_H
#define NATD_HEALTH_H

#include "natd/conf.h"
#include "natd/load.h"
#include "natd/proc.h"

struct nl_state;
struct nl_link;

/* From good to bad. */
enum health_state {
	HEALTH_UP,
	HEALTH_DEGRADED, /* it translates, but part of it does not or soon will not */
	HEALTH_DOWN,     /* it does not do its job */
	HEALTH_STATES
};
extern const char *const health_state_names[HEALTH_STATES];

struct health_facts {
	bool draining;
	enum load_state ruleset;
	const char *ruleset_why; /* of what is not LOAD_VERIFIED */
	const struct nl_state *net;
	struct proc proc;
	bool table_full; /* health_table_full */
};

#define HEALTH_REASON_SIZE 512

/*
 * True if the table of flows is nearly full: from 80 % on, and once it was (`before`) until it is
 * below 75 %, so that nobody is told of it over and over.
 */
bool health_table_full(const struct proc *proc, bool before);

/* Judge. `reason` names the worst cause found, and is "" when all is well. */
enum health_state health_judge(const struct natd_conf *conf, const struct health_facts *facts,
	char reason[static HEALTH_REASON_SIZE]);

/* True if this uplink has an address of the family that flows can be translated to. */
bool health_has_address(
	const struct nl_state *net, const struct nl_link *uplink, enum addr_family family);

/* True for addresses that may be a source on the Internet's side: not of one link or host only. */
bool health_is_usable(const struct addr *address);

#endif
