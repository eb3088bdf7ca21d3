/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/conf_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "vpnd/conf.h"
#include "vpnd/privsep.h"

_Static_assert(VPND_CONF_TUNNELS_MAX == (int)PRIVSEP_TUNNELS, "every tunnel has a slot");
_Static_assert(VPND_CONF_VIA_MAX == (int)PRIVSEP_VIA, "all tunnels of a route can be told");

enum { IPV6_MTU_MIN = 1280 }; /* bytes, RFC 8200 section 5 */

static bool has_text(const char *text, size_t size)
{
	return text == NULL || strlen(text) < size;
}

void conf_check_peer(struct conf_ctx *ctx, void *values)
{
	const struct vpnd_peer_conf *peer = values;
	char text[ADDR_STRLEN];

	if (!has_text(peer->name, PRIVSEP_NAME)) {
		conf_error_at(
			ctx, &peer->where, "name: longer than %d characters", PRIVSEP_NAME - 1);
	}
	/* The port and brackets stand beside it in the text that crosses the privilege line. */
	if (!has_text(peer->endpoint.host, PRIVSEP_HOST - sizeof("[]:65535")))
		conf_error_at(ctx, &peer->where, "endpoint: host name is too long");
	if (peer->probe.family == ADDR_NONE)
		return;
	for (size_t i = 0; i < peer->n_allowed_ips; i++)
		if (prefix_contains(&peer->allowed_ips[i], &peer->probe))
			return;
	conf_error_at(ctx, &peer->where, "probe: %s is not in the allowed_ips of this peer",
		addr_format(&peer->probe, text));
}

/* A prefix and whose it is. */
struct claim {
	const struct prefix *prefix;
	const struct vpnd_peer_conf *peer;
	const struct claim *around; /* the narrowest other claim that covers this one */
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return prefix_compare(x->prefix, y->prefix);
}

static void report_overlap(struct conf_ctx *ctx, const struct claim *inner)
{
	char in[PREFIX_STRLEN], out[PREFIX_STRLEN];
	char in_peer[VPND_CONF_LABEL_STRLEN], out_peer[VPND_CONF_LABEL_STRLEN];

	conf_error_at(ctx, &inner->peer->where,
		"allowed_ips: %s of peer \"%s\" overlaps %s of peer \"%s\"",
		prefix_format(inner->prefix, in), vpnd_conf_peer_label(inner->peer, in_peer),
		prefix_format(inner->around->prefix, out),
		vpnd_conf_peer_label(inner->around->peer, out_peer));
}

/*
 * Two prefixes overlap only if one covers the other. Sorted, what covers a prefix stands before it:
 * it is the one just before, or one of those around that.
 */
static void check_overlaps(struct conf_ctx *ctx, struct claim *claims, size_t n)
{
	qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < n; i++) {
		const struct claim *around = &claims[i - 1];

		while (around != NULL && !prefix_covers(around->prefix, claims[i].prefix))
			around = around->around;
		claims[i].around = around;
		if (around != NULL && around->peer != claims[i].peer)
			report_overlap(ctx, &claims[i]);
	}
}

static void check_allowed_ips(struct conf_ctx *ctx, const struct vpnd_tunnel_conf *tunnel)
{
	_cleanup_free_ struct claim *claims = NULL;
	size_t n = 0;

	for (size_t i = 0; i < tunnel->n_peers; i++)
		n += tunnel->peers[i].n_allowed_ips;
	if (n == 0)
		return;
	claims = calloc(n, sizeof(*claims));
	if (claims == NULL) {
		conf_error_at(ctx, &tunnel->where, "out of memory");
		return;
	}
	n = 0;
	for (size_t i = 0; i < tunnel->n_peers; i++) {
		for (size_t j = 0; j < tunnel->peers[i].n_allowed_ips; j++) {
			claims[n++] = (struct claim){
				.prefix = &tunnel->peers[i].allowed_ips[j],
				.peer = &tunnel->peers[i],
			};
		}
	}
	check_overlaps(ctx, claims, n);
}

static void check_twins(
	struct conf_ctx *ctx, const struct vpnd_peer_conf *a, const struct vpnd_peer_conf *b)
{
	char text[VPND_CONF_LABEL_STRLEN];

