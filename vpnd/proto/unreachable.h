/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sender of a packet is told that nobody is there to be sent to: ICMP host unreachable
 * (RFC 792, RFC 1812 section 4.3) or ICMPv6 address unreachable (RFC 4443 section 3.1).
 */
#ifndef VPND_PROTO_UNREACHABLE_H
#define VPND_PROTO_UNREACHABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"

enum {
	UNREACHABLE_MAX = 1280,   /* bytes of the longest error */
	UNREACHABLE_PER_S = 1000, /* errors, as a kernel allows itself; and at once: */
	UNREACHABLE_BURST = 50,
};

/*
 * Write the error about `packet`, which is inner_len (`len`) bytes long. Returns its length, or 0
 * where there must be none: about errors, later fragments, and what is not from and to one host.
 *
 * It comes from the address that cannot be reached: that is routed into the tunnel, so a check of
 * the source by reverse path lets it pass, while a kernel drops what comes in with its own address.
 */
size_t unreachable_create(const uint8_t *packet, size_t len, uint8_t out[static UNREACHABLE_MAX]);

/* A token bucket. Zero-initialised it is full. */
struct unreachable_limit {
	mono_t last;       /* when spent_us was true */
	uint64_t spent_us; /* of credit, each error 1 s / UNREACHABLE_PER_S */
};

/* True if one more may be sent now; it is counted. */
bool unreachable_allow(struct unreachable_limit *limit, mono_t now);

#endif
