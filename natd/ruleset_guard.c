/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a second table, which the kernel lets nobody but its owner change (nat_guard.h). It
 * holds while others have flushed the ruleset and we have not yet put it back:
 *
 *   - that there is a nat chain keeps conntrack and translation at work, so no known flow notices
 *   - none begins but from a subnet, or from behind a tunnel to one, and nothing private goes out
 *     by an uplink, so no flow is begun that would stay as it should never have been
 *
 * Every packet pays for each chain that it meets, so there is one for all that is forwarded or
 * sent, at the very end and after those of the ruleset, which count what they drop. The first
 * packet of a flow meets the chain of translation before that of the ruleset, and after it none. It
 * gives ICMP its timeouts: nft has no words to make these in the ruleset.
 */
#include "natd/ruleset_out.h"

static void write_translate(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "translate", "nat hook postrouting priority srcnat - 20; policy accept");
	if (!out->brief)
		ruleset_rule(out,
			"oifname %s ct timeout set meta l4proto map { icmp : \"" RULESET_QUERIES4
			"\", ipv6-icmp : \"" RULESET_QUERIES6 "\" }",
			out->uplinks);
	ruleset_end(out);
}

static void write_leaving(struct ruleset_out *out)
{
	ruleset_chain(out, "leaving");
	for (size_t i = 0; i < 2; i++)
		ruleset_each(out, RULESET_NEVER_UPLINK, &ruleset_words[i], "daddr", "drop");
	ruleset_rule(out, "ct status snat accept");
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		ruleset_each(out, RULESET_NEVER_UPLINK, w, "saddr", "drop");
		if (ruleset_has(out, RULESET_EXEMPT, w->family))
			ruleset_rule(out, "%s daddr @exempt%c return", w->ip, w->digit);
		if (ruleset_has(out, RULESET_PRIVATE, w->family))
			ruleset_rule(out, "%s saddr @private%c drop", w->ip, w->digit);
	}
	ruleset_end(out);
}

/*
 * What this host sends has no input interface, but where the kernel set one: for neighbour
 * discovery, which is not tracked.
 */
static void write_leak(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "leak", "filter hook postrouting priority srcnat + 20; policy drop");
	ruleset_note(out, "Nearly all packets are of such flows, and go no further.");
	ruleset_rule(out, "ct status confirmed,snat / confirmed,snat accept");
	ruleset_rule(out, "oifname %s jump leaving", out->uplinks);
	ruleset_rule(out, "ct status confirmed accept");
	ruleset_rule(out, "ct state established,related accept");
	ruleset_rule(out, "iif 0 accept");
	ruleset_rule(out, "ct status dnat accept");
	ruleset_rule(out, "fib saddr type local accept");
	ruleset_rule(out, "ct state untracked meta l4proto ipv6-icmp accept");
	ruleset_rule(out, "iifname %s drop", out->uplinks);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		if (!ruleset_has(out, RULESET_SUBNETS, w->family))
			continue;
		ruleset_each(out, RULESET_SUBNETS, w, "saddr", "accept");
		if (ruleset_has(out, RULESET_NEVER_UPLINK, w->family))
			ruleset_rule(out, "%s saddr @never_uplink%c %s daddr @subnets%c accept",
				w->ip, w->digit, w->ip, w->digit);
	}
	ruleset_end(out);
}

void ruleset_guard(struct ruleset_out *out)
{
	ruleset_uplinks(out);
	ruleset_prefix_sets(out);
	write_translate(out);
	write_leaving(out);
	write_leak(out);
}
