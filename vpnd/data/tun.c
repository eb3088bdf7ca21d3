/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/tun.h"

#include <errno.h>
#include <unistd.h>

int tun_read_batch(int fd, struct batch *batch)
{
	while (batch->count < PACKET_BATCH) {
		struct packet *packet = &batch->packets[batch->count];
		ssize_t n = read(fd, packet->data, BATCH_SLOT);

		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR || batch->count)
				break;
			return -errno;
		}
		packet->len = (size_t)n;
		batch->count++;
	}
	return (int)batch->count;
}

int tun_write(int fd, const uint8_t *packet, size_t len)
{
	return write(fd, packet, len) < 0 ? -errno : 0;
}

size_t tun_write_batch(int fd, const struct batch *batch)
{
	size_t refused = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct packet *packet = &batch->packets[i];

		if (packet->verdict == PACKET_FORWARD &&
			tun_write(fd, packet->data, packet->len) < 0)
			refused++;
	}
	return refused;
}
