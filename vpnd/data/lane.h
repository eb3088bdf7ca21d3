/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lane carries the packets of one device between its TUN and its UDP sockets, a batch at a time
 * and run to completion. It waits for nothing: its owner calls when a descriptor is readable.
 */
#ifndef VPND_DATA_LANE_H
#define VPND_DATA_LANE_H

#include "base/mono.h"
#include "vpnd/data/batch.h"
#include "vpnd/data/udp.h"
#include "vpnd/proto/device.h"

struct lane {
	struct device *device; /* borrowed */
	struct batch *batch;   /* borrowed; shared by lanes that run one after another */
	int tun;               /* owned from here on; -1: none */
	struct udp_sockets udp;
	size_t mtu; /* bytes */
	struct udp_errors udp_errors;
	uint64_t tun_refused; /* packets that the TUN did not take */
};

void lane_init(struct lane *lane, struct device *device, struct batch *batch);
/* Close what it owns. */
void lane_done(struct lane *lane);

/* Take a descriptor over, closing the one before. */
void lane_set_tun(struct lane *lane, int fd);
void lane_set_udp(struct lane *lane, enum addr_family family, int fd);

/*
 * Move one batch: TUN -> core -> UDP, or UDP -> core -> TUN. Returns the number of packets read, 0
 * if there was nothing, or the negative errno of the read.
 */
int lane_out(struct lane *lane, mono_t now);
int lane_in(struct lane *lane, enum addr_family family, mono_t now);

/* Send one datagram that the core made. */
void lane_send(
	struct lane *lane, const struct path *path, uint8_t class, const void *bytes, size_t len);

#endif
