/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/conf_check.h"

#include <string.h>

#include "natd/conf.h"
#include "natd/ports.h"

static bool overlap(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

/* --- addresses that are never right ----------------------------------------------------------- */

/*
 * Those of RFC 6890 that mean something else than one host that routers can reach. IPv4's
 * link-local addresses are not among them: routers use them between each other.
 */
static const struct {
	const char *prefix, *is;
} unusable[] = {
	{"0.0.0.0/8", "is of \"this network\", and no host's"},
	{"127.0.0.0/8", "is loopback, and stays within a host"},
	{"224.0.0.0/4", "is multicast, and no single host's"},
	{"255.255.255.255/32", "is broadcast, and no single host's"},
	{"::/128", "is unspecified, and no host's"},
	{"::1/128", "is loopback, and stays within a host"},
	{"::ffff:0:0/96", "is IPv4 in a notation of programs, and in no packet"},
	{"fe80::/10", "is link-local, and never forwarded"},
	{"ff00::/8", "is multicast, and no single host's"},
};

/* What is wrong with all of a prefix, or NULL. */
static const char *fault_of(const struct prefix *prefix)
{
	struct prefix outer;

	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
		if (prefix_parse(unusable[i].prefix, true, &outer) == 0 &&
			prefix_covers(&outer, prefix))
			return unusable[i].is;
	return NULL;
}

static const char *fault_of_address(const struct addr *address)
{
	const struct prefix prefix = {*address, (uint8_t)addr_bits(address->family)};

	return fault_of(&prefix);
}

static void check_prefix(struct conf_ctx *ctx, const struct natd_subnet *subnet, const char *key,
	const struct prefix *prefix)
{
	const char *fault = fault_of(prefix);
	char text[PREFIX_STRLEN];

	if (fault)
		conf_error_at(
			ctx, &subnet->where, "%s: %s %s", key, prefix_format(prefix, text), fault);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void check_snat_prefix(
	struct conf_ctx *ctx, const struct natd_subnet *subnet, const char *prefix)
{
	char text[PREFIX_STRLEN];

	if (subnet->snat_prefix.addr.family == ADDR_NONE)
		return;
	prefix_format(&subnet->snat_prefix, text);
	if (subnet->snat_prefix.addr.family != subnet->prefix.addr.family)
		conf_error_at(ctx, &subnet->where,
			"snat_prefix: %s and subnet %s are of different families", text, prefix);
	else if (subnet->snat_prefix.len != subnet->prefix.len)
		conf_error_at(ctx, &subnet->where, "snat_prefix: %s and subnet %s differ in length",
			text, prefix);
	if (subnet->n_snat)
		conf_error_at(ctx, &subnet->where, "snat_prefix and snat exclude each other");
}

void conf_check_subnet(struct conf_ctx *ctx, void *values)
{
	const struct natd_subnet *subnet = values;
	char prefix[PREFIX_STRLEN], address[ADDR_STRLEN];

	prefix_format(&subnet->prefix, prefix);
	if (subnet->prefix.len == 0)
		conf_error_at(
			ctx, &subnet->where, "prefix: %s is everything, not a subnet", prefix);
	check_prefix(ctx, subnet, "prefix", &subnet->prefix);
	check_prefix(ctx, subnet, "snat_prefix", &subnet->snat_prefix);
	check_snat_prefix(ctx, subnet, prefix);
	if (!subnet->translate && (subnet->n_snat || subnet->snat_prefix.addr.family != ADDR_NONE))
		conf_error_at(ctx, &subnet->where,
			"translate: false leaves nothing to snat and snat_prefix");
	if (subnet->n_snat > NATD_POOL_MAX)
		conf_error_at(ctx, &subnet->where, "snat: more than %d addresses", NATD_POOL_MAX);
	for (size_t i = 0; i < subnet->n_snat; i++) {
		const struct addr *to = &subnet->snat[i];
		const char *fault = fault_of_address(to);

		addr_format(to, address);
		if (fault)
			conf_error_at(ctx, &subnet->where, "snat: %s %s", address, fault);
		if (to->family != subnet->prefix.addr.family)
			conf_error_at(ctx, &subnet->where,
				"snat: %s and subnet %s are of different families", address,
				prefix);
		for (size_t j = 0; j < i; j++)
			if (addr_equal(to, &subnet->snat[j]))
				conf_error_at(
					ctx, &subnet->where, "snat: %s is listed twice", address);
	}
}

void conf_check_forward(struct conf_ctx *ctx, void *values)
{
	const struct natd_forward *forward = values;
	const struct addr *to = &forward->to.address.addr;
	const char *fault = fault_of_address(to);
	char text[ADDR_STRLEN];

	if (to->family == ADDR_NONE)
		conf_error_at(ctx, &forward->where, "to: \"%s\" is a name; only an address serves",
			forward->to.host);
	else if (fault)
		conf_error_at(ctx, &forward->where, "to: %s %s", addr_format(to, text), fault);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void check_uplink_pool(struct conf_ctx *ctx, const struct natd_uplink *uplink)
{
	char text[ADDR_STRLEN];

	if (uplink->n_snat > NATD_POOL_MAX)
		conf_error(ctx, uplink->at, "snat: more than %d addresses", NATD_POOL_MAX);
	for (size_t i = 0; i < uplink->n_snat; i++) {
		const char *fault = fault_of_address(&uplink->snat[i]);

		addr_format(&uplink->snat[i], text);
		if (fault)
			conf_error(ctx, uplink->at, "snat: %s %s", text, fault);
		for (size_t j = 0; j < i; j++)
			if (addr_equal(&uplink->snat[i], &uplink->snat[j]))
				conf_error(ctx, uplink->at, "snat: %s is listed twice", text);
	}
}

static void check_uplinks(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	if (conf->n_uplinks > NATD_UPLINKS_MAX)
		conf_error(ctx, conf->uplinks[NATD_UPLINKS_MAX].at, "uplinks: more than %d",
			NATD_UPLINKS_MAX);
	for (size_t i = 0; i < conf->n_uplinks; i++)
		check_uplink_pool(ctx, &conf->uplinks[i]);
	for (size_t i = 0; i < conf->n_uplinks; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(conf->uplinks[i].name, conf->uplinks[j].name) == 0)
				conf_error(ctx, conf->uplinks[i].at,
					"uplinks: \"%s\" is listed twice", conf->uplinks[i].name);
}

static void check_subnets(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];

	if (conf->n_subnets > NATD_SUBNETS_MAX)
		conf_error_at(ctx, &conf->subnets[NATD_SUBNETS_MAX].where, "subnets: more than %d",
			NATD_SUBNETS_MAX);
	for (size_t i = 0; i < conf->n_subnets; i++)
		for (size_t j = 0; j < i; j++)
			if (overlap(&conf->subnets[i].prefix, &conf->subnets[j].prefix))
				conf_error_at(ctx, &conf->subnets[i].where,
					"prefix: %s overlaps with subnet %s of line %d",
					prefix_format(&conf->subnets[i].prefix, a),
					prefix_format(&conf->subnets[j].prefix, b),
					conf->subnets[j].where.line);
}

/* NULL if no subnet has it in it. */
static const struct natd_subnet *subnet_of(const struct natd_conf *conf, const struct addr *address)
{
	for (size_t i = 0; i < conf->n_subnets; i++)
		if (prefix_contains(&conf->subnets[i].prefix, address))
			return &conf->subnets[i];
	return NULL;
}

static void check_uplink_snat(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	char address[ADDR_STRLEN], prefix[PREFIX_STRLEN];

	for (size_t i = 0; i < conf->n_uplinks; i++)
		for (size_t k = 0; k < conf->uplinks[i].n_snat; k++) {
			const struct addr *snat = &conf->uplinks[i].snat[k];
			const struct natd_subnet *in = subnet_of(conf, snat);

			if (in)
				conf_error(ctx, conf->uplinks[i].at,
					"snat: %s is in subnet %s, so it is not public",
					addr_format(snat, address),
					prefix_format(&in->prefix, prefix));
		}
}

static void check_snat_is_outside(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	char address[ADDR_STRLEN], prefix[PREFIX_STRLEN], other[PREFIX_STRLEN];

	for (size_t i = 0; i < conf->n_subnets; i++)
		for (size_t j = 0; j < conf->n_subnets; j++)
			if (conf->subnets[i].snat_prefix.addr.family != ADDR_NONE &&
				overlap(&conf->subnets[i].snat_prefix, &conf->subnets[j].prefix))
				conf_error_at(ctx, &conf->subnets[i].where,
					"snat_prefix: %s overlaps with subnet %s, so it is not "
					"public",
					prefix_format(&conf->subnets[i].snat_prefix, prefix),
					prefix_format(&conf->subnets[j].prefix, other));
	for (size_t i = 0; i < conf->n_subnets; i++)
		for (size_t k = 0; k < conf->subnets[i].n_snat; k++)
			for (size_t j = 0; j < conf->n_subnets; j++)
				if (prefix_contains(
					    &conf->subnets[j].prefix, &conf->subnets[i].snat[k]))
					conf_error_at(ctx, &conf->subnets[i].where,
						"snat: %s is in subnet %s, so it is not public",
						addr_format(&conf->subnets[i].snat[k], address),
						prefix_format(&conf->subnets[j].prefix, prefix));
}

/* A source that is behind a tunnel is held back at an uplink, translated to or not. */
static void check_public_may_leave(
	struct conf_ctx *ctx, const struct natd_conf *conf, const struct natd_prefix *never)
{
	static const char why[] = "%s: %s is in %s of never_uplink, so nothing with it may leave";
	char text[PREFIX_STRLEN], outer[PREFIX_STRLEN];

	prefix_format(&never->prefix, outer);
	for (size_t i = 0; i < conf->n_uplinks; i++)
		for (size_t k = 0; k < conf->uplinks[i].n_snat; k++)
			if (prefix_contains(&never->prefix, &conf->uplinks[i].snat[k]))
				conf_error(ctx, conf->uplinks[i].at, why, "snat",
					addr_format(&conf->uplinks[i].snat[k], text), outer);
	for (size_t i = 0; i < conf->n_subnets; i++) {
		const struct natd_subnet *subnet = &conf->subnets[i];

		for (size_t k = 0; k < subnet->n_snat; k++)
			if (prefix_contains(&never->prefix, &subnet->snat[k]))
				conf_error_at(ctx, &subnet->where, why, "snat",
					addr_format(&subnet->snat[k], text), outer);
		if (overlap(&never->prefix, &subnet->snat_prefix))
			conf_error_at(ctx, &subnet->where, why, "snat_prefix",
				prefix_format(&subnet->snat_prefix, text), outer);
	}
}

static void check_never_uplink(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];

	for (size_t i = 0; i < conf->n_never_uplink; i++) {
		const struct natd_prefix *never = &conf->never_uplink[i];

		check_public_may_leave(ctx, conf, never);
		prefix_format(&never->prefix, a);
		if (never->prefix.len == 0)
			conf_error(ctx, never->at,
				"never_uplink: %s leaves nothing for the uplinks", a);
		for (size_t j = 0; j < i; j++)
			if (overlap(&never->prefix, &conf->never_uplink[j].prefix))
				conf_error(ctx, never->at, "never_uplink: %s overlaps with %s", a,
					prefix_format(&conf->never_uplink[j].prefix, b));
		for (size_t j = 0; j < conf->n_subnets; j++)
			if (overlap(&never->prefix, &conf->subnets[j].prefix))
				conf_error(ctx, never->at,
					"never_uplink: %s overlaps with subnet %s, which is to use "
					"the uplinks",
					a, prefix_format(&conf->subnets[j].prefix, b));
	}
}

static void check_exempt(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];

	for (size_t i = 0; i < conf->n_exempt; i++) {
		const struct natd_prefix *exempt = &conf->exempt[i];

		prefix_format(&exempt->prefix, a);
		if (exempt->prefix.len == 0)
			conf_error(
				ctx, exempt->at, "exempt: %s leaves nothing that is translated", a);
		for (size_t j = 0; j < i; j++)
			if (overlap(&exempt->prefix, &conf->exempt[j].prefix))
				conf_error(ctx, exempt->at, "exempt: %s overlaps with %s", a,
					prefix_format(&conf->exempt[j].prefix, b));
		for (size_t j = 0; j < conf->n_never_uplink; j++)
			if (overlap(&exempt->prefix, &conf->never_uplink[j].prefix))
				conf_error(ctx, exempt->at,
					"exempt: %s overlaps with %s of never_uplink", a,
					prefix_format(&conf->never_uplink[j].prefix, b));
	}
}

