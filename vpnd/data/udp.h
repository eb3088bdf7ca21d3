/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams, a batch per system call. The sockets come from the monitor, non-blocking, bound, and
 * with packet info and traffic class switched on, so that replies leave from the address that was
 * spoken to and congestion marks are known.
 */
#ifndef VPND_DATA_UDP_H
#define VPND_DATA_UDP_H

#include "vpnd/data/batch.h"

/* A socket for each family; -1: none. */
struct udp_sockets {
	int v4, v6;
};

/* What could not be sent, since the start. */
struct udp_errors {
	uint64_t dropped; /* datagrams: the socket's buffer was full, or the kernel refused them */
	int newest;       /* errno of the newest refusal; 0: none yet */
};

/*
 * Fill an empty batch with what waits at one socket. Truncated datagrams are left out. Returns the
 * number of packets, 0 when nothing waits, or a negative errno.
 */
int udp_receive(int fd, struct batch *batch);

/*
 * Send all packets with PACKET_FORWARD in their order. One that cannot leave from its local address
 * any more leaves from whichever the kernel chooses, and its peer forgets the old one.
 */
void udp_send_batch(
	const struct udp_sockets *sockets, struct batch *batch, struct udp_errors *errors);

/* Send one datagram of a traffic class. */
void udp_send(const struct udp_sockets *sockets, const struct path *path, uint8_t class,
	const void *bytes, size_t len, struct udp_errors *errors);

#endif
