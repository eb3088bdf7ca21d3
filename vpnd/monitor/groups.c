/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A group's key is a text of all that decides where its routes go: family, policy and its numbers,
 * and for each tunnel its name, its weight and the indexes of the peers that carry the prefix.
 */
#include "vpnd/monitor/groups.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "netlink/model.h"

enum { PATIENCE_MS = 300 }; /* with tunnels that have not answered yet */

/* --- keys ----------------------------------------------------------------------------------------
 */

static void print_peers(FILE *f, const struct vpnd_tunnel_conf *tunnel, const struct prefix *prefix)
{
	for (size_t i = 0; i < tunnel->n_peers; i++) {
		char key[KEY_BASE64_STRLEN];

		if (held_peer_covers(&tunnel->peers[i], prefix))
			fprintf(f, " %s", key_to_base64(tunnel->peers[i].public_key, key));
	}
}

static uint8_t weight_of(const struct vpnd_route_conf *route, size_t via)
{
	return via < route->n_weights ? route->weights[via] : 1;
}

/* Allocated; NULL when out of memory. */
static char *make_key(const struct vpnd_conf *conf, const struct vpnd_route_conf *route)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "group v%d %d %d %u", route->prefix.addr.family, route->policy, route->preempt,
		route->hold_time_s);
	for (size_t i = 0; i < route->n_via; i++) {
		fprintf(f, "; %s %u", route->via[i], weight_of(route, i));
		print_peers(f, &conf->tunnels[route->via_tunnel[i]], &route->prefix);
	}
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- ids -----------------------------------------------------------------------------------------
 */

static uint32_t hash(const char *key)
{
	unsigned char digest[crypto_generichash_BYTES_MIN];
	uint32_t n;

	crypto_generichash(
		digest, sizeof(digest), (const unsigned char *)key, strlen(key), NULL, 0);
	memcpy(&n, digest, sizeof(n));
	return NL_NEXTHOP_FIRST + n % (NL_NEXTHOP_LAST - NL_NEXTHOP_FIRST + 1);
}

static uint32_t member_hash(const char *tunnel, uint8_t family)
{
	char key[IFNAMSIZ + 16];

	snprintf(key, sizeof(key), "tunnel v%d %s", family, tunnel);
	return hash(key);
}

/* True if a group before the last has the id, or a member of another tunnel or family. */
static bool is_taken(const struct groups *g, uint32_t id, uint16_t tunnel, uint8_t family)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct group *other = &g->all[i];

		if (other->nexthop == id)
			return true;
		for (uint8_t j = 0; j < other->policy.n; j++)
			if (other->members[j].nexthop == id &&
				(other->members[j].tunnel != tunnel || other->family != family))
				return true;
	}
	return false;
}

static uint32_t next_id(uint32_t id)
{
	return id < NL_NEXTHOP_LAST ? id + 1 : NL_NEXTHOP_FIRST;
}

/* The id that an earlier group gave the same member. */
static uint32_t known_member(const struct groups *g, uint16_t tunnel, uint8_t family)
{
	for (size_t i = 0; i < g->n; i++)
		for (uint8_t j = 0; j < g->all[i].policy.n; j++)
			if (g->all[i].family == family && g->all[i].members[j].tunnel == tunnel &&
				g->all[i].members[j].nexthop != 0)
				return g->all[i].members[j].nexthop;
	return 0;
}

/* Of the newest group, which counts already. */
static void give_ids(struct groups *g, const struct vpnd_conf *conf)
{
	struct group *group = &g->all[g->n - 1];
	uint32_t id;

	for (uint8_t i = 0; group->policy.policy == VPND_ECMP && i < group->policy.n; i++) {
		struct group_member *m = &group->members[i];

		m->nexthop = known_member(g, m->tunnel, group->family);
		if (m->nexthop)
			continue;
		id = member_hash(conf->tunnels[m->tunnel].name, group->family);
		while (is_taken(g, id, m->tunnel, group->family))
			id = next_id(id);
		m->nexthop = id;
	}
	for (id = hash(group->key); is_taken(g, id, UINT16_MAX, 0);)
		id = next_id(id);
	group->nexthop = id;
}

/* --- life ----------------------------------------------------------------------------------------
 */

static struct group *find(const struct groups *g, const char *key)
{
	for (size_t i = 0; g && i < g->n; i++)
		if (strcmp(g->all[i].key, key) == 0)
			return &g->all[i];
	return NULL;
}

