/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TUN devices, in a network namespace of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vpnd/monitor/tundev.h"
#include "vpnd/privsep.h"

static char err[200];
static uint32_t ifindex;

static int open_device(const char *name)
{
	int fd;

	assert_int_equal(tundev_open(name, 1420, &fd, &ifindex, err, sizeof(err)), 0);
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
	assert_int_equal(tundev_open("t0", 1420, &fd, &ifindex, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "not ours"));
	close(their_fd);
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
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
