/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams that must arrive whole or not at all. Those of WireGuard may be fragmented on the way,
 * and the sockets are set so; what measures a path must not be. The kernel has that as an option of
 * the socket, not of a datagram, so it is switched on around each one.
 */
#ifndef VPND_DATA_WHOLE_H
#define VPND_DATA_WHOLE_H

#include <stddef.h>
#include <stdint.h>

#include "vpnd/data/udp_out.h"

/*
 * Send one datagram with don't-fragment set, whatever size the kernel believes in for that way.
 * Returns as udp_out_one; -EMSGSIZE when it is larger than the MTU of the interface that it leaves
 * by.
 */
int whole_send(struct udp_sockets *sockets, const struct path *path, uint8_t class,
	const void *bytes, size_t len, struct udp_errors *errors);

#endif
