/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP packets from and to a TUN device whose descriptor the monitor opened: non-blocking, with a
 * struct virtio_net_hdr before each frame. One frame read may be many packets (split.h), and many
 * packets may be written as one frame (coalesce.h).
 */
#ifndef VPND_DATA_TUN_H
#define VPND_DATA_TUN_H

#include "vpnd/data/batch.h"
#include "vpnd/data/coalesce.h"
#include "vpnd/data/split.h"

struct tun {
	int fd; /* -1: none */
	unsigned int
		takes; /* what it takes as one frame: COALESCE_*; less of what was refused once */
	uint64_t refused;   /* packets that the kernel did not take, since the start */
	uint64_t malformed; /* frames that it gave and that are none */
	uint64_t fallbacks; /* frames that it refused, and whose packets it was given singly */
};
#define TUN_NONE ((struct tun){.fd = -1})

/* The kernel gives no frame that is larger. */
enum { TUN_FRAME = BATCH_PACKET_MAX };

/* What a frame needs on its way; may be shared by devices that are served one after another. */
struct tun_room {
	uint8_t *frame; /* borrowed: TUN_FRAME bytes, with the frame that was read last */
	struct split split;
	bool cutting; /* `split` has more of that frame to give */
	struct coalesce coalesce;
};

/* Frames are read into TUN_FRAME bytes at `frame`. */
void tun_room_init(struct tun_room *room, uint8_t *frame);

/*
 * Fill an empty batch with packets that wait: what is left of the last frame, then as many frames
 * as there are and fit. Returns their number, 0 when none wait, or a negative errno: -EBADFD when
 * the interface was deleted. As long as room->cutting is true the next call must be for the same
 * device, and needs no new frame.
 */
int tun_read_batch(struct tun *tun, struct tun_room *room, struct batch *batch);

/* Write all packets with PACKET_FORWARD; order within a flow is kept. */
void tun_write_batch(struct tun *tun, struct tun_room *room, const struct batch *batch);

/* Write one packet. */
void tun_write(struct tun *tun, uint8_t *packet, size_t len);

#endif
