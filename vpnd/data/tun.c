/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/tun.h"

#include <errno.h>
#include <sys/uio.h>

#include "vpnd/data/patience.h"

void tun_room_init(struct tun_room *room, uint8_t *frame)
{
	room->frame = frame;
	room->cutting = false;
}

/* --- from the TUN ------------------------------------------------------------------------------
 */

/* Move packets of the frame into the batch until either is at its end. */
static void cut(struct tun_room *room, struct batch *batch, bool follows)
{
	size_t len;

	while ((len = split_peek(&room->split))) {
		uint8_t *out = batch_room(batch, len);

		if (!out)
			return;
		split_next(&room->split, out, len);
		batch_add(batch, len)->follows = follows;
		follows = true;
	}
	room->cutting = false;
}

/* Read a frame and begin to cut it. 0, or -errno. */
static int read_frame(struct tun *tun, struct tun_room *room)
{
	struct virtio_net_hdr hdr;
	struct iovec iov[] = {{&hdr, sizeof(hdr)}, {room->frame, TUN_FRAME}};
	ssize_t n = readv(tun->fd, iov, 2);

	/* A frame that the kernel cannot describe, and has dropped. */
	if (n < 0 && errno == EINVAL) {
		tun->malformed++;
		return -EAGAIN;
	}
	if (n < 0)
		return -errno;
	room->cutting = (size_t)n >= sizeof(hdr) &&
			split_begin(&room->split, &hdr, room->frame, (size_t)n - sizeof(hdr)) == 0;
	tun->malformed += !room->cutting;
	return 0;
}

int tun_read_batch(struct tun *tun, struct tun_room *room, struct batch *batch)
{
	if (room->cutting)
		cut(room, batch, false);
	while (!room->cutting && !batch_is_full(batch)) {
		int r = read_frame(tun, room);

		if (r < 0 && r != -EAGAIN && r != -EINTR && !batch->count)
			return r;
		if (r < 0)
			break;
		if (room->cutting)
			cut(room, batch, false);
	}
	return (int)batch->count;
}

/* --- to the TUN --------------------------------------------------------------------------------
 */

static int write_iov(
	const struct tun *tun, const struct iovec *iov, int count, struct patience *patience)
{
	while (writev(tun->fd, iov, count) < 0)
		if (!patience_wait(patience, tun->fd, errno))
			return -errno;
	return 0;
}

static void write_packet(struct tun *tun, uint8_t *packet, size_t len, struct patience *patience)
{
	struct virtio_net_hdr plain = {0};
	struct iovec iov[] = {{&plain, sizeof(plain)}, {packet, len}};

	tun->refused += write_iov(tun, iov, 2, patience) < 0;
}

void tun_write(struct tun *tun, uint8_t *packet, size_t len)
{
	struct patience patience = PATIENCE_ONE;

	write_packet(tun, packet, len, &patience);
}

/*
 * The kernel does not know such a frame, or not on this device. It gets the packets, which are as
 * they were before the frame was made, and no more frames of that kind: of the others nothing is
 * known, and what a peer sends must not make all traffic slow.
 */
static void fall_back(struct tun *tun, const struct coalesce *c, size_t frame,
	const struct batch *batch, struct patience *patience)
{
	tun->takes &= ~coalesce_kind(c, frame);
	tun->fallbacks++;
	for (size_t i = c->frames[frame].first; i != COALESCE_NONE; i = coalesce_next(c, i))
		write_packet(tun, batch->packets[i].data, batch->packets[i].len, patience);
}

void tun_write_batch(struct tun *tun, struct tun_room *room, const struct batch *batch)
{
	const struct coalesce *c = &room->coalesce;
	struct patience patience = PATIENCE_BATCH;
	struct iovec iov[COALESCE_IOV];

	coalesce_batch(&room->coalesce, batch->packets, batch->count, tun->takes);
	for (size_t i = 0; i < c->count; i++) {
		int r = write_iov(tun, iov, coalesce_iov(&room->coalesce, i, iov), &patience);

		if (r == -EINVAL && c->frames[i].count > 1)
			fall_back(tun, c, i, batch, &patience);
		else if (r < 0)
			tun->refused += c->frames[i].count;
	}
}
