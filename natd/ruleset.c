/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/ruleset.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "natd/ruleset_out.h"

const char *const ruleset_drop_names[RULESET_DROPS] = {
	[RULESET_DROP_DRAINING] = "draining",
	[RULESET_DROP_EXPIRED] = "expired",
	[RULESET_DROP_HOST_LIMIT] = "host_limit",
	[RULESET_DROP_INVALID] = "invalid",
	[RULESET_DROP_MARTIAN] = "martian",
	[RULESET_DROP_NEVER_UPLINK] = "never_uplink",
	[RULESET_DROP_NO_PORT] = "no_port",
	[RULESET_DROP_NOT_LISTED] = "not_listed",
	[RULESET_DROP_PRIVATE] = "private_source",
	[RULESET_DROP_SPOOFED] = "spoofed",
	[RULESET_DROP_UNSOLICITED] = "unsolicited",
};

const struct ruleset_words ruleset_words[2] = {
	{ADDR_V4, "ip", "ipv4_addr", '4'},
	{ADDR_V6, "ip6", "ipv6_addr", '6'},
};

const struct ruleset_words *ruleset_words_of(enum addr_family family)
{
	return &ruleset_words[family == ADDR_V6];
}

bool ruleset_has_forwards(const struct ruleset_out *out, enum addr_family family)
{
	for (size_t i = 0; i < out->conf->n_forwards; i++)
		if (out->conf->forwards[i].to.address.addr.family == family)
			return true;
	return false;
}

char *ruleset_prefix(const struct prefix *prefix, char text[static PREFIX_STRLEN])
{
	if (prefix->len == addr_bits(prefix->addr.family))
		return addr_format(&prefix->addr, text);
	return prefix_format(prefix, text);
}

/* --- names ------------------------------------------------------------------------------------ */

char *ruleset_name(
	const char *stem, const struct prefix *subnet, char name[static RULESET_NAME_SIZE])
{
	char text[PREFIX_STRLEN];

	prefix_format(subnet, text);
	for (char *c = text; *c; c++)
		if (*c == ':')
			*c = '_';
	snprintf(name, RULESET_NAME_SIZE, "%s_%s", stem, text);
	return name;
}

char *ruleset_counter_out(const struct prefix *subnet, char out[static RULESET_NAME_SIZE])
{
	return ruleset_name("out", subnet, out);
}

char *ruleset_counter_in(const struct prefix *subnet, char out[static RULESET_NAME_SIZE])
{
	return ruleset_name("in", subnet, out);
}

char *ruleset_hosts(const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE])
{
	size_t len = strlen(ruleset_name("hosts", &subnet->prefix, name));

	snprintf(name + len, RULESET_NAME_SIZE - len, "_%u", subnet->max_connections_per_host);
	return name;
}

char *ruleset_timeout_tcp(const struct natd_timeouts *timeouts, char name[static RULESET_NAME_SIZE])
{
	snprintf(name, RULESET_NAME_SIZE, "tcp_%u_%u_%u_%u", timeouts->tcp_established_s,
		ruleset_opening_s(timeouts), ruleset_closing_s(timeouts),
		ruleset_reset_s(timeouts));
	return name;
}

uint32_t ruleset_opening_s(const struct natd_timeouts *timeouts)
{
	return timeouts->tcp_opening_s ? timeouts->tcp_opening_s : timeouts->tcp_transitory_s;
}

uint32_t ruleset_closing_s(const struct natd_timeouts *timeouts)
{
	return timeouts->tcp_closing_s ? timeouts->tcp_closing_s : timeouts->tcp_transitory_s;
}

uint32_t ruleset_reset_s(const struct natd_timeouts *timeouts)
{
	return timeouts->tcp_reset_s ? timeouts->tcp_reset_s : ruleset_closing_s(timeouts);
}

char *ruleset_timeout_udp(const struct natd_timeouts *timeouts, char name[static RULESET_NAME_SIZE])
{
	snprintf(name, RULESET_NAME_SIZE, "udp_%u", timeouts->udp_s);
	return name;
}

