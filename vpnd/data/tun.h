/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP packets from and to a TUN device whose descriptor the monitor opened, non-blocking. */
#ifndef VPND_DATA_TUN_H
#define VPND_DATA_TUN_H

#include "vpnd/data/batch.h"

/*
 * Fill an empty batch with packets that wait. Returns their number, 0 when none wait, or a negative
 * errno: -EBADFD when the interface was deleted.
 */
int tun_read_batch(int fd, struct batch *batch);

/* Write all packets with PACKET_FORWARD in their order. Returns how many the kernel refused. */
size_t tun_write_batch(int fd, const struct batch *batch);

/* Write one packet. 0 or a negative errno. */
int tun_write(int fd, const uint8_t *packet, size_t len);

#endif
