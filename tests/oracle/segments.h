/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segmentation once more, byte at a time and from the RFCs alone: what split is held against, and
 * what stands for the kernel when a coalesced frame is cut up again. Shares no code with vpnd.
 */
#ifndef TESTS_ORACLE_SEGMENTS_H
#define TESTS_ORACLE_SEGMENTS_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packets one after the other. */
struct segments {
	size_t count;
	size_t *at; /* where each begins, and one more: where the last ends */
	uint8_t *bytes;
};

/* Where the headers of a whole TCP or UDP packet are, bytes from its start. */
struct segments_shape {
	uint8_t protocol;
	bool routed; /* its destination is in a routing header */
	size_t upper, payload;
};

/* False if it is another packet, a fragment or not whole. */
bool segments_shape(const uint8_t *packet, size_t len, struct segments_shape *shape);

/* Cut a frame as its virtio header says. Returns false, `out` untouched, if that has no sense. */
bool segments_cut(
	const struct virtio_net_hdr *hdr, const uint8_t *frame, size_t len, struct segments *out);
void segments_free(struct segments *segments);

/* The sum of RFC 1071 of a message with all checksum fields in it, modulo 65535: 0 if right. */
unsigned int segments_sum(const uint8_t *bytes, size_t len);

/* The sum of the pseudo header of the TCP or UDP packet at `ip` whose upper part has `len` bytes.
 */
unsigned int segments_pseudo(const uint8_t *ip, uint8_t protocol, size_t len);

/* Make the checksum of an IPv4 header, and that of TCP or UDP at `upper`, right. */
void segments_finish_ip(uint8_t *ip);
void segments_finish_upper(uint8_t *packet, size_t len, size_t upper, uint8_t protocol);

#endif
