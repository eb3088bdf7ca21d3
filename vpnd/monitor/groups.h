/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The routes of a config, sorted into groups that always go the same way: same tunnels, same
 * policy, and the same peers behind them. What was chosen is remembered by group, and in the kernel
 * each group is one next hop object, so that all of its routes move in one step.
 *
 * The ids of the objects follow from the config alone (a hash; the next free one where two meet),
 * so that a restarted vpnd finds its own.
 */
#ifndef VPND_MONITOR_GROUPS_H
#define VPND_MONITOR_GROUPS_H

#include "vpnd/monitor/choice.h"
#include "vpnd/monitor/held.h"

/* A tunnel of a group, as a next hop of its own. */
struct group_member {
	uint32_t nexthop; /* its id; 0 in failover, where the group's own is enough */
	uint16_t tunnel;  /* index in the config */
	uint8_t weight;
};

struct group {
	char *key; /* differs from that of every other group; see groups.c */
	uint32_t nexthop;
	uint8_t family;       /* enum addr_family */
	struct prefix prefix; /* one of its routes: its tunnels are up for all if for this one */
	struct choice_policy policy;
	struct group_member members[VPND_CONF_VIA_MAX]; /* policy.n of them, best first */
	struct choice choice;
	mono_t proven_since; /* one of its tunnels has answered; unset: none has */
};

struct groups {
	struct group *all;
	size_t n;
	uint32_t *of_route; /* index in `all` for each route of the config */
};

/*
 * Sort the routes of `conf` (which is only read here). What `old` (NULL: none) remembers of the
 * same group is taken over. The caller frees; NULL when out of memory.
 */
struct groups *groups_new(const struct vpnd_conf *conf, const struct groups *old);
void groups_free(struct groups *groups); /* NULL is fine */

/* Tell the next monitor what is remembered; returns 0 or -ENOMEM. Or take over what it was told. */
int groups_hand_over(const struct groups *groups, struct handover *to);
void groups_adopt(struct groups *groups, const struct handover *from);

/*
 * Choose anew, by what is known of the tunnels (in the order of the config; NULL: not there). A
 * tunnel is up for a prefix while it has a device and a peer that carries the prefix, and, once
 * another one's has answered, one that has answered, too. Returns when to look again although
 * nothing has changed, or MONO_NEVER.
 */
mono_t groups_update(struct groups *groups, struct held *const *tunnels, mono_t now);

/* The group of the route with this index in the config. */
const struct group *groups_of(const struct groups *groups, size_t route);

/* Bits of the members whose device is here. */
uint8_t groups_here(const struct group *group, struct held *const *tunnels);

#endif
