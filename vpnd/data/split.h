/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a TUN with IFF_VNET_HDR gives is cut into the packets that go on the wire: TCP and UDP
 *frames larger than the MTU into segments (TSO, USO), and a checksum that was left to the hardware
 *is finished. Pure: no system call, no allocation.
 *
 *	struct split split;
 *
 *	if (split_begin(&split, &hdr, frame, len) == 0)
 *		while ((size = split_peek(&split)) && there_is_room_for(size))
 *			split_next(&split, out, size);
 */
#ifndef VPND_DATA_SPLIT_H
#define VPND_DATA_SPLIT_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vpnd/data/headers.h"

/* The longest frame that a TUN gives without its virtio header: IPv6 with a full payload. */
enum { SPLIT_FRAME_MAX = 40 + 65535 };

/* A frame that is being cut. Its members are split.c's own. */
struct split {
	const uint8_t *frame; /* borrowed */
	size_t len;           /* bytes of it */
	size_t given;         /* bytes of payload, or of a frame that stays whole, made so far */
	uint16_t made;        /* packets made so far, in the arithmetic of IPv4 identifications */
	bool done;
	enum split_kind { SPLIT_PLAIN, SPLIT_CHECKSUM, SPLIT_SEGMENTS } kind;

	size_t csum_start,
		csum_at; /* SPLIT_CHECKSUM: what is summed from where, and where it goes */

	struct headers headers; /* SPLIT_SEGMENTS, and all below */
	size_t size;            /* bytes of payload in every segment but the last */
	uint64_t pseudo;        /* sum of the pseudo header but for the length */
};

/*
 * Look at what one read from the TUN returned. Returns 0, or -EBADMSG if header and frame do not
 * fit together or hold what cannot be cut (UFO, tunnels, fragments, an authentication header);
 * nothing then comes of it. The length of headers is computed, the header's hint is not believed.
 * The frame stays the caller's and must not change until its last segment is made. A frame without
 * segmentation need not be IP, and comes out as it is but for its checksum.
 */
int split_begin(
	struct split *split, const struct virtio_net_hdr *hdr, const uint8_t *frame, size_t len);

/* Bytes of the packet that split_next makes next; 0: the frame is used up. */
size_t split_peek(const struct split *split);

/*
 * Make the next packet in `out`, which does not overlap with the frame: headers rewritten,
 * checksums whole. Returns its length in bytes, 0 when the frame is used up, or -EMSGSIZE, leaving
 * all as it was, when it is longer than `out_size` bytes.
 */
ssize_t split_next(struct split *split, uint8_t *out, size_t out_size);

#endif
