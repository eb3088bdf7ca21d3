/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One lane without company, and the room that it works in. A Unix socket stands for its TUN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "vpnd/data/headers.h"
#include "vpnd/data/lane.h"
#include "vpnd/proto/guard.h"

enum {
	MTU = 1420,
	MANY = 3 * PACKET_BATCH / 2, /* more than a batch holds */
	UDP_AT = V4_HEADER,
	PAYLOAD_AT = UDP_AT + UDP_HEADER,
};

static const struct device_upcalls UPCALLS; /* of which none is called without a peer */
static struct lane_room room;
static struct guard *guard;
static struct device *device;
static struct lane lane;
static int tun; /* the far side */
static struct sockaddr_in here = {.sin_family = AF_INET};

static uint64_t counted(enum packet_verdict verdict)
{
	return device_verdict_counts(device)[verdict];
}

/* Many datagrams of one byte, in one frame. */
static void write_frame(void)
{
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.gso_size = 1,
		.csum_start = UDP_AT,
		.csum_offset = UDP_CHECKSUM,
	};
	uint8_t frame[PAYLOAD_AT + MANY] = {
		0x45, [V4_TTL] = 64, [V4_PROTOCOL] = IPPROTO_UDP, [V4_SOURCE] = 10,
		[V4_SOURCE + 4] = 10};
	struct iovec iov[] = {{&hdr, sizeof(hdr)}, {frame, sizeof(frame)}};

	headers_put16(frame + V4_LENGTH, sizeof(frame));
	headers_put16(frame + UDP_AT + UDP_LENGTH, sizeof(frame) - UDP_AT);
	assert_int_equal(writev(tun, iov, 2), sizeof(hdr) + sizeof(frame));
}

/* The room may be another device's next, which must not find anything of this one's in it. */
static void frame_of_more_than_a_batch_is_cut_to_its_end(void **state)
{
	(void)state;
	write_frame();
	assert_int_equal(lane_out(&lane, clock_mono()), MANY);
	assert_false(room.tun.cutting);
	assert_int_equal(counted(PACKET_DOWN) + counted(PACKET_NO_PEER), MANY);
}

static void send_run(int fd, size_t count)
{
	uint8_t bytes[UDP_IN_BUFFER] = {0};

	for (size_t i = 0; i < count; i++)
		bytes[i * DATA_OVERHEAD] = MESSAGE_DATA;
	assert_int_equal(
		sendto(fd, bytes, count * DATA_OVERHEAD, 0, (struct sockaddr *)&here, sizeof(here)),
		count * DATA_OVERHEAD);
}

/* Trains: what one look at the socket finds is more than a batch, and all of it is taken. */
static void all_that_was_received_is_taken(void **state)
{
	enum { RUN = 64 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = DATA_OVERHEAD;

	(void)state;
	assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	for (size_t sent = 0; sent < MANY; sent += RUN)
		send_run(fd, RUN);
	while (lane_in(&lane, ADDR_V4, clock_mono()) > 0)
		;
	assert_int_equal(counted(PACKET_BAD_INDEX), MANY);
	close(fd);
}

static void batch_never_reaches_past_its_arena(void **state)
{
	struct batch *batch = &room.batch;
	const uint8_t *data, *end = batch->arena + BATCH_ARENA;

	(void)state;
	for (size_t len = 1040; len <= 1500; len++) {
		for (batch_reset(batch, MTU); (data = batch_room(batch, len));
			batch_add(batch, len))
			assert_true(data + len + PACKET_TAILROOM <= end);
		assert_true(batch->used <= BATCH_ARENA);
		assert_in_range(batch->count, 100, PACKET_BATCH - 1);
	}
}

/* "dd" is what the kernel calls memory that core dumps leave out. */
static void packets_are_in_no_core_dump(void **state)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	unsigned long begin, end, at = (unsigned long)(uintptr_t)room.memory;
	bool inside = false, left_out = false;

	(void)state;
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			inside = begin <= at && at < end;
		if (inside && !strncmp(line, "VmFlags:", 8))
			left_out = strstr(line, " dd") != NULL;
	}
	fclose(smaps);
	assert_true(left_out);
}

static int open_udp(void)
{
	socklen_t len = sizeof(here);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		getsockname(fd, (struct sockaddr *)&here, &len) < 0 ||
		setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0)
		return -1;
	return fd;
}

static int open_lane(void **state)
{
	const uint8_t seed[16] = {1}, key[KEY_LEN] = {1};
	int pair[2], udp = open_udp();

	(void)state;
	guard = guard_new(seed);
	device = device_new(&UPCALLS, NULL, guard);
	if (udp < 0 || lane_room_init(&room) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	lane_init(&lane, device, &room);
	lane.mtu = MTU;
	lane_set_tun(&lane, pair[0], 0);
	lane_set_udp(&lane, ADDR_V4, udp, true);
	tun = pair[1];
	device_set_private_key(device, key, clock_mono());
	device_set_up(device, true, clock_mono());
	return 0;
}

static int close_lane(void **state)
{
	(void)state;
	lane_done(&lane);
	close(tun);
	device_free(device);
	guard_free(guard);
	lane_room_done(&room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			frame_of_more_than_a_batch_is_cut_to_its_end, open_lane, close_lane),
		cmocka_unit_test_setup_teardown(
			all_that_was_received_is_taken, open_lane, close_lane),
		cmocka_unit_test_setup_teardown(
			batch_never_reaches_past_its_arena, open_lane, close_lane),
		cmocka_unit_test_setup_teardown(packets_are_in_no_core_dump, open_lane, close_lane),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
