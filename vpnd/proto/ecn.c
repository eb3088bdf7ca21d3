/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/ecn.h"

#include <stdbool.h>

enum { V4_CLASS = 1, V4_CHECKSUM = 10, V6_CLASS_SHIFT = 4 };

static bool is_v4(const uint8_t *packet)
{
	return packet[0] >> 4 == 4;
}

static uint8_t mark_of(const uint8_t *packet)
{
	return (is_v4(packet) ? packet[V4_CLASS] : packet[1] >> V6_CLASS_SHIFT) & ECN_MASK;
}

/* The header checksum follows the one changed byte (RFC 1624, equation 3). */
static void set_v4(uint8_t *packet, uint8_t mark)
{
	uint8_t class = (uint8_t)((packet[V4_CLASS] & ~ECN_MASK) | mark);
	uint32_t sum = (uint32_t)packet[V4_CHECKSUM] << 8 | packet[V4_CHECKSUM + 1];

	sum = (~sum & 0xffff) + (~(uint32_t)packet[V4_CLASS] & 0xffff) + class;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	packet[V4_CLASS] = class;
	packet[V4_CHECKSUM] = (uint8_t)(sum >> 8);
	packet[V4_CHECKSUM + 1] = (uint8_t)sum;
}

static void set_mark(uint8_t *packet, uint8_t mark)
{
	if (is_v4(packet))
		set_v4(packet, mark);
	else
		packet[1] = (uint8_t)((packet[1] & ~(ECN_MASK << V6_CLASS_SHIFT)) |
				      mark << V6_CLASS_SHIFT);
}

uint8_t ecn_encapsulate(const uint8_t *packet)
{
	uint8_t mark = mark_of(packet);

	/* A mark from before the tunnel is the inner header's; the outer one can be marked anew. */
	return mark == ECN_CE ? ECN_ECT_0 : mark;
}

void ecn_decapsulate(uint8_t outer, uint8_t *packet)
{
	uint8_t inner = mark_of(packet);

	outer &= ECN_MASK;
	if (inner == ECN_NOT_ECT)
		return;
	if (outer == ECN_CE || (outer == ECN_ECT_1 && inner == ECN_ECT_0))
		set_mark(packet, outer);
}
