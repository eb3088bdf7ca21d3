/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset's chains that every packet meets: what is tracked, passed on, and let out. */
#include "natd/ruleset_out.h"

/* --- what is not tracked ---------------------------------------------------------------------- */

/*
 * Hosts whose addresses are seen outside may have the same ports; then it is asked whose address it
 * is.
 */
static const char *own_address(const struct ruleset_out *out)
{
	bool others = out->conf->n_exempt;

	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		enum natd_translation translation = natd_translation_of(&out->conf->subnets[i]);

		others = others || translation == NATD_TO_PREFIX || translation == NATD_NONE;
	}
	return others ? " fib daddr type local" : "";
}

/*
 * An ICMP error about what is not tracked would be invalid. `protocol` and `port` are where, in
 * bits after the ICMP header's beginning, the packet inside has its protocol and source port.
 */
static void write_own_errors(struct ruleset_out *out, const char *chain, const char *types,
	unsigned int protocol, unsigned int port)
{
	size_t n = 0;

	for (uint32_t p = 1; p <= UINT16_MAX; p++)
		n += ruleset_is_reserved(out->conf, p);
	ruleset_chain(out, chain);
	fprintf(out->f, "\t\t%s @th,%u,8 0x11 @th,%u,16%s", types, protocol, port,
		n > 1 ? " {" : "");
	for (uint32_t p = 1, i = 0; p <= UINT16_MAX; p++)
		if (ruleset_is_reserved(out->conf, p))
			fprintf(out->f, "%s 0x%x", i++ ? "," : "", p);
	fprintf(out->f, "%s%s notrack\n", n > 1 ? " }" : "", own_address(out));
	ruleset_end(out);
}

static void write_own(struct ruleset_out *out)
{
	if (!out->conf->n_reserved_ports)
		return;
	ruleset_base_chain(out, "own_in", "filter hook prerouting priority raw; policy accept");
	ruleset_note(out, "What is not tracked cannot be taken over by a translated flow.");
	ruleset_rule(out,
		"meta l4proto != tcp iifname %s meta l4proto vmap { icmp : goto own_error4, "
		"udp : goto own_udp, ipv6-icmp : goto own_error6 }",
		out->uplinks);
	ruleset_end(out);

	ruleset_chain(out, "own_udp");
	ruleset_rule(out, "udp dport @own_ports%s notrack", own_address(out));
	ruleset_end(out);

	write_own_errors(out, "own_error4",
		"icmp type { destination-unreachable, time-exceeded, parameter-problem }",
		8 * (8 + 9), 8 * (8 + 20));
	write_own_errors(out, "own_error6",
		"icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, "
		"parameter-problem }",
		8 * (8 + 6), 8 * (8 + 40));

	ruleset_base_chain(out, "own_out", "filter hook output priority raw; policy accept");
	ruleset_rule(out, "oifname %s udp sport @own_ports notrack", out->uplinks);
	ruleset_end(out);
}

/* --- forward ---------------------------------------------------------------------------------- */

/* One way through an uplink: how packets are counted by the subnet that they come from or go to. */
struct direction {
	const char *chain, *address;
	char *(*counter)(const struct prefix *, char[static RULESET_NAME_SIZE]);
};

static const struct direction outbound = {"outbound", "saddr", ruleset_counter_out};
static const struct direction inbound = {"inbound", "daddr", ruleset_counter_in};

static void write_compared_counts(struct ruleset_out *out, const struct direction *direction,
	const struct ruleset_words *words, const char *then)
{
	char prefix[PREFIX_STRLEN], name[RULESET_NAME_SIZE];

	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct prefix *subnet = &out->subnets[i]->prefix;

		if (subnet->addr.family == words->family)
			ruleset_rule(out, "%s %s %s counter name \"%s\"%s", words->ip,
				direction->address, ruleset_prefix(subnet, prefix),
				direction->counter(subnet, name), then);
	}
}