	if (memcmp(a->public_key, b->public_key, KEY_LEN) == 0) {
		conf_error_at(ctx, &b->where, "public_key: that of peer \"%s\", line %d",
			vpnd_conf_peer_label(a, text), a->where.line);
	}
	if (a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0) {
		conf_error_at(ctx, &b->where, "name: peer \"%s\" stands in line %d already",
			vpnd_conf_peer_label(a, text), a->where.line);
	}
}

/* A probe needs an address of the interface to be sent from, and one of the peer's to go to. */
static void check_probe(struct conf_ctx *ctx, const struct vpnd_tunnel_conf *tunnel,
	const struct vpnd_peer_conf *peer)
{
	char text[ADDR_STRLEN];
	bool same = false, own = false;

	if (peer->probe.family == ADDR_NONE)
		return;
	for (size_t i = 0; i < tunnel->n_addresses; i++) {
		same |= tunnel->addresses[i].addr.family == peer->probe.family;
		own |= addr_equal(&tunnel->addresses[i].addr, &peer->probe);
	}
	if (own) {
		conf_error_at(ctx, &peer->where, "probe: %s is an address of the tunnel itself",
			addr_format(&peer->probe, text));
	} else if (!same) {
		conf_error_at(ctx, &peer->where,
			"probe: the tunnel has no %s address to ask %s from",
			peer->probe.family == ADDR_V4 ? "IPv4" : "IPv6",
			addr_format(&peer->probe, text));
	}
}

void conf_check_tunnel(struct conf_ctx *ctx, void *values)
{
	const struct vpnd_tunnel_conf *tunnel = values;

	for (size_t i = 0; i < tunnel->n_addresses; i++) {
		if (tunnel->addresses[i].addr.family == ADDR_V6 && tunnel->mtu < IPV6_MTU_MIN) {
			conf_error_at(ctx, &tunnel->where,
				"mtu: %u is less than the %d bytes that IPv6 addresses need",
				tunnel->mtu, IPV6_MTU_MIN);
			break;
		}
	}
	for (size_t i = 0; i < tunnel->n_peers; i++) {
		check_probe(ctx, tunnel, &tunnel->peers[i]);
		for (size_t j = 0; j < i; j++)
			check_twins(ctx, &tunnel->peers[j], &tunnel->peers[i]);
	}
	check_allowed_ips(ctx, tunnel);
}

static void check_weights(struct conf_ctx *ctx, const struct vpnd_route_conf *route)
{
	if (route->n_weights == 0)
		return;
	if (route->policy != VPND_ECMP)
		conf_error_at(ctx, &route->where, "weights: only with policy \"ecmp\"");
	else if (route->n_weights != route->n_via)
		conf_error_at(ctx, &route->where, "weights: %zu for %zu tunnels", route->n_weights,
			route->n_via);
}

void conf_check_route(struct conf_ctx *ctx, void *values)
{
	const struct vpnd_route_conf *route = values;

	/* It would carry the tunnels' own packets, and no guard could stand behind it. */
	if (route->prefix.len == 0) {
		conf_error_at(ctx, &route->where,
			"prefix: the default route is the uplink's; list the networks behind the "
			"tunnels");
	}
	if (route->n_via > VPND_CONF_VIA_MAX)
		conf_error_at(ctx, &route->where, "via: more than %d tunnels", VPND_CONF_VIA_MAX);
	check_weights(ctx, route);
	for (size_t i = 0; i < route->n_via; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(route->via[i], route->via[j]) == 0) {
				conf_error_at(ctx, &route->where, "via: \"%s\" stands there twice",
					route->via[i]);
			}
		}
	}
}

void conf_check_rule(struct conf_ctx *ctx, void *values)
{
	const struct vpnd_rule_conf *rule = values;
	uint8_t from = rule->from.addr.family, to = rule->to.addr.family;

	if (from != ADDR_NONE && to != ADDR_NONE && from != to)
		conf_error_at(ctx, &rule->where, "from and to are of different families");
	if (from == ADDR_NONE && to == ADDR_NONE && rule->fwmark == 0 && rule->fwmask == 0)
		conf_error_at(ctx, &rule->where, "a rule needs a from, a to or an fwmark");
	if (rule->fwmask != 0 && (rule->fwmark & ~rule->fwmask) != 0)
		conf_error_at(ctx, &rule->where, "fwmark: has bits that are not in fwmask");
}

