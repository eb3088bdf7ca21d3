/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lane carries the packets of one device between its TUN and its UDP sockets, a batch at a time
 * and run to completion. It waits for nothing: its owner calls when a descriptor is readable.
 *
 * A device may have several lanes, each with a thread (road.h). They share its sockets; each has a
 * queue of the TUN to read, where the kernel keeps a flow in one and the same, and all write to one
 * more. Whoever works on the device holds the lock, which is never held while packets are sealed,
 * opened, copied, sent or written. What comes in is received and opened by several lanes at a time,
 * and handed on in the order of its arrival.
 */
#ifndef VPND_DATA_LANE_H
#define VPND_DATA_LANE_H

#include "base/mono.h"
#include "vpnd/data/batch.h"
#include "vpnd/data/tun.h"
#include "vpnd/data/turns.h"
#include "vpnd/data/udp.h"
#include "vpnd/data/udp_in.h"
#include "vpnd/data/udp_out.h"
#include "vpnd/proto/device.h"

/* Where packets are while they move; shared by lanes that run one after another. */
struct lane_room {
	uint8_t *memory; /* owned */
	struct batch batch;
	struct tun_room tun;
	struct udp_in udp;
};

/* 0 or a negative errno. A room stays where it was initialized. */
int lane_room_init(struct lane_room *room);
void lane_room_done(struct lane_room *room);

struct lane;

/* What the lanes of one device share. */
struct lane_company {
	pthread_mutex_t *lock;
	struct turns v4, v6;                                /* at the sockets */
	void (*worked)(void *arg, const struct lane *lane); /* on the device; holds the lock */
	void *arg;
};

struct lane {
	struct device *device;  /* borrowed */
	struct lane_room *room; /* borrowed */
	struct tun tun;         /* its descriptor is owned from here on, as those of the sockets */
	struct udp_sockets udp;
	size_t mtu; /* bytes */
	/* Told of what was opened, before it is written to the TUN; may set verdicts. NULL: nobody.
	 */
	void (*opened)(void *arg, struct packet *packets, size_t count, mono_t now);
	void *opened_arg;
	struct udp_errors udp_errors;
	struct lane_company *company; /* borrowed; NULL: it has none, and no lock */
	struct tun sink;              /* borrowed: where it writes instead of `tun` */
};

void lane_init(struct lane *lane, struct device *device, struct lane_room *room);
/* Close what it owns. */
void lane_done(struct lane *lane);

/* Take a descriptor over, closing the one before. `takes` is of COALESCE_*. */
void lane_set_tun(struct lane *lane, int fd, unsigned int takes);
void lane_set_udp(struct lane *lane, enum addr_family family, int fd, bool segments);

/*
 * Move what one look finds: TUN -> core -> UDP, or UDP -> core -> TUN. Returns the number of
 * packets or buffers read, 0 if there was nothing, or the negative errno of the read.
 */
int lane_out(struct lane *lane, mono_t now);
int lane_in(struct lane *lane, enum addr_family family, mono_t now);

/* Send one datagram that the core made. Returns as udp_out_one. */
int lane_send(
	struct lane *lane, const struct path *path, uint8_t class, const void *bytes, size_t len);

#endif
