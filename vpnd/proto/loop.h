/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds datagrams of our own among the packets to send: where the way to an endpoint leads into the
 * tunnel, each would be sealed and sent again for ever. Ports and addresses do not prove it, for a
 * host behind us may speak WireGuard to the same endpoint through the tunnel; the random index that
 * names our handshake or session in the message does.
 */
#ifndef VPND_PROTO_LOOP_H
#define VPND_PROTO_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct device;
struct peer;

/*
 * The peer to whom `packet`, which is inner_len (`len`) bytes long, is a datagram of ours; NULL if
 * it is none. Cookie replies and later fragments are not found: they cause one datagram more, which
 * is.
 */
struct peer *loop_find(const struct device *dev, const uint8_t *packet, size_t len);

#endif