/* Of many subnets one is found sooner in a map. */
static void write_count_map(struct ruleset_out *out, const struct direction *direction,
	const struct ruleset_words *words)
{
	char prefix[PREFIX_STRLEN], name[RULESET_NAME_SIZE];
	const char *comma = "";

	fprintf(out->f, "\t\tcounter name %s %s map { ", words->ip, direction->address);
	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct prefix *subnet = &out->subnets[i]->prefix;

		if (subnet->addr.family != words->family)
			continue;
		fprintf(out->f, "%s%s : \"%s\"", comma, ruleset_prefix(subnet, prefix),
			direction->counter(subnet, name));
		comma = ", ";
	}
	fputs(" }\n", out->f);
}

/* `then` may be " accept", for what is found soon enough to go no further. */
static void write_counts(struct ruleset_out *out, const struct direction *direction,
	const struct ruleset_words *words, const char *then)
{
	if (ruleset_is_compared(out, RULESET_SUBNETS, words->family))
		write_compared_counts(out, direction, words, then);
	else if (ruleset_has(out, RULESET_SUBNETS, words->family))
		write_count_map(out, direction, words);
}

/*
 * Nearly all packets: of flows of a subnet by an uplink, whose first packets passed all of these
 * chains, whether or not they were answered yet. They are told by their status alone, and their
 * way by their addresses, since to look at the name of an interface costs as much as five other
 * things.
 */
#define TRANSLATED "ct status confirmed,snat / confirmed,snat,dnat"

static void write_known(struct ruleset_out *out)
{
	ruleset_chain(out, "known");
	for (size_t i = 0; i < 2; i++) {
		write_counts(out, &outbound, &ruleset_words[i], " accept");
		write_counts(out, &inbound, &ruleset_words[i], " accept");
	}
	ruleset_rule(out, "accept");
	ruleset_end(out);
}

static void write_others(struct ruleset_out *out)
{
	ruleset_chain(out, outbound.chain);
	for (size_t i = 0; i < 2; i++)
		write_counts(out, &outbound, &ruleset_words[i], "");
	ruleset_end(out);

	ruleset_chain(out, inbound.chain);
	for (size_t i = 0; i < 2; i++)
		write_counts(out, &inbound, &ruleset_words[i], "");
	ruleset_rule(out, "goto from_uplink");
	ruleset_end(out);
}

/*
 * From behind a tunnel to a subnet. Of several tunnels any may bring it: while one takes over from
 * another, the two ways differ. What comes by a network card has but one way.
 */
static void write_from_tunnels(struct ruleset_out *out)
{
	if (!out->conf->n_never_uplink)
		return;
	ruleset_note(out, "From a network card only what its route leads to.");
	ruleset_rule(out, "meta iiftype ether fib saddr . iif oif missing counter name "
			  "\"drop_spoofed\" drop");
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		if (ruleset_has(out, RULESET_SUBNETS, w->family) &&
			ruleset_has(out, RULESET_NEVER_UPLINK, w->family))
			ruleset_rule(out, "%s saddr @never_uplink%c %s daddr @subnets%c accept",
				w->ip, w->digit, w->ip, w->digit);
	}
}

void ruleset_spoofed(struct ruleset_out *out)
{
	static const char spoofed[] = "counter name \"drop_spoofed\" drop";

	for (size_t i = 0; i < 2; i++) {
		ruleset_each(out, RULESET_PRIVATE, &ruleset_words[i], "saddr", spoofed);
		ruleset_each(out, RULESET_UNTRANSLATED, &ruleset_words[i], "saddr", spoofed);
	}
}

void ruleset_known(struct ruleset_out *out)
{
	ruleset_rule(out, "ct status confirmed accept");
	ruleset_rule(out, "ct state established,related accept");
	ruleset_rule(out, "ct state invalid goto drop_invalid");
}

