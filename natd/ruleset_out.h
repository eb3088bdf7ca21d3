/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the ruleset's writer share; of no use outside of ruleset*.c. */
#ifndef NATD_RULESET_OUT_H
#define NATD_RULESET_OUT_H

#include "natd/ports.h"
#include "natd/ruleset.h"

/* A ruleset in the making. */
struct ruleset_out {
	FILE *f;
	const struct natd_conf *conf;
	const struct natd_subnet **subnets; /* conf's, by prefix: nft lists in that order */
	struct ports ports;
	char uplinks[IFNAMSIZ + 2]; /* what stands after iifname and oifname */
};

/* The words of nft that differ by family. */
struct ruleset_words {
	enum addr_family family;
	const char *ip;   /* what a rule matches and translates with */
	const char *type; /* of a set */
	char digit;       /* at the end of names */
};
extern const struct ruleset_words ruleset_words[2];
const struct ruleset_words *ruleset_words_of(enum addr_family family);

/* Whether the config has subnets, or never_uplink prefixes, of a family. */
bool ruleset_has_subnets(const struct ruleset_out *out, enum addr_family family);
bool ruleset_has_never_uplink(const struct ruleset_out *out, enum addr_family family);

/* A prefix as nft lists it: that of a single host as an address. Returns `text`. */
char *ruleset_prefix(const struct prefix *prefix, char text[static PREFIX_STRLEN]);

/* "STEM_10.40.15.0/24", with '_' for the ':' of IPv6, which a name may not have. */
char *ruleset_name(
	const char *stem, const struct prefix *subnet, char name[static RULESET_NAME_SIZE]);

/* The set that counts a subnet's flows by host. Its name tells the limit: elements keep theirs. */
char *ruleset_hosts(const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE]);

/* The timeout objects, named by their values, which cannot be changed in place. */
char *ruleset_timeout_tcp(
	const struct natd_timeouts *timeouts, char name[static RULESET_NAME_SIZE]);
char *ruleset_timeout_udp(
	const struct natd_timeouts *timeouts, char name[static RULESET_NAME_SIZE]);

/* A chain's head and foot, a rule in it, and a comment line above one. */
void ruleset_chain(struct ruleset_out *out, const char *name);
void ruleset_base_chain(struct ruleset_out *out, const char *name, const char *hook);
void ruleset_end(struct ruleset_out *out);
void ruleset_rule(struct ruleset_out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void ruleset_note(struct ruleset_out *out, const char *text);

/* The parts, in the order of the text. */
void ruleset_objects(struct ruleset_out *out);   /* counters, timeouts, sets */
void ruleset_filter(struct ruleset_out *out);    /* own_*, forward, input, leak */
void ruleset_translate(struct ruleset_out *out); /* dstnat, srcnat */

/* The parts of it that the guard has too, and the guard's own. */
void ruleset_uplinks(struct ruleset_out *out);
void ruleset_prefix_sets(struct ruleset_out *out);
void ruleset_guard(struct ruleset_out *out);

#endif
