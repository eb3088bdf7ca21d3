/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses, prefixes and endpoints, without any socket header, so that the protocol core can hold
 * them. Conversion from and to struct sockaddr is in base/sockaddr.h.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_family {
	ADDR_NONE = 0, /* no address; all bytes are zero */
	ADDR_V4 = 4,
	ADDR_V6 = 6,
};

/* An address in network byte order; of `bytes`, IPv4 uses the first four, the rest are zero. */
struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t bytes[16];
};

/* An address and how many of its leading bits count: 0-32 for IPv4, 0-128 for IPv6. */
struct prefix {
	struct addr addr; /* bits past `len` are zero once prefix_parse or prefix_mask made it */
	uint8_t len;      /* bits */
};

/* An address and a port (UDP here), in host byte order, with the zone of a link-local IPv6 address.
 */
struct endpoint {
	struct addr addr;
	uint16_t port;
	uint32_t scope_id; /* interface index; 0 unless the address is link-local IPv6 */
};

/* Enough for any text that the format functions below write, the final NUL included. */
#define ADDR_STRLEN 46
#define PREFIX_STRLEN (ADDR_STRLEN + 4)
#define ENDPOINT_STRLEN (ADDR_STRLEN + 2 + 6 + 16)

/* How many bits an address of this family has: 32, 128, or 0 for ADDR_NONE. */
unsigned int addr_bits(enum addr_family family);

/* Parse "192.0.2.1" or "2001:db8::1", nothing around it. Returns 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *out);

/*
 * Parse "192.0.2.0/24"; without "/len" all bits count. With `strict`, bits set past the length are
 * refused (-EADDRNOTAVAIL), else they are cleared. Returns 0, -EINVAL or -EADDRNOTAVAIL.
 */
int prefix_parse(const char *text, bool strict, struct prefix *out);

/*
 * Parse "169.254.10.2/30" as an interface has it: the bits past the length are part of the address
 * and stay. Without "/len" all bits count. Returns 0 or -EINVAL.
 */
int prefix_parse_host(const char *text, struct prefix *out);

/*
 * Parse "192.0.2.1:51820" or "[2001:db8::1%zone]:51820", addresses only, port 1-65535; a zone is
 * an interface index in digits. Returns 0 or -EINVAL.
 */
int endpoint_parse(const char *text, struct endpoint *out);

/* Write the text form to `out` (of at least the *_STRLEN above) and return `out`. */
char *addr_format(const struct addr *a, char out[static ADDR_STRLEN]);
char *prefix_format(const struct prefix *p, char out[static PREFIX_STRLEN]);
char *endpoint_format(const struct endpoint *e, char out[static ENDPOINT_STRLEN]);

bool addr_equal(const struct addr *a, const struct addr *b);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* Order by family, then bytes, then length, for sorting and merging: <0, 0 or >0. */
int addr_compare(const struct addr *a, const struct addr *b);
int prefix_compare(const struct prefix *a, const struct prefix *b);

/* Clear the bits past p->len. */
void prefix_mask(struct prefix *p);

/* True if `a` lies inside `p`; false across families. */
bool prefix_contains(const struct prefix *p, const struct addr *a);

/* True if every address of `inner` lies inside `outer`. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);

#endif
