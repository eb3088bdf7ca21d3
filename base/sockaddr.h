/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between our addresses and endpoints and those of the socket calls. */
#ifndef BASE_SOCKADDR_H
#define BASE_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/addr.h"

/* Room for any address that a socket call takes or gives, without a cast. */
union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

/* Fill `out` from `e`. Returns the length to pass to the socket call; 0 for ADDR_NONE. */
socklen_t sockaddr_from_endpoint(const struct endpoint *e, union sockaddr_any *out);

/*
 * Fill `out` from `s`. An IPv4 address mapped into IPv6 stays IPv6. Returns 0, or -EAFNOSUPPORT
 * for any family but AF_INET and AF_INET6.
 */
int sockaddr_to_endpoint(const union sockaddr_any *s, struct endpoint *out);

/* AF_INET, AF_INET6 or AF_UNSPEC, for an enum addr_family; and back, ADDR_NONE for all others. */
int sockaddr_family(enum addr_family family);
enum addr_family sockaddr_to_family(int af);

/* Copy the bytes of an address; the caller knows the family to be the right one. */
void sockaddr_to_in(const struct addr *a, struct in_addr *out);
void sockaddr_to_in6(const struct addr *a, struct in6_addr *out);
void sockaddr_from_in(const struct in_addr *in, struct addr *out);
void sockaddr_from_in6(const struct in6_addr *in6, struct addr *out);

#endif
