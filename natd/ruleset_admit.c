/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ruleset's chains that admit new flows to the uplinks, or tell why not. An inside host is
 * always told: TCP by a reset, others by ICMP 3/13 or ICMPv6 1/1, as fast as the kernel's rate
 * limit of ICMP errors allows.
 */
#include "natd/ruleset_out.h"

#define HOSTS_MAX 65536        /* inside hosts that a limit keeps apart, per subnet */
#define DESTINATIONS_MAX 65536 /* destinations that flows are counted for, per public address */
#define REFUSED_MAX 1024 /* destinations that no port was left for, kept by name for an hour */

#define COUNTED_MAX 4096 /* flows that the kernel can count one by one at no great cost */
#define FULL_SECONDS 2   /* so long is what the sample showed taken for granted */

#define DESTINATION "meta l4proto . %s daddr . th dport"

/* --- sets ------------------------------------------------------------------------------------- */

/* Ways that differ by ports alone follow one another, and are counted together. */
static bool is_counted(const struct ruleset_out *out, size_t way)
{
	const struct ruleset_way *a = &out->ways[way], *b = a - 1;

	return way == 0 || a->family != b->family || a->uplink != b->uplink ||
	       !addr_equal(&a->address, &b->address);
}

/*
 * One flow in so many is counted, at random: who could choose flows that are would make a few pass
 * for many, and so take a destination from all others. At least half of COUNTED_MAX are, so that
 * their number tells that of all to within two or three in a hundred: less than ports_usable holds
 * back.
 */
static uint32_t sample_of(const struct ruleset_out *out)
{
	uint32_t sample = 1;

	while (ports_usable(&out->ports) / sample > COUNTED_MAX)
		sample *= 2;
	return sample;
}

static bool is_sampled(const struct ruleset_out *out)
{
	return sample_of(out) > 1;
}

static uint32_t limit_of(const struct ruleset_out *out)
{
	return ports_usable(&out->ports) / sample_of(out);
}

/* The name tells the limit, since elements keep theirs. */
static char *used_name(const struct ruleset_out *out, const struct ruleset_way *way,
	char name[static RULESET_NAME_SIZE])
{
	char id[RULESET_NAME_SIZE];

	snprintf(name, RULESET_NAME_SIZE, "used_%.40s_%u", ruleset_way_id(way, id), limit_of(out));
	return name;
}

static char *full_name(const struct ruleset_way *way, char name[static RULESET_NAME_SIZE])
{
	char id[RULESET_NAME_SIZE];

	snprintf(name, RULESET_NAME_SIZE, "full_%.40s", ruleset_way_id(way, id));
	return name;
}

static void write_destinations(struct ruleset_out *out, const char *name,
	const struct ruleset_words *words, unsigned int size, const char *flags)
{
	fprintf(out->f,
		"\n\tset %s {\n\t\ttype inet_proto . %s . inet_service\n\t\tsize %u\n"
		"\t\tflags %s\n\t}\n",
		name, words->type, size, flags);
}

static void write_way_sets(struct ruleset_out *out, const struct ruleset_way *way)
{
	const struct ruleset_words *words = ruleset_words_of(way->family);
	char name[RULESET_NAME_SIZE], flags[64];

	write_destinations(out, used_name(out, way, name), words, DESTINATIONS_MAX, "dynamic");
	if (!is_sampled(out))
		return;
	snprintf(flags, sizeof(flags), "dynamic,timeout\n\t\ttimeout %us", FULL_SECONDS);
	write_destinations(out, full_name(way, name), words, REFUSED_MAX, flags);
}

static void write_hosts(struct ruleset_out *out, const struct natd_subnet *subnet)
{
	const struct ruleset_words *words = ruleset_words_of(subnet->prefix.addr.family);
	char name[RULESET_NAME_SIZE];

	fprintf(out->f, "\n\tset %s {\n\t\ttype %s\n\t\tsize %d\n\t\tflags dynamic\n\t}\n",
		ruleset_hosts(subnet, name), words->type, HOSTS_MAX);
}

