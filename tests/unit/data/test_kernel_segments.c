/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's word on split and coalesce, in a network namespace that routes between two TUNs:
 *
 *	coalesce -> "in", takes frames -> forwarded -> "out"
 *
 * "out" without offloads: the kernel cuts our frames up, and what it makes of them are the packets
 * that we merged. "out" with offloads: the kernel hands the frame through, as it does with
 *forwarded traffic, and split makes the packets of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/oracle/flows.h"
#include "tests/oracle/segments.h"
#include "vpnd/data/split.h"

/* Newer than the headers of Debian 12. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum { ALL = COALESCE_TCP4 | COALESCE_TCP6 | COALESCE_UDP4 | COALESCE_UDP6 };
enum { OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6 };
enum { WAIT_MS = 5000 };

struct tuns {
	int in, out;
};

static int open_tun(const char *name, int offloads)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	assert_true(fd >= 0);
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, offloads), 0);
	return fd;
}

static void command(const char *text)
{
	if (system(text) != 0)
		fail_msg("%s", text);
}

static struct tuns open_tuns(int offloads)
{
	struct tuns tuns;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	tuns.in = open_tun("in", OFFLOADS);
	tuns.out = open_tun("out", offloads);
	command("sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 "
		"net.ipv6.conf.default.router_solicitations=0 "
		"net.ipv6.conf.default.addr_gen_mode=1 "
		"net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
		"net.ipv4.conf.all.rp_filter=0");
	command("ip link set in up && ip link set out up && ip route add 10.1.0.0/16 dev in && "
		"ip route add 10.2.0.0/16 dev out && ip -6 route add fd00::1/128 dev in && "
		"ip -6 route add fd00::2/128 dev out");
	return tuns;
}

static void close_tuns(const struct tuns *tuns)
{
	close(tuns->in);
	close(tuns->out);
}

static void write_all(int tun, struct coalesce *c)
{
	struct iovec iov[COALESCE_IOV];

	for (size_t i = 0; i < c->count; i++) {
		int n = coalesce_iov(c, i, iov);
		size_t len = 0;

		for (int k = 0; k < n; k++)
			len += iov[k].iov_len;
		assert_int_equal(writev(tun, iov, n), len);
	}
}

/* The next frame that is not the kernel's own. */
static size_t read_frame(int tun, struct virtio_net_hdr *hdr, uint8_t *frame)
{
	struct iovec iov[] = {{hdr, sizeof(*hdr)}, {frame, SPLIT_FRAME_MAX}};
	struct pollfd readable = {.fd = tun, .events = POLLIN};

	while (poll(&readable, 1, WAIT_MS) == 1) {
		ssize_t len = readv(tun, iov, 2);

		assert_true(len > (ssize_t)sizeof(*hdr));
		if (frame[0] >> 4 == 4 || frame[8] == 0xfd)
			return (size_t)len - sizeof(*hdr);
	}
	fail_msg("no frame came through");
	return 0;
}

/* What a router changes: the hops that are left. */
static void route(struct packet *packet)
{
	if (packet->data[0] >> 4 == 4) {
		packet->data[8]--;
		segments_finish_ip(packet->data);
	} else {
		packet->data[7]--;
	}
}

/* Read what comes out, cut it, and compare; returns the number of frames. */
static size_t expect(int tun, const struct packet *packets, size_t count)
{
	static uint8_t frame[SPLIT_FRAME_MAX], out[FLOWS_PACKET_MAX];
	struct virtio_net_hdr hdr;
	size_t frames = 0, i = 0;
	struct split split;
	ssize_t len;

	while (i < count) {
		size_t size = read_frame(tun, &hdr, frame);

		frames++;
		assert_int_equal(split_begin(&split, &hdr, frame, size), 0);
		while ((len = split_next(&split, out, sizeof(out))) > 0) {
			assert_true(i < count);
			assert_int_equal(len, packets[i].len);
			assert_memory_equal(out, packets[i].data, packets[i].len);
			i++;
		}
		assert_int_equal(len, 0);
	}
	return frames;
}

/* Packets of one flow: full ones, a short one that is pushed, and some more. */
static void make(struct flows *flows, uint8_t flow)
{
	uint8_t script[2 * 50 + 1] = {flow, FLOWS_RESIZE};
	size_t at = 2;

	for (; at < 2 * 40; at += 2)
		script[at] = flow;
	memcpy(script + at,
		(uint8_t[]){flow + FLOWS * FLOWS_PUSHED, FLOWS_DEVIATE + FLOWS_SHORT, 0}, 3);
	for (at += 3; at < sizeof(script); at += 2)
		script[at] = flow;
	flows_make(flows, script, sizeof(script));
	assert_int_equal(flows->count, 50);
}

static void pass_through(int offloads, bool whole)
{
	static struct coalesce coalesce;
	static struct flows flows;
	struct tuns tuns = open_tuns(offloads);

	for (uint8_t flow = 0; flow < FLOWS; flow++) {
		size_t frames;

		make(&flows, flow);
		coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
		assert_int_equal(coalesce.count, 2);
		write_all(tuns.in, &coalesce);
		for (size_t i = 0; i < flows.count; i++)
			route(&flows.packets[i]);
		frames = expect(tuns.out, flows.packets, flows.count);
		assert_int_equal(frames, whole ? 2 : 50);
	}
	close_tuns(&tuns);
}

/* As many in one frame as there may be, of one byte each. */
static void frame_of_the_smallest_packets_is_cut_into_them(void **state)
{
	static struct coalesce coalesce;
	static struct flows flows;
	struct tuns tuns = open_tuns(0);

	(void)state;
	for (uint8_t flow = 0; flow < FLOWS; flow++) {
		uint8_t script[2 * COALESCE_SEGMENTS];

		for (size_t i = 0; i < sizeof(script); i += 2)
			memcpy(script + i, (uint8_t[]){flow, FLOWS_SHORTEST}, 2);
		flows_make(&flows, script, sizeof(script));
		coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
		assert_int_equal(coalesce.count, 1);
		write_all(tuns.in, &coalesce);
		for (size_t i = 0; i < flows.count; i++)
			route(&flows.packets[i]);
		expect(tuns.out, flows.packets, flows.count);
	}
	close_tuns(&tuns);
}

static void kernel_cuts_a_coalesced_frame_into_the_packets_that_came(void **state)
{
	(void)state;
	pass_through(0, false);
}

static void forwarded_frame_is_split_into_the_packets_that_came(void **state)
{
	(void)state;
	pass_through(OFFLOADS, true);
}

static void packets_that_only_lack_their_checksum_get_it(void **state)
{
	(void)state;
	pass_through(TUN_F_CSUM, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_cuts_a_coalesced_frame_into_the_packets_that_came),
		cmocka_unit_test(frame_of_the_smallest_packets_is_cut_into_them),
		cmocka_unit_test(forwarded_frame_is_split_into_the_packets_that_came),
		cmocka_unit_test(packets_that_only_lack_their_checksum_get_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
