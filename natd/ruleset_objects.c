/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset's counters, timeouts and sets. */
#include "natd/ruleset_out.h"

static void write_counters(struct ruleset_out *out)
{
	char name[RULESET_NAME_SIZE];

	fputs("\t# Packets that were dropped, by cause.\n", out->f);
	for (size_t i = 0; i < RULESET_DROPS; i++)
		fprintf(out->f, "%s\tcounter drop_%s {\n\t}\n", i ? "\n" : "",
			ruleset_drop_names[i]);
	fputs("\n\t# What each subnet sends to the uplinks and receives from them.\n", out->f);
	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct prefix *subnet = &out->subnets[i]->prefix;

		fprintf(out->f, "%s\tcounter %s {\n\t}\n", i ? "\n" : "",
			ruleset_counter_out(subnet, name));
		fprintf(out->f, "\n\tcounter %s {\n\t}\n", ruleset_counter_in(subnet, name));
	}
}

/* TCP is open until both have closed it (RFC 5382 section 5): FIN_WAIT and CLOSE_WAIT are of one.
 */
static void write_timeouts(struct ruleset_out *out)
{
	const struct natd_timeouts *t = &out->conf->timeouts;
	char name[RULESET_NAME_SIZE];
	uint32_t opening = ruleset_opening_s(t), closing = ruleset_closing_s(t);

	fputs("\n\t# Seconds that a translated flow may be silent.\n", out->f);
	fprintf(out->f,
		"\tct timeout %s {\n\t\tprotocol tcp\n\t\tl3proto inet\n"
		"\t\tpolicy = { syn_sent : %u, syn_sent2 : %u, syn_recv : %u, established : %u, "
		"fin_wait : %u, close_wait : %u, last_ack : %u, time_wait : %u, close : %u, "
		"unack : %u }\n\t}\n",
		ruleset_timeout_tcp(t, name), opening, opening, opening, t->tcp_established_s,
		t->tcp_established_s, t->tcp_established_s, closing, closing, ruleset_reset_s(t),
		t->tcp_established_s);
	fprintf(out->f,
		"\n\tct timeout %s {\n\t\tprotocol udp\n\t\tl3proto inet\n"
		"\t\tpolicy = { unreplied : %u, replied : %u }\n\t}\n",
		ruleset_timeout_udp(t, name), t->udp_s, t->udp_s);
}

/* --- sets of names and ports ------------------------------------------------------------------ */

void ruleset_uplinks(struct ruleset_out *out)
{
	if (out->conf->n_uplinks < 2)
		return;
	fprintf(out->f, "\n\tset %suplinks {\n\t\ttype ifname\n\t\telements = { ", out->within);
	for (size_t i = 0; i < out->conf->n_uplinks; i++)
		fprintf(out->f, "%s\"%s\"", i ? ", " : "", out->conf->uplinks[i].name);
	fputs(" }\n\t}\n", out->f);
}

bool ruleset_is_reserved(const struct natd_conf *conf, uint32_t port)
{
	for (size_t i = 0; i < conf->n_reserved_ports; i++)
		if (conf->reserved_ports[i] == port)
			return true;
	return false;
}

static void write_own_ports(struct ruleset_out *out)
{
	const char *comma = "";

	if (!out->conf->n_reserved_ports)
		return;
	fputs("\n\t# Ports of this host itself.\n"
	      "\tset own_ports {\n\t\ttype inet_service\n\t\telements = { ",
		out->f);
	for (uint32_t port = 1; port <= UINT16_MAX; port++) {
		if (!ruleset_is_reserved(out->conf, port))
			continue;
		fprintf(out->f, "%s%u", comma, port);
		comma = ", ";
	}
	fputs(" }\n\t}\n", out->f);
}

/* --- sets of prefixes ------------------------------------------------------------------------- */

static const char *const set_names[RULESET_SETS] = {
	[RULESET_SUBNETS] = "subnets",
	[RULESET_NEVER_UPLINK] = "never_uplink",
	[RULESET_EXEMPT] = "exempt",
	[RULESET_UNTRANSLATED] = "untranslated",
	[RULESET_PRIVATE] = "private",
};

