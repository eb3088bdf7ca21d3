/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a second table, which the kernel lets nobody but its owner change (guard.h). It holds
 * while others have flushed the ruleset and we have not yet put it back:
 *
 *   - that there is a nat chain keeps conntrack and translation at work, so no known flow notices
 *   - nothing new comes in by an uplink, nothing private or of a host in no subnet goes out
 *     there, so no flow is begun that would stay as it should never have been
 *
 * Its chains come after those of the ruleset, which count what they drop; but for the one of
 * translation, which the first packet of a flow meets before it is translated, and after it none.
 * That one gives ICMP its timeouts: nft has no words to make these in the ruleset.
 */
#include "natd/ruleset_out.h"

/* Who is in no subnet begins nothing by an uplink. */
static void write_unlisted(struct ruleset_out *out, const struct ruleset_words *w)
{
	if (ruleset_has(out, RULESET_SUBNETS, w->family))
		ruleset_rule(out, "oifname %s %s saddr != @subnets%c drop", out->uplinks, w->ip,
			w->digit);
	else
		ruleset_rule(out, "oifname %s meta nfproto ipv%c drop", out->uplinks, w->digit);
}

static void write_forward(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "forward", "filter hook forward priority filter + 10; policy accept");
	ruleset_rule(out, "ct status confirmed accept");
	ruleset_rule(out, "ct state established,related accept");
	ruleset_rule(out, "ct status dnat accept");
	ruleset_rule(out, "iifname %s drop", out->uplinks);
	for (size_t i = 0; i < 2; i++)
		write_unlisted(out, &ruleset_words[i]);
	ruleset_end(out);
}

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

static void write_leak(struct ruleset_out *out)
{
	ruleset_base_chain(
		out, "leak", "filter hook postrouting priority srcnat + 20; policy accept");
	ruleset_rule(out, "oifname != %s accept", out->uplinks);
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
	}
	ruleset_end(out);
}

void ruleset_guard(struct ruleset_out *out)
{
	ruleset_uplinks(out);
	ruleset_prefix_sets(out);
	write_forward(out);
	write_translate(out);
	write_leak(out);
}
