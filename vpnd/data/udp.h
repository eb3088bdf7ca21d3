/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The UDP sockets of a lane. They come from the monitor: non-blocking, bound, with packet info and
 * traffic class switched on, so that replies leave from the address that was spoken to and
 * congestion marks are known. What goes out is in udp_out.h, what comes in in udp_in.h.
 */
#ifndef VPND_DATA_UDP_H
#define VPND_DATA_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/sockaddr.h"

struct udp_socket {
	int fd;        /* -1: none */
	bool segments; /* send with UDP_SEGMENT; no more once the kernel refused */
};

/* A socket for each family. */
struct udp_sockets {
	struct udp_socket v4, v6;
};
#define UDP_SOCKETS_NONE ((struct udp_sockets){{.fd = -1}, {.fd = -1}})

/* Ancillary data with room for either family's packet info, class and segment size, and more. */
struct udp_control {
	_Alignas(struct cmsghdr) uint8_t
		bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)) + 64];
};

#endif
