/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IP packet around an ICMP (RFC 792) or ICMPv6 (RFC 4443) message of our own making. */
#ifndef VPND_PROTO_ICMP_H
#define VPND_PROTO_ICMP_H

#include <stddef.h>
#include <stdint.h>

enum {
	ICMP_V4_AT = 20, /* where the message begins: after an IPv4 header without options */
	ICMP_V6_AT = 40, /* after an IPv6 header without extensions */
	ICMP_HEADER = 8, /* bytes: type, code, checksum, and four more */
	ICMP_PROTOCOL_V4 = 1,
	ICMP_PROTOCOL_V6 = 58,
};

/*
 * Wrap a message of `len` bytes, ICMP_HEADER at least, that lies at its place in `out`: writes the
 * IP header (don't fragment, 64 hops, type of service) and the message's checksum. Returns the
 * length of the packet.
 */
size_t icmp_wrap_v4(uint8_t *out, const uint8_t from[static 4], const uint8_t to[static 4],
	uint8_t tos, size_t len);
size_t icmp_wrap_v6(
	uint8_t *out, const uint8_t from[static 16], const uint8_t to[static 16], size_t len);

#endif
