/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the kernel by which interface a datagram would leave, without sending one. */
#ifndef NETLINK_WAY_H
#define NETLINK_WAY_H

#include "base/addr.h"

struct way;

/* A UDP datagram, as far as routes and rules look at it; both addresses of one family. */
struct way_query {
	struct addr local, remote;
	uint16_t local_port, remote_port;
	uint32_t fwmark; /* 0: none */
};

/* Open a socket in the current network namespace. `*out` is the caller's to free. 0 or -errno. */
int way_new(struct way **out);
void way_free(struct way *w);

/*
 * Find the interface. Returns 0 with *ifindex, or the kernel's negative errno: -ENETUNREACH when
 * there is no route, that or -EINVAL when `local` is no address of this host (IPv4 alone).
 */
int way_find(struct way *w, const struct way_query *query, uint32_t *ifindex);

#endif
