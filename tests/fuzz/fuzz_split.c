/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of any form as a TUN may give them: a virtio header and a frame. The first byte says which
 * fields are put right, so that changes to one part do not only try lengths that do not fit. What
 * split makes must be what the oracle makes, and be refused where that refuses.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/segments.h"
#include "vpnd/data/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { RIGHT_LENGTHS = 1, RIGHT_CHECKSUM = 2, PACKET_MAX = 65536 + 40 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void put16(uint8_t *p, size_t number)
{
	p[0] = (uint8_t)(number >> 8);
	p[1] = (uint8_t)number;
}

static void put_lengths_right(uint8_t *frame, size_t len)
{
	struct segments_shape shape;

	if (len >= 20 && frame[0] >> 4 == 4)
		put16(frame + 2, len);
	else if (len >= 40 && frame[0] >> 4 == 6)
		put16(frame + 4, len - 40);
	/* Not found because of the length of UDP, if that is it. */
	for (size_t upper = 20; upper + 8 <= len && upper <= 64; upper += 4) {
		uint8_t was[2] = {frame[upper + 4], frame[upper + 5]};

		if (segments_shape(frame, len, &shape))
			return;
		put16(frame + upper + 4, len - upper);
		if (!segments_shape(frame, len, &shape))
			memcpy(frame + upper + 4, was, 2);
	}
}

static void put_checksum_right(struct virtio_net_hdr *hdr, const uint8_t *frame, size_t len)
{
	struct segments_shape shape;

	if (!segments_shape(frame, len, &shape))
		return;
	hdr->flags |= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->csum_start = (uint16_t)shape.upper;
	hdr->csum_offset = shape.protocol == 6 ? 16 : 6;
}

static void compare(const struct virtio_net_hdr *hdr, const uint8_t *frame, size_t len)
{
	static uint8_t out[PACKET_MAX];
	struct segments expected;
	struct split split;
	size_t size;

	if (!segments_cut(hdr, frame, len, &expected)) {
		must(split_begin(&split, hdr, frame, len) < 0);
		return;
	}
	must(split_begin(&split, hdr, frame, len) == 0);
	for (size_t i = 0; i < expected.count; i++) {
		size = expected.at[i + 1] - expected.at[i];
		must(split_peek(&split) == size && split_next(&split, out, size - 1) < 0);
		must(split_next(&split, out, size) == (ssize_t)size);
		must(!memcmp(out, expected.bytes + expected.at[i], size));
	}
	must(split_peek(&split) == 0 && split_next(&split, out, sizeof(out)) == 0);
	segments_free(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct virtio_net_hdr hdr;
	uint8_t *frame;
	size_t len;

	if (size < 1 + sizeof(hdr) || size > PACKET_MAX)
		return 0;
	memcpy(&hdr, bytes + 1, sizeof(hdr));
	len = size - 1 - sizeof(hdr);
	/* Exactly as long as it is, so that a sanitizer sees what is read past it. */
	frame = malloc(len + !len);
	must(frame != NULL);
	memcpy(frame, bytes + 1 + sizeof(hdr), len);
	if (bytes[0] & RIGHT_LENGTHS)
		put_lengths_right(frame, len);
	if (bytes[0] & RIGHT_CHECKSUM)
		put_checksum_right(&hdr, frame, len);
	compare(&hdr, frame, len);
	free(frame);
	return 0;
}