static bool takes_subnet(enum ruleset_set set, const struct natd_subnet *subnet)
{
	bool untranslated = natd_translation_of(subnet) == NATD_NONE;

	return set == RULESET_SUBNETS || (set == RULESET_UNTRANSLATED && untranslated) ||
	       (set == RULESET_PRIVATE && !untranslated);
}

static bool takes_never_uplink(enum ruleset_set set)
{
	return set == RULESET_NEVER_UPLINK || set == RULESET_PRIVATE;
}

/* The next of the prefixes that a set of a family has, from *at on, or NULL. */
static const struct prefix *next_prefix(
	const struct ruleset_out *out, enum ruleset_set set, enum addr_family family, size_t *at)
{
	const struct natd_conf *conf = out->conf;

	while (*at < conf->n_subnets + conf->n_never_uplink + conf->n_exempt) {
		const struct prefix *prefix;
		size_t i = (*at)++;
		bool taken;

		if (i < conf->n_subnets) {
			taken = takes_subnet(set, out->subnets[i]);
			prefix = &out->subnets[i]->prefix;
		} else if (i - conf->n_subnets < conf->n_never_uplink) {
			taken = takes_never_uplink(set);
			prefix = &conf->never_uplink[i - conf->n_subnets].prefix;
		} else {
			taken = set == RULESET_EXEMPT;
			prefix = &conf->exempt[i - conf->n_subnets - conf->n_never_uplink].prefix;
		}
		if (taken && prefix->addr.family == family)
			return prefix;
	}
	return NULL;
}

bool ruleset_has(const struct ruleset_out *out, enum ruleset_set set, enum addr_family family)
{
	size_t at = 0;

	return next_prefix(out, set, family, &at) != NULL;
}

static void write_prefixes(
	struct ruleset_out *out, enum ruleset_set set, const struct ruleset_words *words)
{
	const struct prefix *prefix;
	char text[PREFIX_STRLEN];
	const char *comma = "";
	size_t at = 0;

	if (!ruleset_has(out, set, words->family))
		return;
	fprintf(out->f, "\n\tset %s%s%c {\n\t\ttype %s\n\t\tflags interval\n\t\telements = { ",
		out->within, set_names[set], words->digit, words->type);
	while ((prefix = next_prefix(out, set, words->family, &at))) {
		fprintf(out->f, "%s%s", comma, ruleset_prefix(prefix, text));
		comma = ", ";
	}
	fputs(" }\n\t}\n", out->f);
}

/* A prefix of no length is no comparison: nft leaves it out. */
bool ruleset_is_compared(
	const struct ruleset_out *out, enum ruleset_set set, enum addr_family family)
{
	const struct prefix *prefix;
	size_t at = 0, n = 0;

	while ((prefix = next_prefix(out, set, family, &at)))
		if (prefix->len == 0 || ++n > RULESET_COMPARED_MAX)
			return false;
	return true;
}

void ruleset_each(struct ruleset_out *out, enum ruleset_set set, const struct ruleset_words *words,
	const char *address, const char *what)
{
	const struct prefix *prefix;
	char text[PREFIX_STRLEN];
	size_t at = 0;

	if (!ruleset_has(out, set, words->family))
		return;
	if (!ruleset_is_compared(out, set, words->family)) {
		ruleset_rule(out, "%s %s @%s%c %s", words->ip, address, set_names[set],
			words->digit, what);
		return;
	}
	while ((prefix = next_prefix(out, set, words->family, &at)))
		ruleset_rule(
			out, "%s %s %s %s", words->ip, address, ruleset_prefix(prefix, text), what);
}

void ruleset_prefix_sets(struct ruleset_out *out)
{
	for (size_t i = 0; i < 2; i++)
		for (size_t set = 0; set < RULESET_SETS; set++)
			write_prefixes(out, (enum ruleset_set)set, &ruleset_words[i]);
}

void ruleset_objects(struct ruleset_out *out)
{
	write_counters(out);
	write_timeouts(out);
	ruleset_uplinks(out);
	write_own_ports(out);
	ruleset_prefix_sets(out);
	ruleset_special_sets(out);
	ruleset_forward_sets(out);
	ruleset_admit_sets(out);
	ruleset_choice_maps(out);
}
