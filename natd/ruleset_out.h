/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the ruleset's writer share; of no use outside of ruleset*.c. */
#ifndef NATD_RULESET_OUT_H
#define NATD_RULESET_OUT_H

#include "natd/ports.h"
#include "natd/ruleset.h"

/* Rules that are only for what has ports. */
#define RULESET_WITH_PORTS "meta l4proto { tcp, udp }"

/* Of all hashes: the same after every start. */
#define RULESET_SEED 0x67617465

/* One address that flows are translated to: of a pool, or whatever the kernel takes of an uplink.
 */
struct ruleset_way {
	enum addr_family family;
	struct addr address; /* ADDR_NONE: masquerade on `uplink` */
	size_t uplink;       /* index in the config */
	bool random_ports;
};

/* A ruleset in the making. */
struct ruleset_out {
	FILE *f;
	const struct natd_conf *conf;
	bool draining;
	bool brief;                         /* the guard, made by the library alone */
	const char *within;                 /* before the names of blocks: "", or their table */
	const struct natd_subnet **subnets; /* conf's, by prefix: nft lists in that order */
	struct ruleset_way *ways; /* each once, those that differ in ports alone adjacent */
	size_t n_ways;
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

/* The sets of prefixes that a config makes; each has a family's digit at the end of its name. */
enum ruleset_set {
	RULESET_SUBNETS,
	RULESET_NEVER_UPLINK,
	RULESET_EXEMPT,
	RULESET_UNTRANSLATED, /* subnets whose addresses may be seen on the uplinks */
	RULESET_PRIVATE,      /* never_uplink and the other subnets, whose may not */
	RULESET_SETS
};

/* Whether a set of a family has anything in it; one that has not is not written. */
bool ruleset_has(const struct ruleset_out *out, enum ruleset_set set, enum addr_family family);

/*
 * Whether it is so small that its prefixes are compared one by one. That costs less than to look
 * into a set once, and works on while somebody deletes the table under the packet.
 */
#define RULESET_COMPARED_MAX 4
bool ruleset_is_compared(
	const struct ruleset_out *out, enum ruleset_set set, enum addr_family family);

/*
 * Write that `what` happens to packets whose `address` ("saddr", "daddr") is in a set: a rule for
 * each prefix, or one for the set if it is large.
 */
void ruleset_each(struct ruleset_out *out, enum ruleset_set set, const struct ruleset_words *words,
	const char *address, const char *what);

bool ruleset_has_forwards(const struct ruleset_out *out, enum addr_family family);
bool ruleset_is_reserved(const struct natd_conf *conf, uint32_t port);

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
uint32_t ruleset_opening_s(const struct natd_timeouts *timeouts);
uint32_t ruleset_closing_s(const struct natd_timeouts *timeouts);
uint32_t ruleset_reset_s(const struct natd_timeouts *timeouts);
char *ruleset_timeout_udp(
	const struct natd_timeouts *timeouts, char name[static RULESET_NAME_SIZE]);

/* A chain's head and foot, a rule in it, and a comment line above one. */
void ruleset_chain(struct ruleset_out *out, const char *name);
void ruleset_base_chain(struct ruleset_out *out, const char *name, const char *hook);
void ruleset_end(struct ruleset_out *out);
void ruleset_rule(struct ruleset_out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void ruleset_note(struct ruleset_out *out, const char *text);

/* --- ways (ruleset_ways.c) ---------------------------------------------------------------------
 */

/*
 * New flows find their way twice: in a filter chain, which refuses those that would find no port,
 * and in a nat chain, which translates them. Both times by chains that are alike but for the stem
 * of their names.
 */
enum ruleset_stage { RULESET_COUNT, RULESET_TRANSLATE };

/* Find all ways of the config. Returns 0 or -ENOMEM. */
int ruleset_ways_init(struct ruleset_out *out);

/* "203.0.113.7" or "uplink0_4": what the names of a way's sets and chains end with. */
char *ruleset_way_id(const struct ruleset_way *way, char id[static RULESET_NAME_SIZE]);

/* The chain of a stage that a way ends in, and the one in which a subnet's flows look for theirs.
 */
char *ruleset_way_chain(enum ruleset_stage stage, const struct ruleset_way *way,
	char name[static RULESET_NAME_SIZE]);
char *ruleset_subnet_chain(const struct ruleset_out *out, enum ruleset_stage stage,
	const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE]);

/*
 * Lead packets by their source's subnet: write the rules that go to the chain that `chain_of` gives
 * for each subnet of a family, in `name` or NULL for none.
 */
typedef const char *(*ruleset_chain_of)(const struct ruleset_out *out,
	const struct natd_subnet *subnet, char name[static RULESET_NAME_SIZE]);
void ruleset_by_subnet(
	struct ruleset_out *out, const struct ruleset_words *words, ruleset_chain_of chain_of);

/* The chains between: those that choose an uplink's way, or one address of a pool. */
void ruleset_choices(struct ruleset_out *out, enum ruleset_stage stage);

/* Rules of several chains: known flows and what can be of none; inside sources from an uplink. */
void ruleset_known(struct ruleset_out *out);
void ruleset_spoofed(struct ruleset_out *out);

/* --- the parts, in the order of the text -------------------------------------------------------
 */

void ruleset_objects(struct ruleset_out *out);   /* counters, timeouts, sets */
void ruleset_filter(struct ruleset_out *out);    /* own_*, forward, input, leak */
void ruleset_admit(struct ruleset_out *out);     /* who may begin a flow, and how many */
void ruleset_translate(struct ruleset_out *out); /* dstnat, srcnat */

/* The parts of it that the guard has too, and the guard's own. */
void ruleset_uplinks(struct ruleset_out *out);
void ruleset_prefix_sets(struct ruleset_out *out);
void ruleset_guard(struct ruleset_out *out);

/* Sets of the parts, for ruleset_objects. */
void ruleset_admit_sets(struct ruleset_out *out);
void ruleset_choice_maps(struct ruleset_out *out);
void ruleset_forward_sets(struct ruleset_out *out);

/*
 * Addresses that are for special use (ruleset_special.c): sources that mean nothing on the
 * Internet, and those of them that a router may not forward to, as sets.
 */
void ruleset_special_sets(struct ruleset_out *out);

#endif
