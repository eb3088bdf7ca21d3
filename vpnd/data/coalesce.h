/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of a batch that follow each other in a TCP or UDP flow become one frame, which a TUN with
 * IFF_VNET_HDR takes in one write; whatever the kernel cuts it into again is byte for byte what
 *came in. Interleaved flows still merge; the order within a flow never changes. Pure: no system
 *call, no allocation. Packets stay untouched and are only pointed to, so one by one they can be
 *written after all when the kernel refuses a frame.
 *
 *	coalesce_batch(c, packets, count, takes);
 *	for (size_t i = 0; i < c->count; i++)
 *		writev(tun, iov, coalesce_iov(c, i, iov));
 */
#ifndef VPND_DATA_COALESCE_H
#define VPND_DATA_COALESCE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vpnd/proto/packet.h"

/* What the TUN takes as one frame. */
enum {
	COALESCE_TCP4 = 1,
	COALESCE_TCP6 = 2,
	COALESCE_UDP4 = 4,
	COALESCE_UDP6 = 8,
};

enum {
	COALESCE_PACKETS = PACKET_BATCH,      /* that one batch may hold at most */
	COALESCE_SEGMENTS = 128,              /* packets of one frame */
	COALESCE_IOV = 2 + COALESCE_SEGMENTS, /* virtio header, headers, payloads */
	COALESCE_HEADER_MAX = 40 + 60,        /* bytes: IPv6 and TCP with all options */
	COALESCE_FLOWS = 64,                  /* open at a time */
	COALESCE_NONE = UINT16_MAX,           /* no packet, no frame */
};

/* One write to the TUN. */
struct coalesce_frame {
	struct virtio_net_hdr hdr; /* all zero for a packet that goes alone */
	uint16_t first;            /* index of its first packet; see coalesce_next */
	uint16_t count;            /* packets in it */
	uint16_t header_len;       /* bytes of `header`, and of the headers of each packet in it */
	uint8_t header[COALESCE_HEADER_MAX]; /* in place of theirs; only if count > 1 */

	/* Coalesce.c's own, while packets are added. */
	uint16_t last;  /* index of its last packet */
	uint16_t slot;  /* of `open` that may hold it */
	uint16_t upper; /* where the TCP or UDP header is, bytes */
	uint16_t size;  /* bytes of payload in every packet but the last */
	uint32_t len;   /* bytes, headers counted once */
	uint32_t next;  /* TCP: sequence number that follows */
	bool verified;  /* the first packet's checksums are right */
};

/* About 40 KiB, touched only as far as there are frames. */
struct coalesce {
	size_t count; /* frames */
	struct coalesce_frame frames[COALESCE_PACKETS];

	/* Coalesce.c's own. */
	const struct packet *packets; /* borrowed */
	unsigned int takes;
	uint16_t next[COALESCE_PACKETS]; /* by packet: the one after it in its frame */
	uint16_t open[COALESCE_FLOWS]; /* near the hash of a flow: its frame that may still grow */
	uint16_t newest;               /* of these, the one that grew last */
};

/*
 * Sort the packets with PACKET_FORWARD into frames, `count` of them (at most COALESCE_PACKETS) in
 * the order in which they came. `takes` is a sum of COALESCE_* above; what it lacks goes alone.
 * What is no TCP or UDP, or in any way unusual, goes alone and unchanged. Packets must live and
 * stay as they are as long as the frames are used. `c` needs no preparation.
 */
void coalesce_batch(
	struct coalesce *c, const struct packet *packets, size_t count, unsigned int takes);

/*
 * Lay frame `i` out for writev, virtio header first. Returns the number of elements. They point
 * into `c` and the packets.
 */
int coalesce_iov(struct coalesce *c, size_t i, struct iovec iov[static COALESCE_IOV]);

/* Which of COALESCE_* frame `i` is, as far as the TUN is concerned; 0 for a packet that is alone.
 */
unsigned int coalesce_kind(const struct coalesce *c, size_t i);

/* The index of the packet after `packet` in its frame; COALESCE_NONE after the last. */
size_t coalesce_next(const struct coalesce *c, size_t packet);

#endif
