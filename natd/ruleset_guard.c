/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a second table, which the kernel lets nobody but its owner change (nat_guard.h). It
 * holds while others have flushed the ruleset and we have not yet put it back:
 *
 *   - that there is a nat chain keeps conntrack and translation at work, so no known flow notices
 *   - nothing new comes in by an uplink, nothing private or of a host in no subnet goes out
 *     there, so no flow is begun that would stay as it should never have been
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

/*
 * Who is in no subnet begins nothing by an uplink. What this host sends has no input interface, but
 * where the kernel set one for neighbour discovery.
 */
static void write_unlisted(struct ruleset_out *out, const struct ruleset_words *w)
{
	char listed[32] = "";

	if (ruleset_has(out, RULESET_SUBNETS, w->family))
		snprintf(listed, sizeof(listed), " %s saddr != @subnets%c", w->ip, w->digit);
	ruleset_rule(out, "ct state new iif != 0 meta nfproto ipv%c%s fib saddr type != local drop",
		w->digit, listed);
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
			ruleset_rule(out, "%s daddr @exempt%c accept", w->ip, w->digit);
		if (ruleset_has(out, RULESET_PRIVATE, w->family))
			ruleset_rule(out, "%s saddr @private%c drop", w->ip, w->digit);
		write_unlisted(out, w);
	}
	ruleset_end(out);
}

static void write_leak(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "leak", "filter hook postrouting priority srcnat + 20; policy accept");
	ruleset_rule(out, "oifname %s goto leaving", out->uplinks);
	ruleset_rule(out, "ct status confirmed accept");
	ruleset_rule(out, "ct state established,related accept");
	ruleset_rule(out, "ct status dnat accept");
	ruleset_rule(out, "iifname %s drop", out->uplinks);
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
