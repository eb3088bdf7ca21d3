/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams out: a run of one length that goes the same way leaves as one message (UDP_SEGMENT). */
#ifndef VPND_DATA_UDP_OUT_H
#define VPND_DATA_UDP_OUT_H

#include <stddef.h>

#include "vpnd/data/batch.h"
#include "vpnd/data/udp.h"

/* What went wrong since the start. */
struct udp_errors {
	uint64_t dropped;   /* datagrams: a socket stayed full, or the kernel refused them */
	int newest;         /* errno of the newest refusal; 0: none yet */
	uint64_t fallbacks; /* runs that the kernel refused as such, and got one by one */
	int fallback_error; /* errno of the newest of these; 0: none yet */
};

/*
 * Send all packets with PACKET_FORWARD in their order. One that cannot leave from its local address
 * any more leaves from whichever the kernel chooses, and is `stale` afterwards. A kernel
 * that refuses a run gets the same datagrams one by one, none twice, and the socket makes no runs
 * from then on, unless it is only this path that is too narrow for the datagrams.
 */
void udp_out_batch(struct udp_sockets *sockets, struct batch *batch, struct udp_errors *errors);

/* Send one datagram of a traffic class. 0, or the negative errno with which it was refused. */
int udp_out_one(struct udp_sockets *sockets, const struct path *path, uint8_t class,
	const void *bytes, size_t len, struct udp_errors *errors);

#endif
