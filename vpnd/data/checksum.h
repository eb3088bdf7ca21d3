/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum (RFC 1071). A running sum is 64 bits wide and holds 16-bit words in the
 * order of the machine, so nothing is swapped on the way: what checksum_fold returns is stored as
 * it is. Every piece that is added begins at an even place of what is summed; only the last may
 * have an odd length. A sum takes megabytes of data before it could overflow.
 */
#ifndef VPND_DATA_CHECKSUM_H
#define VPND_DATA_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* `sum` with `len` bytes added. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len);

/* The same, and copy them to `to`, which does not overlap. */
uint64_t checksum_copy(uint64_t sum, void *to, const void *from, size_t len);

/* `sum` with a 16-bit number added that stands in the header in network byte order. */
uint64_t checksum_add16(uint64_t sum, uint16_t number);

/*
 * The sum of the pseudo header of TCP or UDP over IPv4 (RFC 9293 section 3.1) or IPv6 (RFC 8200
 * section 8.1), for a header and payload of `len` bytes in all. `ip` is the IP header; of routing
 * headers nothing is known here.
 */
uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len);

/* The sum as 16 bits, not complemented: what a checksum field holds that hardware is to finish. */
uint16_t checksum_fold(uint64_t sum);

/* The checksum: the complement of that. Over bytes that include a right checksum it is 0. */
uint16_t checksum_finish(uint64_t sum);

#endif
