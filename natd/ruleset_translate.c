/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ruleset's chains that translate.
 *
 * A flow keeps its source port if that is one that translated flows may have and free: that is what
 * peers behind other NATs guess by. The others are spread over all parts of the range, each part in
 * proportion to its size.
 */
#include "natd/ruleset_out.h"

/* Of the hash that gives each inside host its one public address: the same after every start. */
#define POOL_SEED 0x67617465

#define WITH_PORTS "meta l4proto { tcp, udp }"

static void write_dstnat(struct ruleset_out *out)
{
	char to[ENDPOINT_STRLEN];

	if (!out->conf->n_forwards)
		return;
	ruleset_base_chain(
		out, "dstnat", "nat hook prerouting priority dstnat - 10; policy accept");
	for (size_t i = 0; i < out->conf->n_forwards; i++) {
		const struct natd_forward *forward = &out->conf->forwards[i];
		const struct endpoint *inside = &forward->to.address;

		ruleset_rule(out, "iifname %s fib daddr type local %s dport %u dnat %s to %s",
			out->uplinks, forward->protocol == NATD_TCP ? "tcp" : "udp",
			forward->uplink_port, ruleset_words_of(inside->addr.family)->ip,
			endpoint_format(inside, to));
	}
	ruleset_end(out);
}

/* --- where a subnet's flows go ---------------------------------------------------------------- */

/* "masquerade", or "snat ip to " and the subnet's address or a choice of its pool. */
static void write_action(struct ruleset_out *out, const struct natd_subnet *subnet, bool port)
{
	const char *ip;
	char address[ADDR_STRLEN];

	if (!subnet) {
		fputs(port ? "masquerade to " : "masquerade", out->f);
		return;
	}
	ip = ruleset_words_of(subnet->prefix.addr.family)->ip;
	fprintf(out->f, "snat %s to ", ip);
	if (subnet->n_snat == 1) {
		bool brackets = port && subnet->snat[0].family == ADDR_V6;

		fprintf(out->f, brackets ? "[%s]" : "%s", addr_format(&subnet->snat[0], address));
		return;
	}
	fprintf(out->f, "jhash %s saddr mod %zu seed 0x%x map { ", ip, subnet->n_snat, POOL_SEED);
	for (size_t i = 0; i < subnet->n_snat; i++)
		fprintf(out->f, "%s%zu : %s", i ? ", " : "", i,
			addr_format(&subnet->snat[i], address));
	fputs(" }", out->f);
}

static void write_part(
	struct ruleset_out *out, const struct natd_subnet *subnet, const struct conf_ports *part)
{
	write_action(out, subnet, true);
	fprintf(out->f, part->first == part->last ? ":%u\n" : ":%u-%u\n", part->first, part->last);
}

/* Flows that may keep their port. */
static void write_keepers(struct ruleset_out *out, const struct natd_subnet *subnet)
{
	for (size_t i = 0; out->ports.n > 1 && i < out->ports.n; i++) {
		const struct conf_ports *part = &out->ports.parts[i];

		if (!ports_keep(part))
			continue;
		fprintf(out->f, "\t\t" WITH_PORTS " th sport %u-%u ", part->first, part->last);
		write_part(out, subnet, part);
	}
}

/* The others: of the ports not yet ruled out, this part has its share. */
static void write_spread(struct ruleset_out *out, const struct natd_subnet *subnet)
{
	uint32_t left = out->ports.total;

	for (size_t i = 0; i < out->ports.n; i++) {
		const struct conf_ports *part = &out->ports.parts[i];
		uint32_t count = ports_count(part);

		fputs("\t\t" WITH_PORTS " ", out->f);
		if (count < left)
			fprintf(out->f, "numgen random mod %u < %u ", left, count);
		write_part(out, subnet, part);
		left -= count;
	}
}

/* `subnet` NULL: all that take the uplink's own address. */
static void write_translation(
	struct ruleset_out *out, const char *chain, const struct natd_subnet *subnet)
{
	ruleset_chain(out, chain);
	write_keepers(out, subnet);
	write_spread(out, subnet);
	fputs("\t\t", out->f);
	write_action(out, subnet, false);
	fputc('\n', out->f);
	ruleset_end(out);
}

/* --- the choice ------------------------------------------------------------------------------- */

static const char *chain_of(const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE])
{
	return subnet->n_snat ? ruleset_name("snat", &subnet->prefix, name) : "masquerade_all";
}

static void write_choice(struct ruleset_out *out, const struct ruleset_words *words)
{
	char prefix[PREFIX_STRLEN], name[RULESET_NAME_SIZE];
	const char *comma = "";

	if (!ruleset_has_subnets(out, words->family))
		return;
	fprintf(out->f, "\t\t%s saddr vmap { ", words->ip);
	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct natd_subnet *subnet = out->subnets[i];

		if (subnet->prefix.addr.family != words->family)
			continue;
		fprintf(out->f, "%s%s : goto %s", comma, ruleset_prefix(&subnet->prefix, prefix),
			chain_of(subnet, name));
		comma = ", ";
	}
	fputs(" }\n", out->f);
}

static void write_srcnat(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "srcnat", "nat hook postrouting priority srcnat - 10; policy accept");
	ruleset_rule(out, "oifname != %s accept", out->uplinks);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		if (ruleset_has_never_uplink(out, w->family))
			ruleset_rule(out, "%s daddr @never_uplink%c accept", w->ip, w->digit);
	}
	for (size_t i = 0; i < 2; i++)
		write_choice(out, &ruleset_words[i]);
	ruleset_end(out);
}

void ruleset_translate(struct ruleset_out *out)
{
	char name[RULESET_NAME_SIZE];
	bool masquerade = false;

	write_dstnat(out);
	write_srcnat(out);
	for (size_t i = 0; i < out->conf->n_subnets; i++)
		masquerade |= !out->subnets[i]->n_snat;
	if (masquerade)
		write_translation(out, "masquerade_all", NULL);
	for (size_t i = 0; i < out->conf->n_subnets; i++)
		if (out->subnets[i]->n_snat)
			write_translation(out, chain_of(out->subnets[i], name), out->subnets[i]);
}
