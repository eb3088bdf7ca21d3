/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a subnet to the one address that a flow of its host is translated to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "natd/ruleset_out.h"

/* A pool: the addresses of one family in a list, which an uplink's may mix. */
struct pool {
	const struct addr *first;
	size_t n; /* of the list, all families */
	enum addr_family family;
};

static size_t pool_size(const struct pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->n; i++)
		n += pool->first[i].family == pool->family;
	return n;
}

static const struct addr *pool_first(const struct pool *pool)
{
	size_t i = 0;

	while (pool->first[i].family != pool->family)
		i++;
	return &pool->first[i];
}

static struct pool uplink_pool(
	const struct ruleset_out *out, size_t uplink, enum addr_family family)
{
	const struct natd_uplink *u = &out->conf->uplinks[uplink];

	return (struct pool){u->snat, u->n_snat, family};
}

static struct pool subnet_pool(const struct natd_subnet *subnet)
{
	return (struct pool){subnet->snat, subnet->n_snat, subnet->prefix.addr.family};
}

/* --- collecting ------------------------------------------------------------------------------- */

static int compare_ways(const void *a, const void *b)
{
	const struct ruleset_way *x = a, *y = b;
	int r = (int)x->family - (int)y->family;

	if (r == 0)
		r = (int)x->address.family - (int)y->address.family;
	if (r == 0)
		r = memcmp(x->address.bytes, y->address.bytes, sizeof(x->address.bytes));
	if (r == 0)
		r = (x->uplink > y->uplink) - (x->uplink < y->uplink);
	return r ? r : x->random_ports - y->random_ports;
}

static void add_pool(struct ruleset_out *out, const struct pool *pool, bool random_ports)
{
	for (size_t i = 0; i < pool->n; i++)
		if (pool->first[i].family == pool->family)
			out->ways[out->n_ways++] = (struct ruleset_way){.family = pool->family,
				.address = pool->first[i],
				.random_ports = random_ports};
}

static void add_uplinks(struct ruleset_out *out, enum addr_family family, bool random_ports)
{
	for (size_t i = 0; i < out->conf->n_uplinks; i++) {
		struct pool pool = uplink_pool(out, i, family);

		if (pool_size(&pool))
			add_pool(out, &pool, random_ports);
		else
			out->ways[out->n_ways++] = (struct ruleset_way){
				.family = family, .uplink = i, .random_ports = random_ports};
	}
}

/* Whether a subnet of that kind takes what the uplinks have. */
static bool uses_uplinks(const struct ruleset_out *out, enum addr_family family, bool random_ports)
{
	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct natd_subnet *subnet = &out->conf->subnets[i];

		if (natd_translation_of(subnet) == NATD_TO_UPLINK &&
			subnet->prefix.addr.family == family &&
			subnet->random_ports == random_ports)
			return true;
	}
	return false;
}

static size_t most_ways(const struct natd_conf *conf)
{
	size_t most = 0;

	for (size_t i = 0; i < conf->n_uplinks; i++)
		most += 4 * (conf->uplinks[i].n_snat + 1);
	for (size_t i = 0; i < conf->n_subnets; i++)
		most += conf->subnets[i].n_snat;
	return most;
}

int ruleset_ways_init(struct ruleset_out *out)
{
	size_t kept = 0;

	out->ways = calloc(most_ways(out->conf), sizeof(out->ways[0]));
	if (!out->ways)
		return -ENOMEM;
	for (size_t i = 0; i < 4; i++)
		if (uses_uplinks(out, ruleset_words[i / 2].family, i % 2))
			add_uplinks(out, ruleset_words[i / 2].family, i % 2);
	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct natd_subnet *subnet = &out->conf->subnets[i];
		struct pool pool = subnet_pool(subnet);

		if (natd_translation_of(subnet) == NATD_TO_POOL)
			add_pool(out, &pool, subnet->random_ports);
	}
	qsort(out->ways, out->n_ways, sizeof(out->ways[0]), compare_ways);
	for (size_t i = 0; i < out->n_ways; i++)
		if (i == 0 || compare_ways(&out->ways[i], &out->ways[kept - 1]) != 0)
			out->ways[kept++] = out->ways[i];
	out->n_ways = kept;
	return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

