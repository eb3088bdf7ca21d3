/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/lane.h"

#include <unistd.h>

#include "vpnd/data/tun.h"

void lane_init(struct lane *lane, struct device *device, struct batch *batch)
{
	*lane = (struct lane){
		.device = device,
		.batch = batch,
		.tun = -1,
		.udp = {-1, -1},
	};
}

static void replace(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

void lane_done(struct lane *lane)
{
	replace(&lane->tun, -1);
	replace(&lane->udp.v4, -1);
	replace(&lane->udp.v6, -1);
}

void lane_set_tun(struct lane *lane, int fd)
{
	replace(&lane->tun, fd);
}

void lane_set_udp(struct lane *lane, enum addr_family family, int fd)
{
	replace(family == ADDR_V6 ? &lane->udp.v6 : &lane->udp.v4, fd);
}

/* Tell who sent packets that have no way on. */
static void answer(struct lane *lane, mono_t now)
{
	uint8_t error[UNREACHABLE_MAX];

	for (size_t i = 0; i < lane->batch->count; i++) {
		size_t len = device_answer(lane->device, &lane->batch->packets[i], error, now);

		if (len && tun_write(lane->tun, error, len) < 0)
			lane->tun_refused++;
	}
}

int lane_out(struct lane *lane, mono_t now)
{
	struct batch *batch = lane->batch;
	int n;

	batch_reset(batch);
	n = tun_read_batch(lane->tun, batch);
	if (n <= 0)
		return n;
	device_seal_batch(lane->device, batch->packets, batch->count, lane->mtu, now);
	answer(lane, now);
	udp_send_batch(&lane->udp, batch, &lane->udp_errors);
	return n;
}

int lane_in(struct lane *lane, enum addr_family family, mono_t now)
{
	struct batch *batch = lane->batch;
	int n;

	batch_reset(batch);
	n = udp_receive(family == ADDR_V6 ? lane->udp.v6 : lane->udp.v4, batch);
	if (n <= 0)
		return n;
	device_open_batch(lane->device, batch->packets, batch->count, now);
	lane->tun_refused += tun_write_batch(lane->tun, batch);
	return n;
}

void lane_send(
	struct lane *lane, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	udp_send(&lane->udp, path, class, bytes, len, &lane->udp_errors);
}