void ruleset_admit_sets(struct ruleset_out *out)
{
	char name[RULESET_NAME_SIZE];

	for (size_t i = 0; i < out->conf->n_subnets; i++)
		if (out->subnets[i]->max_connections_per_host)
			write_hosts(out, out->subnets[i]);
	for (size_t i = 0; i < out->n_ways; i++)
		if (is_counted(out, i))
			write_way_sets(out, &out->ways[i]);
	for (size_t i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "refused%c", ruleset_words[i].digit);
		if (ruleset_has(out, RULESET_SUBNETS, ruleset_words[i].family))
			write_destinations(out, name, &ruleset_words[i], REFUSED_MAX,
				"dynamic,timeout\n\t\tcounter\n\t\ttimeout 1h");
	}
}

/* --- from the uplinks ------------------------------------------------------------------------- */

static void write_from_uplink(struct ruleset_out *out)
{
	ruleset_chain(out, "from_uplink");
	if (out->conf->n_forwards)
		ruleset_rule(out, "ct status confirmed,dnat / confirmed,dnat accept");
	ruleset_spoofed(out);
	ruleset_note(out, "Such as answers to a subnet that is not translated.");
	ruleset_known(out);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *w = &ruleset_words[i];

		if (ruleset_has_forwards(out, w->family))
			ruleset_rule(out,
				"ct status dnat %s daddr . meta l4proto . th dport @forwarded%c "
				"goto %s",
				w->ip, w->digit, out->draining ? "draining" : "translated");
	}
	ruleset_note(out, "In silence: not even that there is something here is told.");
	ruleset_rule(out, "counter name \"drop_unsolicited\" drop");
	ruleset_end(out);
}

/* --- from the subnets ------------------------------------------------------------------------- */

static char *limit_chain(const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE])
{
	return ruleset_name("limit", &subnet->prefix, name);
}

static const char *admitting_chain(const struct ruleset_out *out, const struct natd_subnet *subnet,
	char name[static RULESET_NAME_SIZE])
{
	return subnet->max_connections_per_host
		       ? limit_chain(subnet, name)
		       : ruleset_subnet_chain(out, RULESET_COUNT, subnet, name);
}

static void write_from_subnet(struct ruleset_out *out, const struct ruleset_words *w)
{
	char chain[] = "from_subnet?";

	if (!ruleset_has(out, RULESET_SUBNETS, w->family))
		return;
	chain[sizeof(chain) - 2] = w->digit;
	ruleset_chain(out, chain);
	ruleset_note(out, "A source must be where its packets come from.");
	ruleset_rule(out, "fib saddr . iif oif missing counter name \"drop_spoofed\" drop");
	ruleset_note(out, "Into a tunnel, or to another inside network: as it is.");
	ruleset_rule(out, "oifname != %s accept", out->uplinks);
	if (out->draining)
		ruleset_rule(out, "goto draining");
	if (ruleset_has(out, RULESET_EXEMPT, w->family))
		ruleset_rule(out, "%s daddr @exempt%c accept", w->ip, w->digit);
	ruleset_note(out, "That network is inside, and has no way at present.");
	ruleset_each(out, RULESET_SUBNETS, w, "daddr", "counter name \"drop_never_uplink\" drop");
	ruleset_rule(
		out, "%s daddr @martian%c counter name \"drop_martian\" drop", w->ip, w->digit);
	if (out->conf->timeouts.reset_expired)
		ruleset_rule(out, "tcp flags != syn / fin,syn,rst,ack counter name "
				  "\"drop_expired\" goto refuse");
	ruleset_by_subnet(out, w, admitting_chain);
	ruleset_end(out);
}

