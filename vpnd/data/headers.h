/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the headers of a TCP or UDP packet are, and how fields in them are read and written. Fields
 * lie at any alignment.
 */
#ifndef VPND_DATA_HEADERS_H
#define VPND_DATA_HEADERS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A frame of UDP datagrams to be cut; newer than the headers of Debian 12. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Where fields are: V4_ and V6_ in the IP header, TCP_ and UDP_ in theirs. Bytes. */
enum {
	V4_CLASS = 1,
	V4_LENGTH = 2,
	V4_ID = 4,
	V4_FRAGMENT = 6,
	V4_TTL = 8,
	V4_PROTOCOL = 9,
	V4_CHECKSUM = 10,
	V4_SOURCE = 12,
	V4_HEADER = 20,

	V6_LENGTH = 4,
	V6_NEXT = 6,
	V6_HOPS = 7,
	V6_SOURCE = 8,
	V6_HEADER = 40,

	TCP_SEQUENCE = 4,
	TCP_ACK = 8,
	TCP_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_WINDOW = 14,
	TCP_CHECKSUM = 16,
	TCP_URGENT = 18,
	TCP_HEADER = 20,
	TCP_HEADER_MAX = 60,

	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
	UDP_HEADER = 8,
};

/* Bits of V4_FRAGMENT and TCP_FLAGS. */
enum {
	V4_DONT_FRAGMENT = 0x4000,
	V4_IS_FRAGMENT = 0x3fff, /* more fragments, or an offset */

	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACKED = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

struct headers {
	uint8_t version;  /* 4 or 6 */
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	bool routed;      /* its destination is in a routing header yet to be followed */
	uint32_t upper;   /* where the TCP or UDP header is, bytes from the packet's start */
	uint32_t len;     /* bytes of all headers */
};

/*
 * Find the headers of a whole TCP or UDP packet of exactly `len` bytes, IPv4 options and the IPv6
 * extension headers that every segment of it may carry (hop by hop, destination, routing) included.
 * Returns 0, or -EBADMSG: another protocol, a fragment, or lengths that do not fit.
 */
int headers_parse(const uint8_t *packet, size_t len, struct headers *out);

/* Numbers in network byte order; here so that each is one instruction where it is used. */
static inline uint16_t headers_get16(const uint8_t *field)
{
	uint16_t number;

	memcpy(&number, field, sizeof(number));
	return be16toh(number);
}

static inline uint32_t headers_get32(const uint8_t *field)
{
	uint32_t number;

	memcpy(&number, field, sizeof(number));
	return be32toh(number);
}

static inline void headers_put16(uint8_t *field, uint16_t number)
{
	number = htobe16(number);
	memcpy(field, &number, sizeof(number));
}

static inline void headers_put32(uint8_t *field, uint32_t number)
{
	number = htobe32(number);
	memcpy(field, &number, sizeof(number));
}

#endif
