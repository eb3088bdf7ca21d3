/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registries of addresses for special use (RFC 6890 and its updates), as far as they are not
 * globally reachable. The unspecified address of IPv6 is not among the sources, since neighbour
 * discovery of this host itself has it.
 */
#include "natd/ruleset_out.h"

static const struct {
	const char *prefix;
	bool never_destination; /* a router may not forward to it, RFC 1812 section 5.3.7, RFC 4291
				 */
} special[] = {
	{"0.0.0.0/8", true},        /* this network: RFC 791 */
	{"10.0.0.0/8", false},      /* private use: RFC 1918 */
	{"100.64.0.0/10", false},   /* behind carriers' NATs: RFC 6598 */
	{"127.0.0.0/8", true},      /* loopback: RFC 1122 */
	{"169.254.0.0/16", true},   /* link-local: RFC 3927; clouds hand out credentials there */
	{"172.16.0.0/12", false},   /* private use: RFC 1918 */
	{"192.0.0.0/24", false},    /* protocol assignments: RFC 6890 */
	{"192.0.2.0/24", false},    /* documentation: RFC 5737 */
	{"192.88.99.0/24", false},  /* 6to4 relays, deprecated: RFC 7526 */
	{"192.168.0.0/16", false},  /* private use: RFC 1918 */
	{"198.18.0.0/15", false},   /* benchmarks: RFC 2544 */
	{"198.51.100.0/24", false}, /* documentation: RFC 5737 */
	{"203.0.113.0/24", false},  /* documentation: RFC 5737 */
	{"224.0.0.0/4", true},      /* multicast: RFC 5771 */
	{"240.0.0.0/4", true},      /* reserved, and broadcast: RFC 1112, RFC 919 */
	{"::1/128", true},          /* loopback: RFC 4291 */
	{"::ffff:0:0/96", true},    /* IPv4 in a program: RFC 4291 */
	{"64:ff9b:1::/48", false},  /* local translation: RFC 8215 */
	{"100::/64", false},        /* discard: RFC 6666 */
	{"2001:2::/48", false},     /* benchmarks: RFC 5180 */
	{"2001:db8::/32", false},   /* documentation: RFC 3849 */
	{"3fff::/20", false},       /* documentation: RFC 9637 */
	{"5f00::/16", false},       /* segment identifiers: RFC 9602 */
	{"fc00::/7", false},        /* unique local: RFC 4193 */
	{"fe80::/10", true},        /* link-local: RFC 4291 */
	{"fec0::/10", false},       /* site-local, deprecated: RFC 3879 */
	{"ff00::/8", true},         /* multicast: RFC 4291 */
};

static void write_set(struct ruleset_out *out, const char *name, const struct ruleset_words *words,
	bool destinations)
{
	const char *comma = "";

	fprintf(out->f, "\n\tset %s%c {\n\t\ttype %s\n\t\tflags interval\n\t\telements = { ", name,
		words->digit, words->type);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		struct prefix prefix;
		char text[PREFIX_STRLEN];

		if (destinations && !special[i].never_destination)
			continue;
		if (prefix_parse(special[i].prefix, true, &prefix) < 0 ||
			prefix.addr.family != words->family)
			continue;
		fprintf(out->f, "%s%s", comma, ruleset_prefix(&prefix, text));
		comma = ", ";
	}
	fputs(" }\n\t}\n", out->f);
}

void ruleset_special_sets(struct ruleset_out *out)
{
	fputs("\n\t# Addresses that mean nothing on the Internet, and those that nothing is "
	      "forwarded to.",
		out->f);
	for (size_t i = 0; i < 2; i++) {
		const struct ruleset_words *words = &ruleset_words[i];
		bool subnets = ruleset_has(out, RULESET_SUBNETS, words->family);

		if (subnets || ruleset_has(out, RULESET_NEVER_UPLINK, words->family))
			write_set(out, "special", words, false);
		if (subnets)
			write_set(out, "martian", words, true);
	}
}
