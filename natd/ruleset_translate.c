/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ruleset's chains that translate.
 *
 * A flow keeps its source port if that is one that translated flows may have and free: that is what
 * peers behind other NATs guess by. The others are spread over all parts of the range, each part in
 * proportion to its size.
 */
#include "natd/ruleset_out.h"

/* --- forwarded ports -------------------------------------------------------------------------- */

static const char *protocol_of(const struct natd_forward *forward)
{
	return forward->protocol == NATD_TCP ? "tcp" : "udp";
}

/* True if a forward before this one leads to the same place. */
static bool leads_where_another_does(const struct natd_conf *conf, size_t forward)
{
	const struct natd_forward *a = &conf->forwards[forward];

	for (size_t i = 0; i < forward; i++) {
		const struct natd_forward *b = &conf->forwards[i];

		if (a->protocol == b->protocol && endpoint_equal(&a->to.address, &b->to.address))
			return true;
	}
	return false;
}

static void write_forwards(struct ruleset_out *out, const struct ruleset_words *w)
{
	char address[ADDR_STRLEN];
	const char *comma = "";

	fprintf(out->f,
		"\n\tmap forwards%c {\n\t\ttype inet_proto . inet_service : %s . inet_service\n"
		"\t\telements = { ",
		w->digit, w->type);
	for (size_t i = 0; i < out->conf->n_forwards; i++) {
		const struct natd_forward *forward = &out->conf->forwards[i];
		const struct endpoint *to = &forward->to.address;

		if (to->addr.family != w->family)
			continue;
		fprintf(out->f, "%s%s . %u : %s . %u", comma, protocol_of(forward),
			forward->uplink_port, addr_format(&to->addr, address), to->port);
		comma = ", ";
	}
	fputs(" }\n\t}\n", out->f);
}

static void write_forwarded(struct ruleset_out *out, const struct ruleset_words *w)
{
	char address[ADDR_STRLEN];
	const char *comma = "";

	fprintf(out->f,
		"\n\tset forwarded%c {\n\t\ttype %s . inet_proto . inet_service\n"
		"\t\telements = { ",
		w->digit, w->type);
	for (size_t i = 0; i < out->conf->n_forwards; i++) {
		const struct natd_forward *forward = &out->conf->forwards[i];
		const struct endpoint *to = &forward->to.address;

		if (to->addr.family != w->family || leads_where_another_does(out->conf, i))
			continue;
		fprintf(out->f, "%s%s . %s . %u", comma, addr_format(&to->addr, address),
			protocol_of(forward), to->port);
		comma = ", ";
	}
	fputs(" }\n\t}\n", out->f);
}

void ruleset_forward_sets(struct ruleset_out *out)
{
	for (size_t i = 0; i < 2; i++) {
		if (!ruleset_has_forwards(out, ruleset_words[i].family))
			continue;
		write_forwards(out, &ruleset_words[i]);
		write_forwarded(out, &ruleset_words[i]);
	}
}

/*
 * An inside host that asks for the public address is forwarded too. The public addresses are those
 * of this host that are neither inside nor those by which the asking host knows it.
 */
static void write_dstnat_of(struct ruleset_out *out, const struct ruleset_words *w)
{
	ruleset_rule(out,
		"iifname %s fib daddr type local dnat %s to meta l4proto . th dport map "
		"@forwards%c",
		out->uplinks, w->ip, w->digit);
	ruleset_rule(out,
		"iifname != %s %s saddr @subnets%c %s daddr != @subnets%c fib daddr type local "
		"fib daddr . iif type != local dnat %s to meta l4proto . th dport map @forwards%c",
		out->uplinks, w->ip, w->digit, w->ip, w->digit, w->ip, w->digit);
}

static void write_dstnat(struct ruleset_out *out)
{
	if (!out->conf->n_forwards)
		return;
	ruleset_base_chain(
		out, "dstnat", "nat hook prerouting priority dstnat - 10; policy accept");
	for (size_t i = 0; i < 2; i++)
		if (ruleset_has_forwards(out, ruleset_words[i].family))
			write_dstnat_of(out, &ruleset_words[i]);
	ruleset_end(out);
}

/* --- one way ---------------------------------------------------------------------------------- */

/* "masquerade" or "snat ip to ADDRESS", with ports of `part` unless that is NULL. */
static void write_action(
	struct ruleset_out *out, const struct ruleset_way *way, const struct conf_ports *part)
{
	char address[ADDR_STRLEN];

	addr_format(&way->address, address);
	if (way->address.family == ADDR_NONE)
		fputs(part ? "masquerade to " : "masquerade", out->f);
	else if (part && way->address.family == ADDR_V6)
		fprintf(out->f, "snat ip6 to [%s]", address);
	else
		fprintf(out->f, "snat %s to %s", ruleset_words_of(way->family)->ip, address);
	if (part && part->first == part->last)
		fprintf(out->f, ":%u", part->first);
	else if (part)
		fprintf(out->f, ":%u-%u", part->first, part->last);
	fputs(way->random_ports ? " fully-random\n" : "\n", out->f);
}

/* Flows that may keep their port. */
static void write_keepers(struct ruleset_out *out, const struct ruleset_way *way)
{
	for (size_t i = 0; out->ports.n > 1 && i < out->ports.n; i++) {
		const struct conf_ports *part = &out->ports.parts[i];

		fprintf(out->f, "\t\t" RULESET_WITH_PORTS " th sport %u-%u ", part->first,
			part->last);
		write_action(out, way, part);
	}
}

