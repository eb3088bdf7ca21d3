/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/unreachable.h"

#include <string.h>

#include "vpnd/proto/inner.h"

enum {
	HOPS = 64,
	ICMP_HEADER = 8, /* type, code, checksum, and four bytes that are zero */
	ICMP_CHECKSUM = 2,
	DEST_UNREACHABLE_V4 = 3,
	HOST_UNREACHABLE_V4 = 1,
	DEST_UNREACHABLE_V6 = 1,
	ADDRESS_UNREACHABLE_V6 = 3,
	REDIRECT_V6 = 137,
	FIRST_QUERY_V6 = 128, /* smaller types are errors */

	PROTOCOL_ICMP = 1,
	PROTOCOL_ICMPV6 = 58,

	V4_HEADER = 20,
	V4_CHECKSUM = 10,
	V4_SOURCE = 12,
	V4_DESTINATION = 16,
	V4_MAX = 576, /* RFC 1812 section 4.3.2.3 */
	V4_INTERNETWORK_CONTROL = 0xc0,
	V4_DONT_FRAGMENT = 0x40,

	V6_HEADER = 40,
	V6_SOURCE = 8,
	V6_DESTINATION = 24,
};

/* --- which packets --------------------------------------------------------------------------- */

/* Errors, and types nobody knows (RFC 792, RFC 1122 section 3.2.2). */
static bool is_error_v4(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12 || type > 18;
}

static bool wants_answer_v4(const uint8_t *packet, size_t len)
{
	const struct inner_upper upper = inner_upper(packet, len);
	uint8_t from = packet[V4_SOURCE], to = packet[V4_DESTINATION];

	/* Neither "this" network, loopback, multicast, reserved nor broadcast. */
	if (from == 0 || from == 127 || from >= 224 || to >= 224)
		return false;
	return upper.found && !(upper.protocol == PROTOCOL_ICMP &&
				      (upper.at == len || is_error_v4(packet[upper.at])));
}

static bool is_no_host_v6(const uint8_t *address)
{
	static const uint8_t zeros[15];

	return address[0] == 0xff ||
	       (memcmp(address, zeros, sizeof(zeros)) == 0 && address[15] < 2);
}

static bool wants_answer_v6(const uint8_t *packet, size_t len)
{
	const struct inner_upper upper = inner_upper(packet, len);
	uint8_t type;

	if (is_no_host_v6(packet + V6_SOURCE) || is_no_host_v6(packet + V6_DESTINATION) ||
		!upper.found)
		return false;
	if (upper.protocol != PROTOCOL_ICMPV6)
		return true;
	type = upper.at < len ? packet[upper.at] : 0;
	return type >= FIRST_QUERY_V6 && type != REDIRECT_V6;
}

/* --- the error ------------------------------------------------------------------------------- */

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

static size_t create_v4(const uint8_t *packet, size_t len, uint8_t *out)
{
	const size_t quoted =
		len < V4_MAX - V4_HEADER - ICMP_HEADER ? len : V4_MAX - V4_HEADER - ICMP_HEADER;
	uint8_t *icmp = out + V4_HEADER;

	memset(out, 0, V4_HEADER + ICMP_HEADER);
	out[0] = 4 << 4 | V4_HEADER / 4;
	out[1] = V4_INTERNETWORK_CONTROL;
	put_be16(out + 2, V4_HEADER + ICMP_HEADER + quoted);
	out[6] = V4_DONT_FRAGMENT;
	out[8] = HOPS;
	out[9] = PROTOCOL_ICMP;
	memcpy(out + V4_SOURCE, packet + V4_DESTINATION, 4);
	memcpy(out + V4_DESTINATION, packet + V4_SOURCE, 4);
	put_checksum(out + V4_CHECKSUM, add_up(0, out, V4_HEADER));
	icmp[0] = DEST_UNREACHABLE_V4;
	icmp[1] = HOST_UNREACHABLE_V4;
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	put_checksum(icmp + ICMP_CHECKSUM, add_up(0, icmp, ICMP_HEADER + quoted));
	return V4_HEADER + ICMP_HEADER + quoted;
}

static size_t create_v6(const uint8_t *packet, size_t len, uint8_t *out)
{
	const size_t quoted = len < UNREACHABLE_MAX - V6_HEADER - ICMP_HEADER
				      ? len
				      : UNREACHABLE_MAX - V6_HEADER - ICMP_HEADER;
	uint8_t *icmp = out + V6_HEADER;
	uint32_t sum;

	memset(out, 0, V6_HEADER + ICMP_HEADER);
	out[0] = 6 << 4;
	put_be16(out + 4, ICMP_HEADER + quoted);
	out[6] = PROTOCOL_ICMPV6;
	out[7] = HOPS;
	memcpy(out + V6_SOURCE, packet + V6_DESTINATION, 16);
	memcpy(out + V6_DESTINATION, packet + V6_SOURCE, 16);
	icmp[0] = DEST_UNREACHABLE_V6;
	icmp[1] = ADDRESS_UNREACHABLE_V6;
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	/* Of the pseudo-header (RFC 8200 section 8.1): addresses, length, next header. */
	sum = add_up((uint32_t)(ICMP_HEADER + quoted) + PROTOCOL_ICMPV6, out + V6_SOURCE, 32);
	put_checksum(icmp + ICMP_CHECKSUM, add_up(sum, icmp, ICMP_HEADER + quoted));
	return V6_HEADER + ICMP_HEADER + quoted;
}

size_t unreachable_create(const uint8_t *packet, size_t len, uint8_t out[static UNREACHABLE_MAX])
{
	if (packet[0] >> 4 == 4)
		return wants_answer_v4(packet, len) ? create_v4(packet, len, out) : 0;
	return wants_answer_v6(packet, len) ? create_v6(packet, len, out) : 0;
}

bool unreachable_allow(struct unreachable_limit *limit, mono_t now)
{
	const uint64_t cost = US_PER_S / UNREACHABLE_PER_S;
	uint64_t passed = mono_elapsed_us(limit->last, now);

	limit->last = now;
	limit->spent_us -= passed < limit->spent_us ? passed : limit->spent_us;
	if (limit->spent_us + cost > UNREACHABLE_BURST * cost)
		return false;
	limit->spent_us += cost;
	return true;
}
