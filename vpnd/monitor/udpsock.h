/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The UDP sockets of a tunnel: one for IPv4, one for IPv6, on the same port. */
#ifndef VPND_MONITOR_UDPSOCK_H
#define VPND_MONITOR_UDPSOCK_H

#include <stdbool.h>
#include <stdint.h>

struct udpsock {
	int v4, v6; /* O_CLOEXEC, non-blocking; -1: the kernel lacks that family */
	uint16_t port;
	bool segments;  /* all of them can send with UDP_SEGMENT */
	bool coalesces; /* all of them receive with UDP_GRO */
};
#define UDPSOCK_NONE ((struct udpsock){.v4 = -1, .v6 = -1})

/*
 * Bind both to `port` on all addresses, or with 0 to one that is free in both. The sockets tell
 * where a datagram was sent to (PKTINFO) and in which traffic class, and which ICMP errors came
 * back (RECVERR); they may fragment, as WireGuard does, and carry `fwmark` unless it is 0. Returns
 * 0, or a negative errno (-EADDRINUSE).
 */
int udpsock_open(uint16_t port, uint32_t fwmark, struct udpsock *out);

/*
 * Take over sockets that another program opened as udpsock_open does (-1: none of that family);
 * their mark stays. Returns 0, and they are owned by *out; or a negative errno.
 */
int udpsock_adopt(int v4, int v6, struct udpsock *out);

/* Set the mark; 0 takes it away. Returns 0 or a negative errno. */
int udpsock_mark(const struct udpsock *s, uint32_t fwmark);

/* Switch UDP_GRO on or off, if the kernel has it; `coalesces` says what came of it. */
void udpsock_coalesce(struct udpsock *s, bool on);

/* Other descriptors of the same sockets. Returns 0 or a negative errno. */
int udpsock_dup(const struct udpsock *s, struct udpsock *out);

/* Close what is open; leaves UDPSOCK_NONE. */
void udpsock_close(struct udpsock *s);

#endif
