/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/unreachable.h"

#include <string.h>

#include "vpnd/proto/icmp.h"
#include "vpnd/proto/inner.h"

enum {
	DEST_UNREACHABLE_V4 = 3,
	HOST_UNREACHABLE_V4 = 1,
	DEST_UNREACHABLE_V6 = 1,
	ADDRESS_UNREACHABLE_V6 = 3,
	REDIRECT_V6 = 137,
	FIRST_QUERY_V6 = 128, /* smaller types are errors */

	V4_SOURCE = 12,
	V4_DESTINATION = 16,
	V4_MAX = 576, /* RFC 1812 section 4.3.2.3 */
	V4_INTERNETWORK_CONTROL = 0xc0,

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
	return upper.found && !(upper.protocol == ICMP_PROTOCOL_V4 &&
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
	if (upper.protocol != ICMP_PROTOCOL_V6)
		return true;
	type = upper.at < len ? packet[upper.at] : 0;
	return type >= FIRST_QUERY_V6 && type != REDIRECT_V6;
}

/* --- the error ------------------------------------------------------------------------------- */

static size_t create_v4(const uint8_t *packet, size_t len, uint8_t *out)
{
	const size_t most = V4_MAX - ICMP_V4_AT - ICMP_HEADER;
	const size_t quoted = len < most ? len : most;
	uint8_t *icmp = out + ICMP_V4_AT;

	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = DEST_UNREACHABLE_V4;
	icmp[1] = HOST_UNREACHABLE_V4;
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	return icmp_wrap_v4(out, packet + V4_DESTINATION, packet + V4_SOURCE,
		V4_INTERNETWORK_CONTROL, ICMP_HEADER + quoted);
}

static size_t create_v6(const uint8_t *packet, size_t len, uint8_t *out)
{
	const size_t most = UNREACHABLE_MAX - ICMP_V6_AT - ICMP_HEADER;
	const size_t quoted = len < most ? len : most;
	uint8_t *icmp = out + ICMP_V6_AT;

	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = DEST_UNREACHABLE_V6;
	icmp[1] = ADDRESS_UNREACHABLE_V6;
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	return icmp_wrap_v6(out, packet + V6_DESTINATION, packet + V6_SOURCE, ICMP_HEADER + quoted);
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
