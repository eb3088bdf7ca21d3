/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP errors about datagrams of ours, as the kernel keeps them at a UDP socket for which
 * IP_RECVERR is on. Anyone who knows the ports can forge them: they explain, and decide nothing.
 */
#ifndef VPND_DATA_ERRQUEUE_H
#define VPND_DATA_ERRQUEUE_H

#include <stdint.h>

#include "base/addr.h"

struct errqueue_icmp {
	struct endpoint to; /* of the datagram that it is about */
	struct addr from;   /* who sent it */
	uint8_t type, code; /* RFC 792 or, if `from` is IPv6, RFC 4443 */
};

/*
 * Take the oldest error from the socket's queue, passing over those that are no ICMP. Returns 1, 0
 * when there is none, or a negative errno.
 */
int errqueue_read(int fd, struct errqueue_icmp *out);

#endif
