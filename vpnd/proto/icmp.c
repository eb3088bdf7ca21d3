/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/icmp.h"

#include <string.h>

enum {
	HOPS = 64,
	CHECKSUM = 2, /* of the message */

	V4_CHECKSUM = 10,
	V4_SOURCE = 12,
	V4_DESTINATION = 16,
	V4_DONT_FRAGMENT = 0x40,

	V6_SOURCE = 8,
	V6_DESTINATION = 24,
};

static void put_be16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t add_up(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return len % 2 ? sum + ((uint32_t)bytes[len - 1] << 8) : sum;
}

static void put_checksum(uint8_t *at, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put_be16(at, ~sum & 0xffff);
}

size_t icmp_wrap_v4(uint8_t *out, const uint8_t from[static 4], const uint8_t to[static 4],
	uint8_t tos, size_t len)
{
	uint8_t *icmp = out + ICMP_V4_AT;

	memset(out, 0, ICMP_V4_AT);
	out[0] = 4 << 4 | ICMP_V4_AT / 4;
	out[1] = tos;
	put_be16(out + 2, ICMP_V4_AT + len);
	out[6] = V4_DONT_FRAGMENT;
	out[8] = HOPS;
	out[9] = ICMP_PROTOCOL_V4;
	memcpy(out + V4_SOURCE, from, 4);
	memcpy(out + V4_DESTINATION, to, 4);
	put_checksum(out + V4_CHECKSUM, add_up(0, out, ICMP_V4_AT));
	put_be16(icmp + CHECKSUM, 0);
	put_checksum(icmp + CHECKSUM, add_up(0, icmp, len));
	return ICMP_V4_AT + len;
}

size_t icmp_wrap_v6(
	uint8_t *out, const uint8_t from[static 16], const uint8_t to[static 16], size_t len)
{
	uint8_t *icmp = out + ICMP_V6_AT;
	uint32_t sum;

	memset(out, 0, ICMP_V6_AT);
	out[0] = 6 << 4;
	put_be16(out + 4, len);
	out[6] = ICMP_PROTOCOL_V6;
	out[7] = HOPS;
	memcpy(out + V6_SOURCE, from, 16);
	memcpy(out + V6_DESTINATION, to, 16);
	put_be16(icmp + CHECKSUM, 0);
	/* Of the pseudo-header (RFC 8200 section 8.1): addresses, length, next header. */
	sum = add_up((uint32_t)len + ICMP_PROTOCOL_V6, out + V6_SOURCE, 32);
	put_checksum(icmp + CHECKSUM, add_up(sum, icmp, len));
	return ICMP_V6_AT + len;
}
