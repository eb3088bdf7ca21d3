/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/inner.h"

#include <string.h>

enum {
	V4_HEADER = 20,
	V4_TOTAL_LENGTH = 2,
	V4_FRAGMENT = 6,
	V4_FRAGMENT_OFFSET = 0x1fff,
	V4_PROTOCOL = 9,
	V4_SOURCE = 12,
	V4_DESTINATION = 16,
	V6_HEADER = 40,
	V6_PAYLOAD_LENGTH = 4,
	V6_NEXT_HEADER = 6,
	V6_SOURCE = 8,
	V6_DESTINATION = 24,

	/* Extension headers (RFC 8200 section 4, RFC 4302). */
	HOP_BY_HOP = 0,
	ROUTING = 43,
	FRAGMENT = 44,
	AUTHENTICATION = 51,
	DESTINATION = 60,
	EXTENSION = 8, /* bytes of the shortest */
	FRAGMENT_OFFSET = 0xfff8,
};

static unsigned int version(const uint8_t *packet)
{
	return packet[0] >> 4;
}

static size_t be16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

size_t inner_len(const uint8_t *packet, size_t len)
{
	size_t said = 0;

	if (len >= V4_HEADER && version(packet) == 4) {
		said = be16(packet + V4_TOTAL_LENGTH);
		if (said < V4_HEADER)
			return 0;
	} else if (len >= V6_HEADER && version(packet) == 6) {
		said = V6_HEADER + be16(packet + V6_PAYLOAD_LENGTH);
	}
	return said <= len ? said : 0;
}

struct allowedips_owner *inner_source_owner(const struct allowedips *table, const uint8_t *packet)
{
	return version(packet) == 4 ? allowedips_lookup_v4(table, packet + V4_SOURCE)
				    : allowedips_lookup_v6(table, packet + V6_SOURCE);
}

struct allowedips_owner *inner_destination_owner(
	const struct allowedips *table, const uint8_t *packet)
{
	return version(packet) == 4 ? allowedips_lookup_v4(table, packet + V4_DESTINATION)
				    : allowedips_lookup_v6(table, packet + V6_DESTINATION);
}

void inner_destination(const uint8_t *packet, struct addr *out)
{
	*out = (struct addr){.family = version(packet) == 4 ? ADDR_V4 : ADDR_V6};
	if (out->family == ADDR_V4)
		memcpy(out->bytes, packet + V4_DESTINATION, 4);
	else
		memcpy(out->bytes, packet + V6_DESTINATION, 16);
}

static struct inner_upper upper_v4(const uint8_t *packet, size_t len)
{
	size_t at = 4 * (size_t)(packet[0] & 0xf);

	if (be16(packet + V4_FRAGMENT) & V4_FRAGMENT_OFFSET || at < V4_HEADER || at > len)
		return (struct inner_upper){0};
	return (struct inner_upper){true, packet[V4_PROTOCOL], at};
}

/* Bytes of the extension header at `header`, EXTENSION of which are there; 0: it is none. */
static size_t extension_len(uint8_t protocol, const uint8_t *header)
{
	switch (protocol) {
	case HOP_BY_HOP:
	case ROUTING:
	case DESTINATION:
		return EXTENSION * (1 + (size_t)header[1]);
	case FRAGMENT:
		return EXTENSION;
	case AUTHENTICATION:
		return 4 * (2 + (size_t)header[1]);
	}
	return 0;
}

static struct inner_upper upper_v6(const uint8_t *packet, size_t len)
{
	static const uint8_t none[EXTENSION];
	uint8_t protocol = packet[V6_NEXT_HEADER];
	size_t at = V6_HEADER, step;

	while ((step = extension_len(protocol, len - at < EXTENSION ? none : packet + at))) {
		const uint8_t *header = packet + at;

		if (len - at < EXTENSION || len - at < step)
			return (struct inner_upper){0};
		if (protocol == FRAGMENT && be16(header + 2) & FRAGMENT_OFFSET)
			return (struct inner_upper){0};
		protocol = header[0];
		at += step;
	}
	return (struct inner_upper){true, protocol, at};
}

struct inner_upper inner_upper(const uint8_t *packet, size_t len)
{
	return version(packet) == 4 ? upper_v4(packet, len) : upper_v6(packet, len);
}