/* --- layout ----------------------------------------------------------------------------------- */

void ruleset_chain(struct ruleset_out *out, const char *name)
{
	fprintf(out->f, "\n\tchain %s%s {\n", out->within, name);
}

void ruleset_base_chain(struct ruleset_out *out, const char *name, const char *hook)
{
	ruleset_chain(out, name);
	fprintf(out->f, "\t\ttype %s;\n", hook);
}

void ruleset_end(struct ruleset_out *out)
{
	fputs("\t}\n", out->f);
}

void ruleset_rule(struct ruleset_out *out, const char *format, ...)
{
	va_list args;

	fputs("\t\t", out->f);
	va_start(args, format);
	vfprintf(out->f, format, args);
	va_end(args);
	fputc('\n', out->f);
}

void ruleset_note(struct ruleset_out *out, const char *text)
{
	fprintf(out->f, "\t\t# %s\n", text);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int compare_subnets(const void *a, const void *b)
{
	const struct natd_subnet *const *x = a, *const *y = b;

	return prefix_compare(&(*x)->prefix, &(*y)->prefix);
}

static int sort_subnets(struct ruleset_out *out)
{
	size_t n = out->conf->n_subnets;

	out->subnets = calloc(n, sizeof(out->subnets[0]));
	if (!out->subnets)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		out->subnets[i] = &out->conf->subnets[i];
	qsort(out->subnets, n, sizeof(out->subnets[0]), compare_subnets);
	return 0;
}

static void write_ruleset(struct ruleset_out *out)
{
	fputs("table " RULESET_FAMILY " " RULESET_TABLE " {\n", out->f);
	ruleset_objects(out);
	ruleset_filter(out);
	ruleset_admit(out);
	ruleset_translate(out);
	fputs("}\n", out->f);
}

static void write_guard(struct ruleset_out *out)
{
	if (out->brief)
		fputs("add table " RULESET_FAMILY " " RULESET_GUARD " { flags owner; }\n"
		      "delete table " RULESET_FAMILY " " RULESET_GUARD "\n"
		      "add table " RULESET_FAMILY " " RULESET_GUARD " { flags owner; }\n",
			out->f);
	/* Block by block: to name a table in nft is to set its flags. */
	out->within = RULESET_FAMILY " " RULESET_GUARD " ";
	ruleset_guard(out);
}

static int write_text(struct ruleset_out *out, void (*write)(struct ruleset_out *), char **text)
{
	char *buffer = NULL;
	size_t len;

	out->f = open_memstream(&buffer, &len);
	if (!out->f)
		return -ENOMEM;
	write(out);
	if (fclose(out->f)) {
		free(buffer);
		return -ENOMEM;
	}
	*text = buffer;
	return 0;
}

static int make(struct ruleset_out *out, void (*write)(struct ruleset_out *), char **text)
{
	const struct natd_conf *conf = out->conf;
	int r;

	if (conf->n_uplinks == 1)
		snprintf(out->uplinks, sizeof(out->uplinks), "\"%s\"", conf->uplinks[0].name);
	else
		strcpy(out->uplinks, "@uplinks");
	r = ports_init(&out->ports, conf);
	if (r == 0)
		r = sort_subnets(out);
	if (r == 0)
		r = ruleset_ways_init(out);
	if (r == 0)
		r = write_text(out, write, text);
	free(out->ways);
	free(out->subnets);
	ports_done(&out->ports);
	return r;
}

int ruleset_new(const struct natd_conf *conf, bool draining, char **text)
{
	struct ruleset_out out = {.conf = conf, .draining = draining, .within = ""};

	return make(&out, write_ruleset, text);
}

int ruleset_guard_new(const struct natd_conf *conf, bool brief, char **text)
{
	struct ruleset_out out = {.conf = conf, .brief = brief, .within = ""};

	return make(&out, write_guard, text);
}
