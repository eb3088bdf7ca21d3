/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/lane.h"

#include <assert.h>
#include <unistd.h>

#include "vpnd/data/memory.h"

static_assert(BATCH_ARENA + TUN_FRAME + UDP_IN_BYTES <= MEMORY_BYTES, "all packets in one room");

int lane_room_init(struct lane_room *room)
{
	int r = memory_map(&room->memory);

	if (r < 0)
		return r;
	/* The buffers come last: those that are hardly ever used are at the end. */
	batch_init(&room->batch, room->memory);
	tun_room_init(&room->tun, room->memory + BATCH_ARENA);
	udp_in_init(&room->udp, room->memory + MEMORY_BYTES - UDP_IN_BYTES);
	return 0;
}

void lane_room_done(struct lane_room *room)
{
	memory_unmap(&room->memory);
}

void lane_init(struct lane *lane, struct device *device, struct lane_room *room)
{
	*lane = (struct lane){
		.device = device,
		.room = room,
		.tun = TUN_NONE,
		.udp = UDP_SOCKETS_NONE,
		.sink = TUN_NONE,
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
	replace(&lane->tun.fd, -1);
	replace(&lane->udp.v4.fd, -1);
	replace(&lane->udp.v6.fd, -1);
}

void lane_set_tun(struct lane *lane, int fd, unsigned int takes)
{
	replace(&lane->tun.fd, fd);
	lane->tun.takes = takes;
}

static struct udp_socket *socket_of(struct lane *lane, enum addr_family family)
{
	return family == ADDR_V6 ? &lane->udp.v6 : &lane->udp.v4;
}

void lane_set_udp(struct lane *lane, enum addr_family family, int fd, bool segments)
{
	struct udp_socket *socket = socket_of(lane, family);

	replace(&socket->fd, fd);
	socket->segments = segments;
}

static struct tun *sink_of(struct lane *lane)
{
	return lane->sink.fd >= 0 ? &lane->sink : &lane->tun;
}

/* --- company
 * --------------------------------------------------------------------------------------
 */

/* To work on the device, one lane at a time. */
static void enter(const struct lane *lane)
{
	if (lane->company)
		pthread_mutex_lock(lane->company->lock);
}

static void leave(const struct lane *lane)
{
	if (!lane->company)
		return;
	lane->company->worked(lane->company->arg, lane);
	pthread_mutex_unlock(lane->company->lock);
}

static struct turns *turns_of(const struct lane *lane, enum addr_family family)
{
	if (!lane->company)
		return NULL;
	return family == ADDR_V6 ? &lane->company->v6 : &lane->company->v4;
}

/* --- out
 * ------------------------------------------------------------------------------------------
 */

/* Tell who sent packets that have no way on. */
static void answer(struct lane *lane, mono_t now)
{
	const struct batch *batch = &lane->room->batch;
	uint8_t error[UNREACHABLE_MAX];

	for (size_t i = 0; i < batch->count; i++) {
		size_t len;

		if (batch->packets[i].verdict == PACKET_FORWARD)
			continue;
		enter(lane);
		len = device_answer(lane->device, &batch->packets[i], error, now);
		leave(lane);
		if (len)
			tun_write(sink_of(lane), error, len);
	}
}

static int move_out(struct lane *lane, mono_t now)
{
	struct batch *batch = &lane->room->batch;
	int n;

	batch_reset(batch, lane->mtu);
	n = tun_read_batch(&lane->tun, &lane->room->tun, batch);
	if (n <= 0)
		return n;
	enter(lane);
	device_seal_plan(lane->device, batch->packets, batch->count, lane->mtu, now);
	leave(lane);
	device_seal_finish(batch->packets, batch->count, lane->mtu);
	answer(lane, now);
	udp_out_batch(&lane->udp, batch, &lane->udp_errors);
	enter(lane);
	device_release(batch->packets, batch->count);
	leave(lane);
	return n;
}

int lane_out(struct lane *lane, mono_t now)
{
	int n, total = 0;

	if (lane->tun.fd < 0)
		return 0;

	/* A frame that is begun is ended: what holds it is shared. */
	do {
		n = move_out(lane, now);
		total += n;
	} while (n > 0 && lane->room->tun.cutting);
	return n < 0 ? n : total;
}

/* --- in
 * -------------------------------------------------------------------------------------------
 */

/* As udp_in_receive; with a turn if there is something, and others who take theirs. */
static int receive(struct lane *lane, enum addr_family family, uint64_t *turn)
{
	const struct udp_socket *socket = socket_of(lane, family);
	struct turns *turns = turns_of(lane, family);
	int n;

	if (socket->fd < 0)
		return 0;
	if (!turns)
		return udp_in_receive(&lane->room->udp, socket);
	turns_enter(turns);
	n = udp_in_receive(&lane->room->udp, socket);
	if (n > 0)
		*turn = turns_leave(turns);
	else
		turns_leave_without(turns);
	return n;
}

static void move_in(struct lane *lane, struct turns *turns, uint64_t turn, mono_t now)
{
	struct packet *packets = lane->room->batch.packets;
	size_t count = lane->room->batch.count;

	enter(lane);
	device_open_plan(lane->device, packets, count, now);
	leave(lane);
	device_open_finish(packets, count);
	if (turns)
		turns_wait(turns, turn);
	enter(lane);
	device_open_commit(lane->device, packets, count, now);
	if (lane->opened)
		lane->opened(lane->opened_arg, packets, count, now);
	device_release(packets, count);
	leave(lane);
	tun_write_batch(sink_of(lane), &lane->room->tun, &lane->room->batch);
}

int lane_in(struct lane *lane, enum addr_family family, mono_t now)
{
	struct lane_room *room = lane->room;
	struct turns *turns = turns_of(lane, family);
	uint64_t turn = 0;
	int n = receive(lane, family, &turn);

	if (n <= 0)
		return n;
	for (batch_reset(&room->batch, 0); udp_in_cut(&room->udp, &room->batch);
		batch_reset(&room->batch, 0))
		move_in(lane, turns, turn, now);
	if (turns)
		turns_pass(turns, turn);
	return n;
}

int lane_send(
	struct lane *lane, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	return udp_out_one(&lane->udp, path, class, bytes, len, &lane->udp_errors);
}