static void write_forward(struct ruleset_out *out)
{
	char from_subnet[] = "goto from_subnet?";

	ruleset_base_chain(out, "forward", "filter hook forward priority filter; policy drop");
	ruleset_note(out, "No larger segments than fit through the narrower way, there or back.");
	ruleset_rule(out, "tcp flags syn tcp option maxseg size set rt mtu");
	ruleset_rule(out, TRANSLATED " goto known");
	/*
	 * What comes by an uplink is not let through for its status: flows that go through a tunnel
	 * are known as well, and anybody on the uplink's wire could forge a packet of theirs.
	 */
	ruleset_rule(out, "iifname %s goto inbound", out->uplinks);
	ruleset_rule(out, "oifname %s jump outbound", out->uplinks);
	/*
	 * Not by a map of verdicts: a packet that is under way while somebody deletes the table
	 * finds nothing in its sets any more, and would be taken for a new flow's.
	 */
	ruleset_note(out, "Known flows go no further than here.");
	ruleset_known(out);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		if (!ruleset_has(out, RULESET_SUBNETS, w->family))
			continue;
		from_subnet[sizeof(from_subnet) - 2] = w->digit;
		ruleset_each(out, RULESET_SUBNETS, w, "saddr", from_subnet);
	}
	write_from_tunnels(out);
	ruleset_rule(out, "counter name \"drop_not_listed\" drop");
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
	ruleset_note(out,
		"Neither answered nor remembered, lest it stand in the way of a host's own flow.");
	ruleset_rule(out, "iifname %s ct state new meta l4proto { tcp, udp } goto unasked",
		out->uplinks);
	ruleset_end(out);

	ruleset_chain(out, "unasked");
	ruleset_spoofed(out);
	ruleset_note(out, "Any socket of this host will do.");
	ruleset_rule(out, "socket transparent { 0, 1 } accept");
	ruleset_rule(out, "counter name \"drop_unsolicited\" drop");
	ruleset_end(out);
}

#define NEVER_UPLINK "counter name \"drop_never_uplink\" drop"

/* Exempt is what the subnets send there, not what comes out of a tunnel. */
static void write_private(struct ruleset_out *out, const struct ruleset_words *w)
{
	ruleset_each(out, RULESET_NEVER_UPLINK, w, "saddr", NEVER_UPLINK);
	if (ruleset_has(out, RULESET_EXEMPT, w->family))
		ruleset_rule(out, "%s daddr @exempt%c accept", w->ip, w->digit);
	ruleset_each(out, RULESET_PRIVATE, w, "saddr", "counter name \"drop_private_source\" drop");
}

/* An uplink may have such an address itself, where another NAT follows. */
static void write_special(struct ruleset_out *out, const struct ruleset_words *w)
{
	if (!ruleset_has(out, RULESET_PRIVATE, w->family) &&
		!ruleset_has(out, RULESET_UNTRANSLATED, w->family))
		return;
	if (ruleset_has(out, RULESET_UNTRANSLATED, w->family))
		ruleset_rule(out, "%s saddr @untranslated%c accept", w->ip, w->digit);
	ruleset_rule(out,
		"%s saddr @special%c fib saddr . oif type != local counter name "
		"\"drop_private_source\" drop",
		w->ip, w->digit);
}

static void write_leak(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "leak", "filter hook postrouting priority srcnat + 10; policy accept");
	ruleset_note(out, "After translation, for what is forwarded and for what this host sends.");
	ruleset_rule(out, "oifname != %s accept", out->uplinks);
	for (size_t i = 0; i < 2; i++)
		ruleset_each(out, RULESET_NEVER_UPLINK, &ruleset_words[i], "daddr", NEVER_UPLINK);
	ruleset_note(out, "The first packet of such a flow was looked at below.");
	ruleset_rule(out, "ct status confirmed,snat / confirmed,snat accept");
	if (out->conf->n_forwards)
		ruleset_rule(out, "ct status confirmed,dnat / confirmed,dnat accept");
	for (size_t i = 0; i < 2; i++)
		write_private(out, &ruleset_words[i]);
	ruleset_rule(out, "ct status snat,dnat accept");
	for (size_t i = 0; i < 2; i++)
		write_special(out, &ruleset_words[i]);
	ruleset_end(out);
}

void ruleset_filter(struct ruleset_out *out)
{
	write_own(out);
	write_forward(out);
	write_known(out);
	write_others(out);
	write_drop_invalid(out);
	write_input(out);
	write_leak(out);
}
