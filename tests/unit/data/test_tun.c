/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of a real TUN device, in a network namespace where it is the only way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vpnd/data/memory.h"
#include "vpnd/data/tun.h"

enum {
	IP_HEADER = 20,
	UDP_AT = IP_HEADER,
	PAYLOAD_AT = UDP_AT + 8,
	PORT = 4000,
	MTU = 1420,
	ALL = COALESCE_TCP4 | COALESCE_TCP6 | COALESCE_UDP4 | COALESCE_UDP6,
};

/* Since Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static uint8_t *memory;
static struct batch batch;
static struct tun_room room;
static struct tun tun;

/* --- a host behind the TUN that sends back what it gets ------------------------------------------
 */

static void set(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

static int open_socket(int segment)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT)}, there = here;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_int_equal(inet_pton(AF_INET, "10.9.0.1", &here.sin_addr), 1);
	assert_int_equal(inet_pton(AF_INET, "10.9.0.2", &there.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof(there)), 0);
	set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
	if (segment)
		set(fd, IPPROTO_UDP, UDP_SEGMENT, segment);
	return fd;
}

/* Send `n` numbered datagrams of `len` bytes in one message, as the application of a TUN may. */
static void send_run(int fd, uint8_t first, size_t n, size_t len)
{
	uint8_t bytes[65536];

	for (size_t i = 0; i < n; i++)
		memset(bytes + i * len, first + (uint8_t)i, len);
	assert_int_equal(send(fd, bytes, n * len, 0), n * len);
}

static size_t read_batch(void)
{
	batch_reset(&batch, MTU);
	assert_true(tun_read_batch(&tun, &room, &batch) >= 0);
	return batch.count;
}

static uint32_t sum(const uint8_t *bytes, size_t len)
{
	uint32_t total = 0;

	for (size_t i = 0; i < len; i++)
		total += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	return total;
}

static uint16_t fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

/* Whether both checksums are right (RFC 791, RFC 768). */
static bool is_whole(const struct packet *packet)
{
	size_t udp_len = packet->len - UDP_AT;
	uint32_t pseudo = sum(packet->data + 12, 8) + IPPROTO_UDP + (uint32_t)udp_len;

	return fold(sum(packet->data, IP_HEADER)) == 0xffff &&
	       fold(pseudo + sum(packet->data + UDP_AT, udp_len)) == 0xffff;
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	uint8_t kept[4];

	memcpy(kept, a, len);
	memcpy(a, b, len);
	memcpy(b, kept, len);
}

/* Each packet goes back to who sent it; addresses and ports change places, sums stay. */
static void turn_round(void)
{
	for (size_t i = 0; i < batch.count; i++) {
		uint8_t *data = batch.packets[i].data;

		swap(data + 12, data + 16, 4);
		swap(data + UDP_AT, data + UDP_AT + 2, 2);
		batch.packets[i].verdict = PACKET_FORWARD;
	}
}

/* All that waits is numbered from `first` on. Returns how many datagrams there were. */
static size_t receive_all(int fd, uint8_t first)
{
	uint8_t bytes[2000];
	size_t n = 0;
	ssize_t len;

	for (; (len = recv(fd, bytes, sizeof(bytes), 0)) >= 0; n++) {
		assert_int_equal(bytes[0], (uint8_t)(first + n));
		assert_int_equal(bytes[len - 1], (uint8_t)(first + n));
	}
	return n;
}

/* --- tests ---------------------------------------------------------------------------------------
 */

static void one_frame_becomes_packets_with_whole_checksums(void **state)
{
	int fd = open_socket(1000);

	(void)state;
	send_run(fd, 0, 40, 1000);
	assert_int_equal(read_batch(), 40);
	for (size_t i = 0; i < batch.count; i++) {
		const struct packet *packet = &batch.packets[i];

		assert_int_equal(packet->len, PAYLOAD_AT + 1000);
		assert_int_equal(packet->data[PAYLOAD_AT], i);
		assert_true(is_whole(packet));
		assert_int_equal(packet->follows, i > 0);
	}
	assert_int_equal(read_batch(), 0);
	close(fd);
}

static void frame_that_does_not_fit_goes_on_in_the_next_batch(void **state)
{
	int fd = open_socket(100);
	uint8_t next = 0;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 6; i++)
		send_run(fd, (uint8_t)(50 * i), 50, 100);
	do {
		assert_true(read_batch() > 0);
		for (size_t i = 0; i < batch.count; i++, n++) {
			assert_int_equal(batch.packets[i].data[PAYLOAD_AT], next++);
			assert_true(is_whole(&batch.packets[i]));
		}
		assert_false(batch.packets[0].follows);
	} while (room.cutting);
	assert_true(n > PACKET_BATCH);
	while (read_batch() > 0)
		n += batch.count;
	assert_int_equal(n, 300);
	close(fd);
}

static void packets_go_back_in_one_frame(void **state)
{
	int fd = open_socket(1000), train;
	uint8_t bytes[65536];

	(void)state;
	send_run(fd, 0, 30, 1000);
	assert_int_equal(read_batch(), 30);
	turn_round();
	set(fd, IPPROTO_UDP, UDP_GRO, 1);
	tun_write_batch(&tun, &room, &batch);
	train = (int)recv(fd, bytes, sizeof(bytes), 0);
	assert_int_equal(train, 30 * 1000);
	assert_int_equal(tun.refused + tun.fallbacks, 0);
	close(fd);
}