static void add(struct groups *g, const struct vpnd_conf *conf, const struct vpnd_route_conf *route,
	char *key, const struct groups *old)
{
	struct group *group = &g->all[g->n], *before = find(old, key);

	*group = (struct group){.key = key,
		.family = route->prefix.addr.family,
		.prefix = route->prefix,
		.policy = {.policy = route->policy,
			.preempt = route->preempt,
			.hold_us = route->hold_time_s * US_PER_S,
			.n = (uint8_t)route->n_via}};
	for (size_t i = 0; i < route->n_via; i++)
		group->members[i] = (struct group_member){
			.tunnel = route->via_tunnel[i], .weight = weight_of(route, i)};
	if (before)
		group->choice = before->choice;
	g->n++;
	give_ids(g, conf);
}

/* Returns 0 or -ENOMEM. */
static int sort_route(
	struct groups *g, const struct vpnd_conf *conf, size_t route, const struct groups *old)
{
	char *key = make_key(conf, &conf->routes[route]);
	struct group *group = key ? find(g, key) : NULL;

	if (!key)
		return -ENOMEM;
	if (group) {
		free(key);
		g->of_route[route] = (uint32_t)(group - g->all);
		return 0;
	}
	add(g, conf, &conf->routes[route], key, old);
	g->of_route[route] = (uint32_t)(g->n - 1);
	return 0;
}

struct groups *groups_new(const struct vpnd_conf *conf, const struct groups *old)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	/* One of each at least, so that NULL means that memory is short. */
	g->all = calloc(conf->n_routes + 1, sizeof(*g->all));
	g->of_route = calloc(conf->n_routes + 1, sizeof(*g->of_route));
	for (size_t i = 0; g->all && g->of_route && i < conf->n_routes; i++) {
		if (sort_route(g, conf, i, old) < 0) {
			groups_free(g);
			return NULL;
		}
	}
	if (!g->all || !g->of_route) {
		groups_free(g);
		return NULL;
	}
	return g;
}

void groups_free(struct groups *groups)
{
	if (!groups)
		return;
	for (size_t i = 0; i < groups->n; i++)
		free(groups->all[i].key);
	free(groups->all);
	free(groups->of_route);
	free(groups);
}

/* --- from one monitor to the next ----------------------------------------------------------------
 */

int groups_hand_over(const struct groups *groups, struct handover *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < groups->n; i++)
		if (groups->all[i].choice.known)
			r = handover_add_choice(to, groups->all[i].key, &groups->all[i].choice);
	return r;
}

void groups_adopt(struct groups *groups, const struct handover *from)
{
	for (size_t i = 0; i < from->n_choices; i++) {
		const struct choice *choice = &from->choices[i].choice;
		struct group *group = find(groups, from->choices[i].group);

		if (group && (choice->up | choice->chosen) >> group->policy.n == 0)
			group->choice = *choice;
	}
}

/* --- choosing ------------------------------------------------------------------------------------
 */

const struct group *groups_of(const struct groups *groups, size_t route)
{
	return &groups->all[groups->of_route[route]];
}

uint8_t groups_here(const struct group *group, struct held *const *tunnels)
{
	uint8_t set = 0;

	for (uint8_t i = 0; i < group->policy.n; i++)
		if (held_is_here(tunnels[group->members[i].tunnel]))
			set |= (uint8_t)(1U << i);
	return set;
}

/* Those of `set` that the question is answered with true for. */
static uint8_t those_who(const struct group *group, struct held *const *tunnels, uint8_t set,
	bool (*question)(const struct held *, const struct prefix *))
{
	for (uint8_t i = 0; i < group->policy.n; i++)
		if (set & 1U << i && !question(tunnels[group->members[i].tunnel], &group->prefix))
			set &= (uint8_t) ~(1U << i);
	return set;
}

/*
 * After a start everybody counts as up. When one has answered, those who have not get a moment
 * more, and then count as down until they do: the first path may be black.
 */
static uint8_t who_is_up(
	struct group *group, struct held *const *tunnels, mono_t now, mono_t *look_again)
{
	uint8_t up = those_who(group, tunnels, groups_here(group, tunnels), held_carries);
	uint8_t proven = those_who(group, tunnels, up, held_is_proven);
	mono_t over;

	if (!proven)
		return up;
	if (!mono_is_set(group->proven_since))
		group->proven_since = now;
	over = mono_add_ms(group->proven_since, PATIENCE_MS);
	if (!mono_before(now, over))
		return proven;
	if (proven != up)
		*look_again = mono_min(*look_again, over);
	return up;
}

mono_t groups_update(struct groups *groups, struct held *const *tunnels, mono_t now)
{
	mono_t first = MONO_NEVER;

	for (size_t i = 0; i < groups->n; i++) {
		struct group *group = &groups->all[i];
		mono_t next = MONO_NEVER;
		uint8_t up = who_is_up(group, tunnels, now, &first);

		choice_update(&group->choice, &group->policy, up, now, &next);
		first = mono_min(first, next);
	}
	return first;
}
