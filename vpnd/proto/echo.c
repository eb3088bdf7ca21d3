/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/echo.h"

#include <string.h>

#include "vpnd/proto/icmp.h"

enum {
	REQUEST_V4 = 8,
	REPLY_V4 = 0,
	REQUEST_V6 = 128,
	REPLY_V6 = 129,

	/* In the message. */
	ID = 4,
	SEQUENCE = 6,
	TOKEN = ICMP_HEADER,
	SHORTEST = TOKEN + sizeof(uint64_t),

	V4_VERSION_AND_LENGTH = 0x45, /* without options */
	V4_FRAGMENT = 6,
	V4_FRAGMENT_MASK = 0x3f, /* more fragments, or an offset */
	V4_PROTOCOL = 9,
	V4_SOURCE = 12,
	V4_DESTINATION = 16,
	V6_NEXT_HEADER = 6,
	V6_SOURCE = 8,
	V6_DESTINATION = 24,
};

static size_t header_len(enum addr_family family)
{
	return family == ADDR_V4 ? ICMP_V4_AT : ICMP_V6_AT;
}

size_t echo_len(enum addr_family family, size_t len)
{
	size_t shortest = header_len(family) + SHORTEST;

	return len > shortest ? len : shortest;
}

static void put_be16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t get_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

void echo_create(const struct echo *echo, uint8_t *out, size_t len)
{
	const enum addr_family family = echo->to.family;
	const size_t at = header_len(family);
	uint8_t *icmp = out + at;

	memset(icmp, 0, len - at);
	icmp[0] = family == ADDR_V4 ? REQUEST_V4 : REQUEST_V6;
	put_be16(icmp + ID, echo->id);
	put_be16(icmp + SEQUENCE, echo->sequence);
	memcpy(icmp + TOKEN, &echo->token, sizeof(echo->token));
	if (family == ADDR_V4)
		icmp_wrap_v4(out, echo->from.bytes, echo->to.bytes, 0, len - at);
	else
		icmp_wrap_v6(out, echo->from.bytes, echo->to.bytes, len - at);
}

static bool is_reply_v4(const uint8_t *packet, size_t len)
{
	return len >= ICMP_V4_AT + SHORTEST && packet[0] == V4_VERSION_AND_LENGTH &&
	       packet[V4_PROTOCOL] == ICMP_PROTOCOL_V4 &&
	       !(packet[V4_FRAGMENT] & V4_FRAGMENT_MASK) && !packet[V4_FRAGMENT + 1] &&
	       packet[ICMP_V4_AT] == REPLY_V4;
}

static bool is_reply_v6(const uint8_t *packet, size_t len)
{
	return len >= ICMP_V6_AT + SHORTEST && packet[0] >> 4 == 6 &&
	       packet[V6_NEXT_HEADER] == ICMP_PROTOCOL_V6 && packet[ICMP_V6_AT] == REPLY_V6;
}

bool echo_consume_reply(const uint8_t *packet, size_t len, struct echo *out)
{
	const bool v4 = is_reply_v4(packet, len);
	const uint8_t *icmp = packet + (v4 ? ICMP_V4_AT : ICMP_V6_AT);
	const size_t bytes = v4 ? 4 : 16;

	if (!v4 && !is_reply_v6(packet, len))
		return false;
	*out = (struct echo){.id = get_be16(icmp + ID), .sequence = get_be16(icmp + SEQUENCE)};
	out->from.family = out->to.family = v4 ? ADDR_V4 : ADDR_V6;
	/* Whom the request was from and to. */
	memcpy(out->from.bytes, packet + (v4 ? V4_DESTINATION : V6_DESTINATION), bytes);
	memcpy(out->to.bytes, packet + (v4 ? V4_SOURCE : V6_SOURCE), bytes);
	memcpy(&out->token, icmp + TOKEN, sizeof(out->token));
	return true;
}