char *ruleset_way_id(const struct ruleset_way *way, char id[static RULESET_NAME_SIZE])
{
	if (way->address.family == ADDR_NONE) {
		snprintf(id, RULESET_NAME_SIZE, "uplink%zu_%c", way->uplink,
			ruleset_words_of(way->family)->digit);
		return id;
	}
	addr_format(&way->address, id);
	for (char *c = id; *c; c++)
		if (*c == ':')
			*c = '_';
	return id;
}

static const char *random_suffix(enum ruleset_stage stage, bool random_ports)
{
	return stage == RULESET_TRANSLATE && random_ports ? "_random" : "";
}

static const char *stem_of(enum ruleset_stage stage)
{
	return stage == RULESET_COUNT ? "count" : "snat";
}

char *ruleset_way_chain(enum ruleset_stage stage, const struct ruleset_way *way,
	char name[static RULESET_NAME_SIZE])
{
	char id[RULESET_NAME_SIZE];

	if (stage == RULESET_TRANSLATE && way->address.family == ADDR_NONE)
		strcpy(id, "masquerade");
	else
		ruleset_way_id(way, id);
	snprintf(name, RULESET_NAME_SIZE, "%s_%.40s%s", stem_of(stage), id,
		random_suffix(stage, way->random_ports));
	return name;
}

/* The chain that knows how flows of a family leave by an uplink. */
static char *uplink_chain(const struct ruleset_out *out, enum ruleset_stage stage, size_t uplink,
	enum addr_family family, bool random_ports, char name[static RULESET_NAME_SIZE])
{
	struct pool pool = uplink_pool(out, uplink, family);
	struct ruleset_way way = {.family = family, .uplink = uplink, .random_ports = random_ports};

	if (pool_size(&pool) == 1)
		way.address = *pool_first(&pool);
	if (pool_size(&pool) <= 1)
		return ruleset_way_chain(stage, &way, name);
	snprintf(name, RULESET_NAME_SIZE, "%s_uplink%zu_%c%s", stem_of(stage), uplink,
		ruleset_words_of(family)->digit, random_suffix(stage, random_ports));
	return name;
}

/* That of all uplinks together, if there are several, and its map. */
static char *uplinks_name(enum ruleset_stage stage, enum addr_family family, bool random_ports,
	char name[static RULESET_NAME_SIZE])
{
	snprintf(name, RULESET_NAME_SIZE, "%s_uplinks_%c%s", stem_of(stage),
		ruleset_words_of(family)->digit, random_suffix(stage, random_ports));
	return name;
}

char *ruleset_subnet_chain(const struct ruleset_out *out, enum ruleset_stage stage,
	const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE])
{
	enum addr_family family = subnet->prefix.addr.family;
	struct ruleset_way way = {.family = family, .random_ports = subnet->random_ports};

	switch (natd_translation_of(subnet)) {
	case NATD_TO_UPLINK:
		if (out->conf->n_uplinks > 1)
			return uplinks_name(stage, family, subnet->random_ports, name);
		return uplink_chain(out, stage, 0, family, subnet->random_ports, name);
	case NATD_TO_POOL:
		if (subnet->n_snat > 1)
			return ruleset_name(stem_of(stage), &subnet->prefix, name);
		way.address = subnet->snat[0];
		return ruleset_way_chain(stage, &way, name);
	case NATD_TO_PREFIX:
		if (stage == RULESET_TRANSLATE)
			return ruleset_name("prefix", &subnet->prefix, name);
		break;
	case NATD_NONE:
		break;
	}
	strcpy(name, "translated");
	return name;
}

/* --- by subnet -------------------------------------------------------------------------------- */

void ruleset_by_subnet(
	struct ruleset_out *out, const struct ruleset_words *words, ruleset_chain_of chain_of)
{
	bool compared = ruleset_is_compared(out, RULESET_SUBNETS, words->family);
	char prefix[PREFIX_STRLEN], name[RULESET_NAME_SIZE];
	size_t n = 0;

	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct prefix *subnet = &out->subnets[i]->prefix;
		const char *chain = chain_of(out, out->subnets[i], name);