static void what_is_not_forwarded_is_not_written(void **state)
{
	int fd = open_socket(1000);

	(void)state;
	send_run(fd, 0, 3, 1000);
	assert_int_equal(read_batch(), 3);
	turn_round();
	batch.packets[2].verdict = PACKET_FORGED;
	tun_write_batch(&tun, &room, &batch);
	assert_int_equal(receive_all(fd, 0), 2);
	close(fd);
}

/* A kernel that refuses every writev of more than a header and one packet. */
static void refuse_frames(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter ||
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(writev), 1,
			SCMP_A2(SCMP_CMP_GT, 2, 0)) < 0 ||
		seccomp_load(filter) < 0)
		_exit(1);
	seccomp_release(filter);
}

static int write_to_a_kernel_that_refuses(int fd)
{
	refuse_frames();
	tun_write_batch(&tun, &room, &batch);
	if (tun.fallbacks != 1 || tun.takes != (ALL & ~COALESCE_UDP4) || tun.refused != 0)
		return 2;
	if (receive_all(fd, 0) != 30)
		return 3;
	tun_write_batch(&tun, &room, &batch); /* and no more frames of that kind from now on */
	return tun.fallbacks == 1 && receive_all(fd, 0) == 30 ? 0 : 4;
}

static void refused_frame_goes_packet_by_packet_and_none_twice(void **state)
{
	int status, fd = open_socket(1000);
	pid_t child;

	(void)state;
	send_run(fd, 0, 30, 1000);
	assert_int_equal(read_batch(), 30);
	turn_round();
	child = fork();
	if (child == 0)
		_exit(write_to_a_kernel_that_refuses(fd));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(fd);
}

static void offer_offloads(void)
{
	assert_int_equal(ioctl(tun.fd, TUNSETOFFLOAD,
				 TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 |
					 TUN_F_USO6),
		0);
	tun.takes = ALL;
}

static void device_without_offloads_gives_single_packets(void **state)
{
	int fd = open_socket(1000);

	(void)state;
	assert_int_equal(ioctl(tun.fd, TUNSETOFFLOAD, 0), 0);
	tun.takes = 0;
	send_run(fd, 0, 30, 1000);
	assert_int_equal(read_batch(), 30);
	for (size_t i = 0; i < batch.count; i++) {
		assert_true(is_whole(&batch.packets[i]));
		assert_false(batch.packets[i].follows);
	}
	turn_round();
	tun_write_batch(&tun, &room, &batch);
	assert_int_equal(receive_all(fd, 0), 30);
	offer_offloads();
	close(fd);
}

/* Reading a process is what it cannot do either, and says so in the same way. */
static void frame_that_cannot_be_described_is_no_lost_device(void **state)
{
	struct tun broken = {.fd = pidfd_open(getpid(), 0)};

	(void)state;
	assert_true(broken.fd >= 0);
	batch_reset(&batch, MTU);
	assert_int_equal(tun_read_batch(&broken, &room, &batch), 0);
	assert_int_equal(broken.malformed, 1);
	close(broken.fd);
}

static void deleted_device_is_told_apart_from_an_empty_one(void **state)
{
	int fd = open_socket(0);

	(void)state;
	assert_int_equal(read_batch(), 0);
	assert_int_equal(system("ip link del t0"), 0);
	batch_reset(&batch, MTU);
	assert_int_equal(tun_read_batch(&tun, &room, &batch), -EBADFD);
	close(fd);
}

static int open_device(void)
{
	struct ifreq ifr = {
		.ifr_name = "t0", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL};
	const int header = sizeof(struct virtio_net_hdr);

	tun = TUN_NONE;
	tun.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (tun.fd < 0 || ioctl(tun.fd, TUNSETIFF, &ifr) < 0 ||
		ioctl(tun.fd, TUNSETVNETHDRSZ, &header) < 0)
		return -1;
	/* Its own multicast would be in the way. */
	return system("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 && ip link set t0 mtu 1420 &&"
		      "ip addr add 10.9.0.1/24 dev t0 && ip link set t0 up");
}

static int make_device(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0 || open_device() || memory_map(&memory) < 0)
		return -1;
	batch_init(&batch, memory);
	tun_room_init(&room, memory + BATCH_ARENA);
	offer_offloads();
	return 0;
}

static int leave(void **state)
{
	(void)state;
	close(tun.fd);
	memory_unmap(&memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_frame_becomes_packets_with_whole_checksums),
		cmocka_unit_test(frame_that_does_not_fit_goes_on_in_the_next_batch),
		cmocka_unit_test(packets_go_back_in_one_frame),
		cmocka_unit_test(what_is_not_forwarded_is_not_written),
		cmocka_unit_test(refused_frame_goes_packet_by_packet_and_none_twice),
		cmocka_unit_test(device_without_offloads_gives_single_packets),
		cmocka_unit_test(frame_that_cannot_be_described_is_no_lost_device),
		cmocka_unit_test(deleted_device_is_told_apart_from_an_empty_one),
	};

	return cmocka_run_group_tests(tests, make_device, leave);
}
