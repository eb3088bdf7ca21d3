/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset's counters, timeouts and sets. */
#include "natd/ruleset_out.h"

#define HOSTS_MAX 65536 /* inside hosts that a limit keeps apart, per subnet */

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

static void write_timeouts(struct ruleset_out *out)
{
	const struct natd_timeouts *t = &out->conf->timeouts;
	char name[RULESET_NAME_SIZE];
	uint32_t s = t->tcp_transitory_s;

	fputs("\n\t# Seconds that a translated flow may be silent.\n", out->f);
	fprintf(out->f,
		"\tct timeout %s {\n\t\tprotocol tcp\n\t\tl3proto inet\n"
		"\t\tpolicy = { syn_sent : %u, syn_recv : %u, established : %u, fin_wait : %u, "
		"close_wait : %u, last_ack : %u, time_wait : %u }\n\t}\n",
		ruleset_timeout_tcp(t, name), s, s, t->tcp_established_s, s, s, s, s);
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
	fputs("\n\tset uplinks {\n\t\ttype ifname\n\t\telements = { ", out->f);
	for (size_t i = 0; i < out->conf->n_uplinks; i++)
		fprintf(out->f, "%s\"%s\"", i ? ", " : "", out->conf->uplinks[i].name);
	fputs(" }\n\t}\n", out->f);
}

static bool is_reserved(const struct natd_conf *conf, uint32_t port)
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
		if (!is_reserved(out->conf, port))
			continue;
		fprintf(out->f, "%s%u", comma, port);
		comma = ", ";
	}
	fputs(" }\n\t}\n", out->f);
}

/* --- sets of prefixes ------------------------------------------------------------------------- */

static void write_element(struct ruleset_out *out, const struct prefix *p, size_t *n)
{
	char text[PREFIX_STRLEN];

	fprintf(out->f, "%s%s", (*n)++ ? ", " : "", ruleset_prefix(p, text));
}

static void write_prefixes(struct ruleset_out *out, const char *name, bool subnets,
	bool never_uplink, const struct ruleset_words *words)
{
	const struct natd_conf *conf = out->conf;
	size_t n = 0;

	fprintf(out->f, "\n\tset %s%c {\n\t\ttype %s\n\t\tflags interval\n\t\telements = { ", name,
		words->digit, words->type);
	for (size_t i = 0; subnets && i < conf->n_subnets; i++)
		if (out->subnets[i]->prefix.addr.family == words->family)
			write_element(out, &out->subnets[i]->prefix, &n);
	for (size_t i = 0; never_uplink && i < conf->n_never_uplink; i++)
		if (conf->never_uplink[i].prefix.addr.family == words->family)
			write_element(out, &conf->never_uplink[i].prefix, &n);
	fputs(" }\n\t}\n", out->f);
}

static void write_prefix_sets_of(struct ruleset_out *out, const struct ruleset_words *words)
{
	bool subnets = ruleset_has_subnets(out, words->family);
	bool never_uplink = ruleset_has_never_uplink(out, words->family);

	if (subnets)
		write_prefixes(out, "subnets", true, false, words);
	if (never_uplink)
		write_prefixes(out, "never_uplink", false, true, words);
	if (subnets || never_uplink)
		write_prefixes(out, "private", true, true, words);
}

void ruleset_prefix_sets(struct ruleset_out *out)
{
	for (size_t i = 0; i < 2; i++)
		write_prefix_sets_of(out, &ruleset_words[i]);
}

static void write_hosts(struct ruleset_out *out, const struct natd_subnet *subnet)
{
	const struct ruleset_words *words = ruleset_words_of(subnet->prefix.addr.family);
	char name[RULESET_NAME_SIZE];

	fprintf(out->f, "\n\tset %s {\n\t\ttype %s\n\t\tsize %d\n\t\tflags dynamic\n\t}\n",
		ruleset_hosts(subnet, name), words->type, HOSTS_MAX);
}

void ruleset_objects(struct ruleset_out *out)
{
	write_counters(out);
	write_timeouts(out);
	ruleset_uplinks(out);
	write_own_ports(out);
	ruleset_prefix_sets(out);
	for (size_t i = 0; i < out->conf->n_subnets; i++)
		if (out->subnets[i]->max_connections_per_host)
			write_hosts(out, out->subnets[i]);
}