/* Two rules that the kernel would take for one, or put in an order of its own. */
static void check_priorities(struct conf_ctx *ctx, const struct vpnd_conf *conf)
{
	for (size_t i = 0; i < conf->n_rules; i++) {
		const struct vpnd_rule_conf *rule = &conf->rules[i];

		if (rule->priority == VPND_CONF_GUARD_PRIORITY ||
			rule->priority == VPND_CONF_GUARD_PRIORITY + 1)
			conf_error_at(ctx, &rule->where, "priority: %u is that of the guards",
				rule->priority);
		for (size_t j = 0; j < i; j++)
			if (conf->rules[j].priority == rule->priority)
				conf_error_at(ctx, &rule->where,
					"priority: %u stands in line %d already", rule->priority,
					conf->rules[j].where.line);
	}
}

static void check_tables(struct conf_ctx *ctx, struct vpnd_conf *conf)
{
	for (size_t i = 0; i < conf->n_routes; i++) {
		struct vpnd_route_conf *route = &conf->routes[i];

		if (route->table == 0)
			route->table = conf->table;
		if (route->table == VPND_CONF_LOCAL_TABLE)
			conf_error_at(ctx, &route->where, "table: %d is the kernel's own",
				VPND_CONF_LOCAL_TABLE);
	}
}

/* conf->n_tunnels if there is none of that name. */
static size_t find_tunnel(const struct vpnd_conf *conf, const char *name)
{
	size_t i = 0;

	while (i < conf->n_tunnels && strcmp(conf->tunnels[i].name, name) != 0)
		i++;
	return i;
}

static void report_unknown(struct conf_ctx *ctx, const struct vpnd_conf *conf,
	const struct vpnd_route_conf *route, const char *name)
{
	struct nearest nearest = nearest_to(name);

	for (size_t i = 0; i < conf->n_tunnels; i++)
		nearest_offer(&nearest, conf->tunnels[i].name);
	if (nearest.best != NULL) {
		conf_error_at(ctx, &route->where, "via: no tunnel \"%s\"; did you mean \"%s\"?",
			name, nearest.best);
	} else {
		conf_error_at(ctx, &route->where, "via: no tunnel \"%s\"", name);
	}
}

static void resolve_via(
	struct conf_ctx *ctx, const struct vpnd_conf *conf, struct vpnd_route_conf *route)
{
	for (size_t i = 0; i < route->n_via && i < VPND_CONF_VIA_MAX; i++) {
		size_t tunnel = find_tunnel(conf, route->via[i]);

		if (tunnel == conf->n_tunnels)
			report_unknown(ctx, conf, route, route->via[i]);
		else
			route->via_tunnel[i] = (uint16_t)tunnel;
	}
}

static void check_tunnel_pair(
	struct conf_ctx *ctx, const struct vpnd_tunnel_conf *a, const struct vpnd_tunnel_conf *b)
{
	if (strcmp(a->name, b->name) == 0) {
		conf_error_at(ctx, &b->where, "name: tunnel \"%s\" stands in line %d already",
			b->name, a->where.line);
	} else if (a->listen_port != 0 && a->listen_port == b->listen_port) {
		conf_error_at(ctx, &b->where, "listen_port: %u is that of tunnel \"%s\", line %d",
			b->listen_port, a->name, a->where.line);
	}
}

void conf_check_whole(struct conf_ctx *ctx, void *values)
{
	struct vpnd_conf *conf = values;
	char text[PREFIX_STRLEN];

	if (conf->n_tunnels > VPND_CONF_TUNNELS_MAX) {
		conf_error_at(ctx, &conf->tunnels[VPND_CONF_TUNNELS_MAX].where,
			"tunnels: more than %d", VPND_CONF_TUNNELS_MAX);
		return;
	}
	for (size_t i = 0; i < conf->n_tunnels; i++)
		for (size_t j = 0; j < i; j++)
			check_tunnel_pair(ctx, &conf->tunnels[j], &conf->tunnels[i]);
	check_tables(ctx, conf);
	check_priorities(ctx, conf);
	for (size_t i = 0; i < conf->n_routes; i++) {
		struct vpnd_route_conf *route = &conf->routes[i];

		resolve_via(ctx, conf, route);
		for (size_t j = 0; j < i; j++) {
			if (conf->routes[j].table == route->table &&
				prefix_equal(&conf->routes[j].prefix, &route->prefix)) {
				conf_error_at(ctx, &route->where,
					"prefix: %s stands in line %d already",
					prefix_format(&route->prefix, text),
					conf->routes[j].where.line);
			}
		}
	}
}