static void write_host_limits(struct ruleset_out *out)
{
	char hosts[RULESET_NAME_SIZE], name[RULESET_NAME_SIZE];

	for (size_t i = 0; i < out->conf->n_subnets; i++) {
		const struct natd_subnet *subnet = out->subnets[i];

		if (!subnet->max_connections_per_host)
			continue;
		ruleset_chain(out, limit_chain(subnet, name));
		ruleset_rule(out,
			"add @%s { %s saddr ct count over %u } counter name \"drop_host_limit\" "
			"goto refuse",
			ruleset_hosts(subnet, hosts),
			ruleset_words_of(subnet->prefix.addr.family)->ip,
			subnet->max_connections_per_host);
		ruleset_rule(
			out, "goto %s", ruleset_subnet_chain(out, RULESET_COUNT, subnet, name));
		ruleset_end(out);
	}
}

/* --- counting what each destination has taken ------------------------------------------------- */

static void write_count(struct ruleset_out *out, const struct ruleset_way *way)
{
	const struct ruleset_words *w = ruleset_words_of(way->family);
	char chain[RULESET_NAME_SIZE], used[RULESET_NAME_SIZE], full[RULESET_NAME_SIZE];

	ruleset_chain(out, ruleset_way_chain(RULESET_COUNT, way, chain));
	used_name(out, way, used);
	ruleset_rule(out, "meta l4proto != { tcp, udp } goto translated");
	if (is_sampled(out)) {
		full_name(way, full);
		ruleset_rule(out, DESTINATION " @%s goto no_port%c", w->ip, full, w->digit);
		ruleset_rule(out,
			"numgen random mod %u 0 add @%s { " DESTINATION
			" ct count over %u } add @%s { " DESTINATION " } goto no_port%c",
			sample_of(out), used, w->ip, limit_of(out), full, w->ip, w->digit);
	} else {
		ruleset_rule(out, "add @%s { " DESTINATION " ct count over %u } goto no_port%c",
			used, w->ip, limit_of(out), w->digit);
	}
	ruleset_rule(out, "goto translated");
	ruleset_end(out);
}

static void write_no_port(struct ruleset_out *out, const struct ruleset_words *w)
{
	char chain[] = "no_port?";

	if (!ruleset_has(out, RULESET_SUBNETS, w->family))
		return;
	chain[sizeof(chain) - 2] = w->digit;
	ruleset_chain(out, chain);
	ruleset_rule(out, "update @refused%c { " DESTINATION " }", w->digit, w->ip);
	ruleset_rule(out, "counter name \"drop_no_port\" goto refuse");
	ruleset_end(out);
}

/* --- the end of either way -------------------------------------------------------------------- */

static void write_refuse(struct ruleset_out *out)
{
	if (out->draining) {
		ruleset_chain(out, "draining");
		ruleset_rule(out, "counter name \"drop_draining\" goto refuse");
		ruleset_end(out);
	}
	ruleset_chain(out, "refuse");
	ruleset_rule(out, "meta l4proto tcp reject with tcp reset");
	ruleset_rule(out, "reject with icmpx admin-prohibited");
	ruleset_end(out);
}

static void write_translated(struct ruleset_out *out)
{
	char tcp[RULESET_NAME_SIZE], udp[RULESET_NAME_SIZE];

	ruleset_chain(out, "translated");
	ruleset_rule(out, "meta l4proto tcp ct timeout set \"%s\" accept",
		ruleset_timeout_tcp(&out->conf->timeouts, tcp));
	ruleset_rule(out, "meta l4proto udp ct timeout set \"%s\" accept",
		ruleset_timeout_udp(&out->conf->timeouts, udp));
	ruleset_rule(out, "accept");
	ruleset_end(out);
}

void ruleset_admit(struct ruleset_out *out)
{
	write_from_uplink(out);
	for (size_t i = 0; i < 2; i++)
		write_from_subnet(out, &ruleset_words[i]);
	write_host_limits(out);
	ruleset_choices(out, RULESET_COUNT);
	for (size_t i = 0; i < out->n_ways; i++)
		if (is_counted(out, i))
			write_count(out, &out->ways[i]);
	for (size_t i = 0; i < 2; i++)
		write_no_port(out, &ruleset_words[i]);
	write_refuse(out);
	write_translated(out);
}