static void check_forward_target(
	struct conf_ctx *ctx, const struct natd_conf *conf, const struct natd_forward *forward)
{
	char address[ADDR_STRLEN];

	if (subnet_of(conf, &forward->to.address.addr))
		return;
	conf_error_at(ctx, &forward->where, "to: %s is in none of the subnets",
		addr_format(&forward->to.address.addr, address));
}

static bool collide(const struct natd_forward *a, const struct natd_forward *b)
{
	return a->protocol == b->protocol && a->uplink_port == b->uplink_port &&
	       a->to.address.addr.family == b->to.address.addr.family;
}

static void check_forwards(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	for (size_t i = 0; i < conf->n_forwards; i++) {
		const struct natd_forward *forward = &conf->forwards[i];

		check_forward_target(ctx, conf, forward);
		for (size_t j = 0; j < i; j++)
			if (collide(forward, &conf->forwards[j]))
				conf_error_at(ctx, &forward->where,
					"uplink_port: %d is forwarded by line %d already",
					forward->uplink_port, conf->forwards[j].where.line);
		for (size_t j = 0; j < conf->n_reserved_ports; j++)
			if (conf->reserved_ports[j] == forward->uplink_port)
				conf_error_at(ctx, &forward->where,
					"uplink_port: %d is one of the reserved_ports",
					forward->uplink_port);
	}
}

