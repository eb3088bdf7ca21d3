/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset's chains that judge: what is tracked, forwarded, and let out. */
#include "natd/ruleset_out.h"

static void write_own(struct ruleset_out *out)
{
	if (!out->conf->n_reserved_ports)
		return;
	ruleset_base_chain(out, "own_in", "filter hook prerouting priority raw; policy accept");
	ruleset_note(out, "What is not tracked cannot be taken over by a translated flow.");
	ruleset_rule(out, "iifname %s udp dport @own_ports notrack", out->uplinks);
	ruleset_end(out);

	ruleset_base_chain(out, "own_out", "filter hook output priority raw; policy accept");
	ruleset_rule(out, "oifname %s udp sport @own_ports notrack", out->uplinks);
	ruleset_end(out);
}

/* --- forward ---------------------------------------------------------------------------------- */

/* Count packets to or from the uplinks by the subnet that their address is in. */
static void write_subnet_map(struct ruleset_out *out, const char *match,
	const struct ruleset_words *words, const char *address,
	char *(*counter)(const struct prefix *, char[static RULESET_NAME_SIZE]))
{
	char prefix[PREFIX_STRLEN], name[RULESET_NAME_SIZE];
	const char *comma = "";

	if (!ruleset_has_subnets(out, words->family))
		return;
	fprintf(out->f, "\t\t%s %s counter name %s %s map { ", match, out->uplinks, words->ip,
		address);
	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct prefix *subnet = &out->subnets[i]->prefix;

		if (subnet->addr.family != words->family)
			continue;
		fprintf(out->f, "%s%s : \"%s\"", comma, ruleset_prefix(subnet, prefix),
			counter(subnet, name));
		comma = ", ";
	}
	fputs(" }\n", out->f);
}

static void write_accounting(struct ruleset_out *out)
{
	for (size_t i = 0; i < 2; i++) {
		write_subnet_map(out, "oifname", &ruleset_words[i], "saddr", ruleset_counter_out);
		write_subnet_map(out, "iifname", &ruleset_words[i], "daddr", ruleset_counter_in);
	}
}

static void write_forward(struct ruleset_out *out)
{
	ruleset_base_chain(out, "forward", "filter hook forward priority filter; policy drop");
	write_accounting(out);
	ruleset_note(out, "Known flows go no further than here.");
	ruleset_rule(out, "ct state vmap { invalid : goto drop_invalid, established : accept, "
			  "related : accept }");
	ruleset_rule(out, "iifname %s goto from_uplink", out->uplinks);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		if (!ruleset_has_subnets(out, w->family))
			continue;
		ruleset_rule(out, "%s saddr @subnets%c goto from_subnet", w->ip, w->digit);
		if (ruleset_has_never_uplink(out, w->family))
			ruleset_rule(out, "%s saddr @never_uplink%c %s daddr @subnets%c accept",
				w->ip, w->digit, w->ip, w->digit);
	}
	ruleset_rule(out, "counter name \"drop_not_listed\" drop");
	ruleset_end(out);
}

static void write_from_uplink(struct ruleset_out *out)
{
	char address[ADDR_STRLEN];

	ruleset_chain(out, "from_uplink");
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		if (ruleset_has_subnets(out, w->family) || ruleset_has_never_uplink(out, w->family))
			ruleset_rule(out, "%s saddr @private%c counter name \"drop_spoofed\" drop",
				w->ip, w->digit);
	}
	for (size_t i = 0; i < out->conf->n_forwards; i++) {
		const struct natd_forward *forward = &out->conf->forwards[i];
		const struct endpoint *to = &forward->to.address;

		ruleset_rule(out, "ct status dnat %s daddr %s %s dport %u goto translated",
			ruleset_words_of(to->addr.family)->ip, addr_format(&to->addr, address),
			forward->protocol == NATD_TCP ? "tcp" : "udp", to->port);
	}
	ruleset_rule(out, "counter name \"drop_unsolicited\" drop");
	ruleset_end(out);
}

static void write_host_limits(struct ruleset_out *out)
{
	char prefix[PREFIX_STRLEN], hosts[RULESET_NAME_SIZE];

	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct natd_subnet *subnet = out->subnets[i];
		const char *ip = ruleset_words_of(subnet->prefix.addr.family)->ip;

		if (!subnet->max_connections_per_host)
			continue;
		ruleset_rule(out,
			"%s saddr %s add @%s { %s saddr ct count over %u } counter name "
			"\"drop_host_limit\" drop",
			ip, ruleset_prefix(&subnet->prefix, prefix), ruleset_hosts(subnet, hosts),
			ip, subnet->max_connections_per_host);
	}
}

static void write_from_subnet(struct ruleset_out *out)
{
	ruleset_chain(out, "from_subnet");
	ruleset_note(out, "A source must be where its packets come from.");
	ruleset_rule(out, "fib saddr . iif oif missing counter name \"drop_spoofed\" drop");
	ruleset_note(out, "Into a tunnel, or to another inside network: as it is.");
	ruleset_rule(out, "oifname != %s accept", out->uplinks);
	write_host_limits(out);
	ruleset_rule(out, "goto translated");
	ruleset_end(out);
}

static void write_translated(struct ruleset_out *out)
{
	char name[RULESET_NAME_SIZE];

	ruleset_chain(out, "translated");
	ruleset_rule(out, "meta l4proto tcp ct timeout set \"%s\"",
		ruleset_timeout_tcp(&out->conf->timeouts, name));
	ruleset_rule(out, "meta l4proto udp ct timeout set \"%s\"",
		ruleset_timeout_udp(&out->conf->timeouts, name));
	ruleset_rule(out, "accept");
	ruleset_end(out);
}

static void write_drop_invalid(struct ruleset_out *out)
{
	ruleset_chain(out, "drop_invalid");
	ruleset_note(out, "It would skip translation and show its private source.");
	ruleset_rule(out, "counter name \"drop_invalid\" drop");
	ruleset_end(out);
}

/* --- input and the last look ------------------------------------------------------------------ */

static void write_input(struct ruleset_out *out)
{
	ruleset_base_chain(out, "input", "filter hook input priority filter; policy accept");
	ruleset_note(out, "A late packet of a translated flow must not be answered by a reset.");
	ruleset_rule(out, "iifname %s ct state invalid counter name \"drop_invalid\" drop",
		out->uplinks);
	ruleset_end(out);
}

static void write_leak(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "leak", "filter hook postrouting priority srcnat + 10; policy accept");
	ruleset_note(out, "After translation, for what is forwarded and for what this host sends.");
	ruleset_rule(out, "oifname != %s accept", out->uplinks);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];
		bool never_uplink = ruleset_has_never_uplink(out, w->family);

		if (never_uplink)
			ruleset_rule(out,
				"%s daddr @never_uplink%c counter name \"drop_never_uplink\" drop",
				w->ip, w->digit);
		if (never_uplink || ruleset_has_subnets(out, w->family))
			ruleset_rule(out,
				"%s saddr @private%c counter name \"drop_private_source\" drop",
				w->ip, w->digit);
	}
	ruleset_end(out);
}

void ruleset_filter(struct ruleset_out *out)
{
	write_own(out);
	write_forward(out);
	write_from_uplink(out);
	write_from_subnet(out);
	write_translated(out);
	write_drop_invalid(out);
	write_input(out);
	write_leak(out);
}
