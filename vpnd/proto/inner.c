/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/inner.h"

enum {
	V4_HEADER = 20,
	V4_TOTAL_LENGTH = 2,
	V4_SOURCE = 12,
	V4_DESTINATION = 16,
	V6_HEADER = 40,
	V6_PAYLOAD_LENGTH = 4,
	V6_SOURCE = 8,
	V6_DESTINATION = 24,
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