/* Match `count` of `left` flows; each part asks the same port for another hash. */
static void write_share(
	struct ruleset_out *out, const struct ruleset_way *way, uint32_t left, uint32_t count)
{
	if (way->random_ports)
		fprintf(out->f, "numgen random mod %u < %u ", left, count);
	else
		fprintf(out->f, "jhash th sport mod %u seed 0x%x < %u ", left, RULESET_SEED + left,
			count);
}

/*
 * The others: of the ports not yet ruled out, this part has its share. By the port that a flow
 * comes from, so that what is one port inside can be one outside (RFC 4787 REQ-1).
 */
static void write_spread(struct ruleset_out *out, const struct ruleset_way *way)
{
	uint32_t left = out->ports.total;

	for (size_t i = 0; i < out->ports.n; i++) {
		const struct conf_ports *part = &out->ports.parts[i];
		uint32_t count = ports_count(part);

		fputs("\t\t" RULESET_WITH_PORTS " ", out->f);
		if (count < left)
			write_share(out, way, left, count);
		write_action(out, way, part);
		left -= count;
	}
}

static bool is_masquerade(const struct ruleset_way *way)
{
	return way->address.family == ADDR_NONE;
}

/* Masquerade is the same for all families and uplinks. */
static bool is_written(const struct ruleset_out *out, size_t way)
{
	for (size_t i = 0; i < way && is_masquerade(&out->ways[way]); i++)
		if (is_masquerade(&out->ways[i]) &&
			out->ways[i].random_ports == out->ways[way].random_ports)
			return true;
	return false;
}

static void write_way(struct ruleset_out *out, const struct ruleset_way *way)
{
	char name[RULESET_NAME_SIZE];

	ruleset_chain(out, ruleset_way_chain(RULESET_TRANSLATE, way, name));
	if (!way->random_ports)
		write_keepers(out, way);
	write_spread(out, way);
	fputs("\t\t", out->f);
	write_action(out, way, NULL);
	ruleset_end(out);
}

static void write_prefix(struct ruleset_out *out, const struct natd_subnet *subnet)
{
	char name[RULESET_NAME_SIZE], prefix[PREFIX_STRLEN];

	ruleset_chain(out, ruleset_subnet_chain(out, RULESET_TRANSLATE, subnet, name));
	ruleset_rule(out, "snat %s prefix to %s", ruleset_words_of(subnet->prefix.addr.family)->ip,
		ruleset_prefix(&subnet->snat_prefix, prefix));
	ruleset_end(out);
}

/* --- the choice ------------------------------------------------------------------------------- */

static const char *translating_chain(const struct ruleset_out *out,
	const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE])
{
	if (natd_translation_of(subnet) == NATD_NONE)
		return NULL;
	return ruleset_subnet_chain(out, RULESET_TRANSLATE, subnet, name);
}

/* In a hairpin: the same, unless that depends on the uplink. */
static const char *hairpin_chain(const struct ruleset_out *out, const struct natd_subnet *subnet,
	char name[static RULESET_NAME_SIZE])
{
	if (natd_translation_of(subnet) == NATD_TO_UPLINK)
		return NULL;
	return translating_chain(out, subnet, name);
}

static void write_srcnat(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "srcnat", "nat hook postrouting priority srcnat - 10; policy accept");
	for (size_t i = 0; i < 2; i++)
		if (ruleset_has_forwards(out, ruleset_words[i].family))
			ruleset_rule(out,
				"oifname != %s ct status dnat %s saddr @subnets%c %s daddr . "
				"meta l4proto . th dport @forwarded%c goto hairpin%c",
				out->uplinks, ruleset_words[i].ip, ruleset_words[i].digit,
				ruleset_words[i].ip, ruleset_words[i].digit,
				ruleset_words[i].digit);
	ruleset_rule(out, "oifname != %s accept", out->uplinks);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		ruleset_each(out, RULESET_NEVER_UPLINK, w, "daddr", "accept");
		ruleset_each(out, RULESET_EXEMPT, w, "daddr", "accept");
	}
	for (size_t i = 0; i < 2; i++)
		ruleset_by_subnet(out, &ruleset_words[i], translating_chain);
	ruleset_end(out);
}

/*
 * From inside to a forwarded port: the host that it leads to sees the address by which the Internet
 * knows the asking one (RFC 4787 REQ-9a), the one that was asked for where that is the uplink's.
 */
static void write_hairpin(struct ruleset_out *out, const struct ruleset_words *w)
{
	const struct conf_ports *part = ports_largest(&out->ports);
	char chain[] = "hairpin?";

	if (!ruleset_has_forwards(out, w->family))
		return;
	chain[sizeof(chain) - 2] = w->digit;
	ruleset_chain(out, chain);
	ruleset_by_subnet(out, w, hairpin_chain);
	ruleset_rule(out, RULESET_WITH_PORTS " snat %s to ct original %s daddr:%u-%u", w->ip, w->ip,
		part->first, part->last);
	ruleset_end(out);
}

void ruleset_translate(struct ruleset_out *out)
{
	write_dstnat(out);
	write_srcnat(out);
	for (size_t i = 0; i < 2; i++)
		write_hairpin(out, &ruleset_words[i]);
	ruleset_choices(out, RULESET_TRANSLATE);
	for (size_t i = 0; i < out->n_ways; i++)
		if (!is_written(out, i))
			write_way(out, &out->ways[i]);
	for (size_t i = 0; i < out->conf->n_subnets; i++)
		if (natd_translation_of(out->subnets[i]) == NATD_TO_PREFIX)
			write_prefix(out, out->subnets[i]);
}
