/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single datagrams of a tunnel, and what becomes of them: what the kernel refuses and what comes
 * back as ICMP is noted with the peer that they were for (trouble.h).
 */
#ifndef VPND_ENGINE_WIRE_H
#define VPND_ENGINE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct path;
struct tunnel;

/*
 * Send one datagram, the second one unfragmented, and not on a lane's thread. Return as udp_out_one
 * and whole_send.
 */
int wire_send(struct tunnel *tunnel, const struct path *path, uint8_t class, const void *bytes,
	size_t len);
int wire_send_whole(struct tunnel *tunnel, const struct path *path, uint8_t class,
	const void *bytes, size_t len);

/*
 * Take ICMP errors from a socket of the tunnel's. They wait beside the datagrams, and wake whoever
 * waits for those until they are read.
 */
void wire_read_errors(const struct tunnel *tunnel, enum addr_family family);

#endif
