/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams in, many per system call, and with UDP_GRO many per buffer. */
#ifndef VPND_DATA_UDP_IN_H
#define VPND_DATA_UDP_IN_H

#include <stddef.h>

#include "vpnd/data/batch.h"
#include "vpnd/data/udp.h"

enum {
	UDP_IN_BUFFERS = 24,
	UDP_IN_BUFFER = 65536, /* bytes: more than any datagram, or train of them, has */
	UDP_IN_BYTES = UDP_IN_BUFFERS * UDP_IN_BUFFER,
};

/* A train: datagrams of one length, the last perhaps shorter, that came the same way. */
struct udp_train {
	uint8_t *bytes;
	size_t len;  /* of all of them */
	size_t size; /* of one */
	struct path path;
	uint8_t class;
};

/* One buffer, described for the kernel. */
struct udp_offer {
	union sockaddr_any name;
	struct udp_control control;
	struct iovec iov;
};

/*
 * What was received and is not yet in a batch; may be shared by sockets served one by one. Stays
 * where it was initialized.
 */
struct udp_in {
	uint8_t *buffers; /* borrowed: UDP_IN_BYTES */
	struct udp_offer offers[UDP_IN_BUFFERS];
	struct mmsghdr hdrs[UDP_IN_BUFFERS];
	struct udp_train trains[UDP_IN_BUFFERS];
	size_t count, next; /* trains; those before `next` are used up */
	size_t ask;         /* buffers to offer next time */
};

/* Datagrams are received into UDP_IN_BYTES at `buffers`. */
void udp_in_init(struct udp_in *in, uint8_t *buffers);

/*
 * Receive what waits at a socket, up to a bound; everything received before must be used up.
 * Truncated datagrams are left out. Returns the number of trains, 0 when nothing waits, or a
 * negative errno.
 */
int udp_in_receive(struct udp_in *in, const struct udp_socket *socket);

/*
 * Fill an empty batch with views of what was received; they hold until the next receive. Returns
 * the number of packets; 0: used up.
 */
size_t udp_in_cut(struct udp_in *in, struct batch *batch);

#endif
