/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Batches of packets from a script of bytes, for coalescing: a few interleaved flows over TCP and
 * UDP, IPv4 and IPv6, that mostly go on as they should and now and then do not. And what must hold
 * of whatever coalescing makes of a batch.
 */
#ifndef TESTS_ORACLE_FLOWS_H
#define TESTS_ORACLE_FLOWS_H

#include <stddef.h>
#include <stdint.h>

#include "vpnd/data/coalesce.h"

enum {
	FLOWS = 8, /* of their numbers, bit 0: IPv6; bit 1: UDP; bit 2: another port */
	FLOWS_PACKETS = COALESCE_PACKETS,
	FLOWS_PACKET_MAX = 2048,
};

/* How a packet may differ from the one that its flow should have next. */
enum flows_deviation {
	FLOWS_PUSHED,
	FLOWS_OTHER_TTL,
	FLOWS_OTHER_CLASS,
	FLOWS_OTHER_FRAGMENTING, /* DF turned, of the flow from here on */
	FLOWS_GAP,
	FLOWS_BAD_CHECKSUM,
	FLOWS_BAD_IP_CHECKSUM,
	FLOWS_OTHER_FLAG, /* the bit whose number follows is set */
	FLOWS_ECHO,       /* ECE turned, of the flow from here on */
	FLOWS_OTHER_ACK,
	FLOWS_OTHER_WINDOW,
	FLOWS_OTHER_OPTIONS,
	FLOWS_NO_OPTIONS, /* or some again, of the flow from here on */
	FLOWS_IP_OPTIONS, /* or an IPv6 extension header */
	FLOWS_FRAGMENT,
	FLOWS_NO_CHECKSUM,
	FLOWS_OTHER_ID, /* or flow label */
	FLOWS_STILL_ID, /* of the flow from here on */
	FLOWS_EMPTY,
	FLOWS_NOT_FORWARDED,
	FLOWS_OTHER_PROTOCOL, /* the one that follows */
	FLOWS_TRUNCATED,      /* to the length that follows */
	FLOWS_FLIPPED,
	FLOWS_URGENT_POINTER,
	FLOWS_RESERVED_BIT,
	FLOWS_LARGER,
	FLOWS_OTHER_ZERO, /* a checksum of 0, written as 0xffff */
	FLOWS_DEVIATIONS,
};

/*
 * A script is read by operations: two bytes and for a packet that deviates one or two more. The
 * first says the flow, and times FLOWS the deviation; the second is FLOWS_DEVIATE if there is one,
 * plus FLOWS_SHORT or FLOWS_SHORTEST for a packet shorter than the flow's others or FLOWS_RESIZE
 * for other lengths of the flow from here on.
 */
enum { FLOWS_DEVIATE = 192, FLOWS_SHORTEST = 58, FLOWS_SHORT = 60, FLOWS_RESIZE = 63 };

struct flows {
	size_t count;
	struct packet packets[FLOWS_PACKETS];
	uint8_t bytes[FLOWS_PACKETS][FLOWS_PACKET_MAX];
};

/* As many packets as the script has operations for. */
void flows_make(struct flows *flows, const uint8_t *script, size_t len);

/*
 * Abort, saying why, unless frames and packets of `c` fit together: each packet to be forwarded is
 * in one frame; a frame cut up again gives its packets, byte for byte; what cannot be told from
 * another flow's packets leaves in the order in which it came.
 */
void flows_check(struct coalesce *c, const struct packet *packets, size_t count);

#endif
