/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/headers.h"

#include <errno.h>
#include <netinet/in.h>

enum { EXTENSION = 8 }; /* unit of IPv6 extension headers, bytes */

static int parse_v4(const uint8_t *packet, size_t len, struct headers *h)
{
	h->upper = 4 * (packet[0] & 0xfu);
	if (headers_get16(packet + V4_LENGTH) != len || h->upper < V4_HEADER || h->upper > len)
		return -EBADMSG;
	if (headers_get16(packet + V4_FRAGMENT) & V4_IS_FRAGMENT)
		return -EBADMSG;
	h->protocol = packet[V4_PROTOCOL];
	return 0;
}

static bool is_passed_over(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS;
}

static int parse_v6(const uint8_t *packet, size_t len, struct headers *h)
{
	h->upper = V6_HEADER;
	h->protocol = packet[V6_NEXT];
	if (V6_HEADER + (size_t)headers_get16(packet + V6_LENGTH) != len)
		return -EBADMSG;
	while (is_passed_over(h->protocol)) {
		const uint8_t *extension = packet + h->upper;
		size_t left = len - h->upper;

		if (left < EXTENSION || left < EXTENSION * (1 + (size_t)extension[1]))
			return -EBADMSG;
		if (h->protocol == IPPROTO_ROUTING && extension[3])
			h->routed = true;
		h->protocol = extension[0];
		h->upper += EXTENSION * (1 + (uint32_t)extension[1]);
	}
	return 0;
}

static int parse_upper(const uint8_t *packet, size_t len, struct headers *h)
{
	const uint8_t *upper = packet + h->upper;
	size_t left = len - h->upper, size;

	switch (h->protocol) {
	case IPPROTO_TCP:
		if (left < TCP_HEADER)
			return -EBADMSG;
		size = 4 * (size_t)(upper[TCP_OFFSET] >> 4);
		if (size < TCP_HEADER || size > left)
			return -EBADMSG;
		break;
	case IPPROTO_UDP:
		if (left < UDP_HEADER || headers_get16(upper + UDP_LENGTH) != left)
			return -EBADMSG;
		size = UDP_HEADER;
		break;
	default:
		return -EBADMSG;
	}
	h->len = h->upper + (uint32_t)size;
	return 0;
}

int headers_parse(const uint8_t *packet, size_t len, struct headers *out)
{
	struct headers h = {.version = len ? packet[0] >> 4 : 0};
	int r = -EBADMSG;

	if (h.version == 4 && len >= V4_HEADER)
		r = parse_v4(packet, len, &h);
	else if (h.version == 6 && len >= V6_HEADER)
		r = parse_v6(packet, len, &h);
	if (r == 0)
		r = parse_upper(packet, len, &h);
	if (r == 0)
		*out = h;
	return r;
}
