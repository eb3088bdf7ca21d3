/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TUN devices, in a network namespace of their own. */
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
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vpnd/monitor/tundev.h"
#include "vpnd/privsep.h"

static char err[200];
static uint32_t ifindex;

static int open_device(const char *name)
{
	int fd;

	assert_int_equal(tundev_open(name, 1420, false, &fd, &ifindex, err, sizeof(err)), 0);
	return fd;
}

static void every_frame_has_a_header_of_known_length(void **state)
{
	int size = 0, fd = open_device("t0");
	struct ifreq ifr = {0};

	(void)state;
	assert_int_equal(ioctl(fd, TUNGETIFF, &ifr), 0);
	assert_true(ifr.ifr_flags & IFF_VNET_HDR);
	assert_int_equal(ioctl(fd, TUNGETVNETHDRSZ, &size), 0);
	assert_int_equal(size, sizeof(struct virtio_net_hdr));
	close(fd);
}

static void offloads_are_those_of_the_kernel_and_can_be_switched(void **state)
{
	int fd = open_device("t0");

	(void)state;
	/* TCP in both families has been there since before any kernel we run on. */
	assert_int_equal(tundev_offload(fd, true) & (PRIVSEP_TAKES_TCP4 | PRIVSEP_TAKES_TCP6),
		PRIVSEP_TAKES_TCP4 | PRIVSEP_TAKES_TCP6);
	assert_int_equal(tundev_offload(fd, false), 0);
	assert_int_not_equal(tundev_offload(fd, true), 0);
	close(fd);
	assert_int_equal(tundev_offload(-1, true), 0);
}

/* A device of several queues lets anybody join who asks for a queue. */
static void device_of_another_program_is_never_joined(void **state)
{
	struct ifreq theirs = {
		.ifr_name = "t0", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE};
	int their_fd = open("/dev/net/tun", O_RDWR), fd;

	(void)state;
	assert_int_equal(ioctl(their_fd, TUNSETIFF, &theirs), 0);
	assert_int_equal(tundev_open("t0", 1420, false, &fd, &ifindex, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "not ours"));
	close(their_fd);
}

/* --- more queues ---------------------------------------------------------------------------------
 */

enum { QUEUES = 3, IP_AT = sizeof(struct virtio_net_hdr), PORT = 4000 };

static void set_address(const char *name)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	inet_pton(AF_INET, "10.9.0.1", &address.sin_addr);
	memcpy(&ifr.ifr_addr, &address, sizeof(address));
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &ifr), 0);
	inet_pton(AF_INET, "255.255.255.0", &address.sin_addr);
	memcpy(&ifr.ifr_addr, &address, sizeof(address));
	assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &ifr), 0);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

/* A socket of a flow of its own to a host behind the device. */
static int open_flow(uint16_t number)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT + number)};
	struct sockaddr_in there = here;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, "10.9.0.1", &here.sin_addr);
	inet_pton(AF_INET, "10.9.0.2", &there.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof(there)), 0);
	return fd;
}

/* The next packet of IPv4: the kernel has words of IPv6 to say on its own. */
static ssize_t read_frame(int fd, uint8_t *frame)
{
	ssize_t len;

	do {
		len = read(fd, frame, 2048);
	} while (len > IP_AT && frame[IP_AT] >> 4 != 4);
	return len;
}

/* Send one packet of the flow; returns the queue that gave it, and the frame. */
static size_t queue_of(int flow, const int *fds, uint8_t *frame, ssize_t *len)
{
	assert_int_equal(send(flow, "x", 1, 0), 1);
	for (size_t i = 0; i < QUEUES; i++) {
		*len = read_frame(fds[i], frame);
		if (*len > 0)
			return i;
	}
	fail_msg("no queue gave the packet");
	return QUEUES;
}

/* An answer: addresses and ports change places, and sums stay. */
static void turn_round(uint8_t *frame)
{
	uint8_t swapped[12];

	memset(frame, 0, IP_AT);
	memcpy(swapped, frame + IP_AT + 16, 4);
	memcpy(swapped + 4, frame + IP_AT + 12, 4);
	memcpy(swapped + 8, frame + IP_AT + 22, 2);
	memcpy(swapped + 10, frame + IP_AT + 20, 2);
	memcpy(frame + IP_AT + 12, swapped, sizeof(swapped));
}

/* How many of some flows are moved by an answer that is written to that descriptor. */
static size_t moved_by_answers(const int *fds, int by)
{
	uint8_t frame[2048], ignored[2048];
	size_t moved = 0;
	ssize_t len, other;

	for (uint16_t i = 0; i < 16; i++) {
		int flow = open_flow(i);
		size_t queue = queue_of(flow, fds, frame, &len);

		turn_round(frame);
		assert_int_equal(write(by, frame, (size_t)len), len);
		assert_int_equal(recv(flow, ignored, sizeof(ignored), 0), 1);
		moved += queue_of(flow, fds, ignored, &other) != queue;
		close(flow);
	}
	return moved;
}

static void answers_move_no_flow_to_another_queue(void **state)
{
	int fds[QUEUES + 1];

	(void)state;
	assert_int_equal(tundev_open("t0", 1420, true, &fds[0], &ifindex, err, sizeof(err)), 0);
	assert_int_equal(tundev_widen(fds[0], "t0", QUEUES, fds + 1, err, sizeof(err)), 0);
	/* Sums of local packets are complete then. */
	assert_int_equal(tundev_offload(fds[0], false), 0);
	set_address("t0");
	assert_int_equal(moved_by_answers(fds, fds[QUEUES]), 0);
	/* Any other queue would have. */
	assert_true(moved_by_answers(fds, fds[0]) > 0);
	for (size_t i = 0; i <= QUEUES; i++)
		close(fds[i]);
}

static void device_that_is_not_ours_any_more_is_not_widened(void **state)
{
	struct ifreq theirs = {.ifr_name = "t1",
		.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE};
	int their_fd = open("/dev/net/tun", O_RDWR), fd, more;

	(void)state;
	assert_int_equal(ioctl(their_fd, TUNSETIFF, &theirs), 0);
	assert_int_equal(tundev_open("t0", 1420, true, &fd, &ifindex, err, sizeof(err)), 0);
	assert_int_equal(tundev_widen(fd, "t1", 1, &more, err, sizeof(err)), -ENODEV);
	assert_non_null(strstr(err, "t1"));
	close(fd);
	close(their_fd);
	/* One that was made for a single queue takes no more. */
	fd = open_device("t0");
	assert_int_equal(tundev_widen(fd, "t0", 1, &more, err, sizeof(err)), -EINVAL);
	close(fd);
}

static int enter_namespace(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_has_a_header_of_known_length),
		cmocka_unit_test(offloads_are_those_of_the_kernel_and_can_be_switched),
		cmocka_unit_test(device_of_another_program_is_never_joined),
		cmocka_unit_test(answers_move_no_flow_to_another_queue),
		cmocka_unit_test(device_that_is_not_ours_any_more_is_not_widened),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