static void check_ports(struct conf_ctx *ctx, const struct natd_conf *conf)
{
	struct ports ports;

	if (ports_init(&ports, conf) < 0) {
		conf_error_at(ctx, &conf->where, "out of memory");
		return;
	}
	if (!ports.n)
		conf_error_at(ctx, &conf->where,
			"ports: %d-%d leaves none beside reserved_ports and forwards",
			conf->ports.first, conf->ports.last);
	ports_done(&ports);
}

/* The tree that they point into goes away when the checks are done. */
static void forget_settings(struct natd_conf *conf)
{
	for (size_t i = 0; i < conf->n_uplinks; i++)
		conf->uplinks[i].at = NULL;
	for (size_t i = 0; i < conf->n_never_uplink; i++)
		conf->never_uplink[i].at = NULL;
	for (size_t i = 0; i < conf->n_exempt; i++)
		conf->exempt[i].at = NULL;
}

void conf_check_whole(struct conf_ctx *ctx, void *values)
{
	struct natd_conf *conf = values;

	check_uplinks(ctx, conf);
	check_subnets(ctx, conf);
	check_snat_is_outside(ctx, conf);
	check_uplink_snat(ctx, conf);
	check_never_uplink(ctx, conf);
	check_exempt(ctx, conf);
	check_forwards(ctx, conf);
	check_ports(ctx, conf);
	forget_settings(conf);
}
