/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Echo requests of our own through a tunnel and the replies to them (RFC 792, RFC 4443 section 4),
 * told from everybody else's by a random token that they carry.
 */
#ifndef VPND_PROTO_ECHO_H
#define VPND_PROTO_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum { ECHO_MAX = 65535 };

struct echo {
	struct addr from, to; /* of one family; of the request */
	uint16_t id, sequence;
	uint64_t token;
};

/* Bytes of the shortest packet, and of one of at least `len`. */
size_t echo_len(enum addr_family family, size_t len);

/* Write the request as a packet of `len` bytes, as echo_len has it, ECHO_MAX at most. */
void echo_create(const struct echo *echo, uint8_t *out, size_t len);

/*
 * Take an echo reply apart: false if the packet, which is inner_len (`len`) bytes long, is none
 * that could be to a request from here, because it has another form. Its checksum is not looked at:
 * the packet is authentic, and so is a token that we gave nobody else.
 */
bool echo_consume_reply(const uint8_t *packet, size_t len, struct echo *out);

#endif
