/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/tai64n.h"

#include <endian.h>
#include <string.h>

/* 1970 as a label: 2^62, and the 10 seconds by which TAI was ahead then. Leap seconds are ignored.
 */
#define EPOCH_1970 ((1ULL << 62) + 10)
#define WHITENED_NS ((1U << 24) - 1)

void tai64n_label(uint8_t out[static TIMESTAMP_LEN], int64_t s, uint32_t ns)
{
	uint64_t be_s = htobe64(EPOCH_1970 + (uint64_t)s);
	uint32_t be_ns = htobe32(ns & ~WHITENED_NS);

	memcpy(out, &be_s, sizeof(be_s));
	memcpy(out + sizeof(be_s), &be_ns, sizeof(be_ns));
}

int64_t tai64n_seconds(const uint8_t label[static TIMESTAMP_LEN])
{
	uint64_t s;

	memcpy(&s, label, sizeof(s));
	s = be64toh(s);
	if (s < EPOCH_1970)
		return 0;
	return s - EPOCH_1970 < INT64_MAX ? (int64_t)(s - EPOCH_1970) : INT64_MAX;
}