		if (subnet->addr.family != words->family || !chain)
			continue;
		ruleset_prefix(subnet, prefix);
		if (compared) {
			ruleset_rule(out, "%s saddr %s goto %s", words->ip, prefix, chain);
			continue;
		}
		if (n++ == 0)
			fprintf(out->f, "\t\t%s saddr vmap { ", words->ip);
		else
			fputs(", ", out->f);
		fprintf(out->f, "%s : goto %s", prefix, chain);
	}
	if (n)
		fputs(" }\n", out->f);
}

/* --- choices ---------------------------------------------------------------------------------- */

/* Each inside host has one address of the pool, always the same (RFC 4787 section 4.1). */
static void write_pool_choice(struct ruleset_out *out, enum ruleset_stage stage, const char *chain,
	const struct pool *pool, bool random_ports)
{
	char name[RULESET_NAME_SIZE];
	size_t n = 0;

	ruleset_chain(out, chain);
	fprintf(out->f, "\t\tjhash %s saddr mod %zu seed 0x%x vmap { ",
		ruleset_words_of(pool->family)->ip, pool_size(pool), RULESET_SEED);
	for (size_t i = 0; i < pool->n; i++) {
		struct ruleset_way way = {.family = pool->family,
			.address = pool->first[i],
			.random_ports = random_ports};

		if (way.address.family != pool->family)
			continue;
		fprintf(out->f, "%s%zu : goto %s", n ? ", " : "", n,
			ruleset_way_chain(stage, &way, name));
		n++;
	}
	fputs(" }\n", out->f);
	ruleset_end(out);
}

static void write_uplink_choices(struct ruleset_out *out, enum ruleset_stage stage,
	enum addr_family family, bool random_ports)
{
	char name[RULESET_NAME_SIZE];

	for (size_t i = 0; i < out->conf->n_uplinks; i++) {
		struct pool pool = uplink_pool(out, i, family);

		if (pool_size(&pool) > 1)
			write_pool_choice(out, stage,
				uplink_chain(out, stage, i, family, random_ports, name), &pool,
				random_ports);
	}
	if (out->conf->n_uplinks < 2)
		return;
	uplinks_name(stage, family, random_ports, name);
	ruleset_chain(out, name);
	ruleset_rule(out, "oifname vmap @%s", name);
	ruleset_end(out);
}

void ruleset_choices(struct ruleset_out *out, enum ruleset_stage stage)
{
	char name[RULESET_NAME_SIZE];

	for (size_t i = 0; i < 4; i++) {
		enum addr_family family = ruleset_words[i / 2].family;
		bool random_ports = i % 2;

		if (stage == RULESET_COUNT && random_ports && uses_uplinks(out, family, false))
			continue; /* it counts for both */
		if (uses_uplinks(out, family, random_ports))
			write_uplink_choices(out, stage, family, random_ports);
	}
	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct natd_subnet *subnet = out->subnets[i];
		struct pool pool = subnet_pool(subnet);

		if (natd_translation_of(subnet) == NATD_TO_POOL && subnet->n_snat > 1)
			write_pool_choice(out, stage,
				ruleset_subnet_chain(out, stage, subnet, name), &pool,
				subnet->random_ports);
	}
}

static void write_uplinks_map(struct ruleset_out *out, enum ruleset_stage stage,
	enum addr_family family, bool random_ports)
{
	char name[RULESET_NAME_SIZE];

	fprintf(out->f, "\n\tmap %s {\n\t\ttype ifname : verdict\n\t\telements = { ",
		uplinks_name(stage, family, random_ports, name));
	for (size_t i = 0; i < out->conf->n_uplinks; i++)
		fprintf(out->f, "%s\"%s\" : goto %s", i ? ", " : "", out->conf->uplinks[i].name,
			uplink_chain(out, stage, i, family, random_ports, name));
	fputs(" }\n\t}\n", out->f);
}

void ruleset_choice_maps(struct ruleset_out *out)
{
	if (out->conf->n_uplinks < 2)
		return;
	for (size_t i = 0; i < 4; i++) {
		enum addr_family family = ruleset_words[i / 2].family;
		bool random_ports = i % 2;

		if (!uses_uplinks(out, family, random_ports))
			continue;
		if (!random_ports || !uses_uplinks(out, family, false))
			write_uplinks_map(out, RULESET_COUNT, family, random_ports);
		write_uplinks_map(out, RULESET_TRANSLATE, family, random_ports);
	}
}
