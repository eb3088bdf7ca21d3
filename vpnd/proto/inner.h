/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the core must know of the IP packets that it carries: how long they are, from and to whom.
 */
#ifndef VPND_PROTO_INNER_H
#define VPND_PROTO_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vpnd/proto/allowedips.h"

/*
 * The length in bytes that the IP header of a packet says (RFC 791 section 3.1, RFC 8200 section
 * 3), or 0 if `len` bytes do not hold a whole IPv4 or IPv6 packet.
 */
size_t inner_len(const uint8_t *packet, size_t len);

/* Who owns the source or the destination of a packet that inner_len accepts; NULL: nobody. */
struct allowedips_owner *inner_source_owner(const struct allowedips *table, const uint8_t *packet);
struct allowedips_owner *inner_destination_owner(
	const struct allowedips *table, const uint8_t *packet);

/* Where such a packet goes. */
void inner_destination(const uint8_t *packet, struct addr *out);

/* Where the header above IP and its extensions is. */
struct inner_upper {
	bool found; /* false: a later fragment, or a chain of headers that is not whole */
	uint8_t protocol;
	size_t at; /* bytes from the packet's start; may be its length */
};
struct inner_upper inner_upper(const uint8_t *packet, size_t len);

#endif
