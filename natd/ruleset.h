/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ruleset that carries out a config, as text for nft(8). Pure: the same config gives the same
 * text, and the text says all there is. It is in the form in which nft lists it back (order of
 * words, of elements, of blocks), so that what the kernel holds can be held against it
 * (natd/listing.h).
 *
 * How a packet meets it:
 *
 *   own_in, own_out  raw      what this host says from its reserved ports is not tracked
 *   dstnat           nat      forwarded ports are sent to their inside host
 *   forward          filter   known flows are counted (inbound, outbound) and pass at once; new
 *                             flows pass if a subnet of ours starts them and there is a port for
 *                             them; what comes by an uplink must belong to a flow of an uplink
 *   input            filter   invalid packets are kept from killing this host's connections
 *   srcnat           nat      new flows of a subnet get their public address and port
 *   leak             filter   the last look: nothing for a tunnel, nothing with a private source
 *                             leaves by an uplink, whatever the chains above or others did
 *
 * What every packet meets is kept short: a hook, an expression, and a look into a set above all
 * cost forwarding. So small sets are compared prefix by prefix.
 *
 * That no port is left must be found out before srcnat, since the kernel drops a flow that it finds
 * no port for in silence. So the forward chain counts the flows that each public address has to
 * each destination (protocol, address and port). The kernel's counter of flows walks through all
 * that it counts now and then. That is fine up to some thousands; of larger ranges it is given a
 * sample at random: of 50,000 flows one in 16.
 */
#ifndef NATD_RULESET_H
#define NATD_RULESET_H

#include "natd/conf.h"

#define RULESET_FAMILY "inet"
#define RULESET_TABLE "gatehouse"
#define RULESET_GUARD "gatehouse_guard"

/* Why a packet was dropped. Each has a counter named "drop_" and its name. */
enum ruleset_drop {
	RULESET_DROP_DRAINING,     /* would begin a flow while this host is being drained */
	RULESET_DROP_EXPIRED,      /* TCP that goes on after its flow was forgotten */
	RULESET_DROP_HOST_LIMIT,   /* max_connections_per_host is reached */
	RULESET_DROP_INVALID,      /* belongs to no flow and can start none, says conntrack */
	RULESET_DROP_MARTIAN,      /* to an address that nothing is forwarded to */
	RULESET_DROP_NEVER_UPLINK, /* to or from behind a tunnel, or to a subnet, about to leave by
				      an uplink */
	RULESET_DROP_NO_PORT,      /* no source port is left for its destination */
	RULESET_DROP_NOT_LISTED,   /* to be forwarded from a source that is in no subnet */
	RULESET_DROP_PRIVATE,      /* private source, about to leave by an uplink untranslated */
	RULESET_DROP_SPOOFED,      /* a subnet's source, or one behind a tunnel, from elsewhere */
	RULESET_DROP_UNSOLICITED,  /* from an uplink, no reply and no forwarded port */
	RULESET_DROPS
};
extern const char *const ruleset_drop_names[RULESET_DROPS];

/* Enough for the name of any counter, set or chain, the final NUL included. */
#define RULESET_NAME_SIZE 80

/* The counters of what a subnet's hosts send to the uplinks, and of what they receive from them. */
char *ruleset_counter_out(const struct prefix *subnet, char out[static RULESET_NAME_SIZE]);
char *ruleset_counter_in(const struct prefix *subnet, char out[static RULESET_NAME_SIZE]);

/*
 * Write the ruleset of a valid config; `draining` for one that lets flows go on but none begin by
 * an uplink. The caller frees *text. Returns 0 or -ENOMEM.
 */
int ruleset_new(const struct natd_conf *conf, bool draining, char **text);

/* The head of the block that a ruleset has while it drains, and at no other time. */
#define RULESET_DRAINING "chain draining"

/*
 * Write the commands that fill the guard: a small table that is ours alone to change, and that
 * holds while somebody else has flushed the ruleset (ruleset_guard.c tells how). If it is `brief`,
 * they also make it, in the place of the one before, and it goes with the socket that it was made
 * with. Else it has been made, with two timeouts, of ICMP and of ICMPv6. Otherwise as above.
 */
int ruleset_guard_new(const struct natd_conf *conf, bool brief, char **text);
#define RULESET_QUERIES4 "icmp_60"
#define RULESET_QUERIES6 "icmpv6_60"

#endif
