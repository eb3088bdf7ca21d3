/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors at UDP sockets, and datagrams that must not be fragmented, over a real loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "vpnd/data/errqueue.h"
#include "vpnd/data/whole.h"

enum { LO_MTU = 1500 };

static const int on = 1;

/* A bound socket as the monitor makes them, as far as it matters here. */
static int open_socket(const char *text, struct endpoint *out)
{
	union sockaddr_any name;
	socklen_t len = sizeof(name);
	struct endpoint any;
	int fd;

	assert_int_equal(endpoint_parse(text, &any), 0);
	any.port = 0;
	fd = socket(sockaddr_family(any.addr.family), SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	if (any.addr.family == ADDR_V6) {
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
					 &(int){IPV6_PMTUDISC_DONT}, sizeof(int)),
			0);
	} else {
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER,
					 &(int){IP_PMTUDISC_DONT}, sizeof(int)),
			0);
	}
	assert_int_equal(bind(fd, &name.sa, sockaddr_from_endpoint(&any, &name)), 0);
	assert_int_equal(getsockname(fd, &name.sa, &len), 0);
	assert_int_equal(sockaddr_to_endpoint(&name, out), 0);
	return fd;
}

struct ends {
	struct udp_sockets ours;
	int theirs;
	struct path there;   /* where somebody listens */
	struct path nowhere; /* where nobody does */
	struct udp_errors errors;
};

static void open_ends(struct ends *e, bool v6)
{
	const char *any = v6 ? "[::1]:1" : "127.0.0.1:1";
	struct endpoint ours;
	int fd = open_socket(any, &ours), closed;

	*e = (struct ends){.ours = UDP_SOCKETS_NONE};
	(v6 ? &e->ours.v6 : &e->ours.v4)->fd = fd;
	e->theirs = open_socket(any, &e->there.remote);
	closed = open_socket(any, &e->nowhere.remote);
	close(closed);
}

static int our_socket(const struct ends *e)
{
	return e->ours.v4.fd >= 0 ? e->ours.v4.fd : e->ours.v6.fd;
}

static void close_ends(const struct ends *e)
{
	close(our_socket(e));
	close(e->theirs);
}

/* Make an ICMP error wait at our socket, to be told by the next call. */
static void provoke(struct ends *e)
{
	struct pollfd p = {.fd = our_socket(e)};

	assert_int_equal(udp_out_one(&e->ours, &e->nowhere, 0, "x", 1, &e->errors), 0);
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_true(p.revents & POLLERR);
}

static void error_tells_who_sent_it_and_about_what(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct errqueue_icmp icmp;
		struct ends e;

		open_ends(&e, v6);
		assert_int_equal(errqueue_read(our_socket(&e), &icmp), 0);
		provoke(&e);
		assert_int_equal(errqueue_read(our_socket(&e), &icmp), 1);
		assert_true(endpoint_equal(&icmp.to, &e.nowhere.remote));
		assert_true(addr_equal(&icmp.from, &e.nowhere.remote.addr));
		assert_int_equal(icmp.type, v6 ? 1 : 3);
		assert_int_equal(icmp.code, v6 ? 4 : 3);
		assert_int_equal(errqueue_read(our_socket(&e), &icmp), 0);
		close_ends(&e);
	}
}

static void no_datagram_is_lost_to_an_error_about_another(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		uint8_t bytes[] = "two";
		struct batch batch;
		struct packet *packet;
		char text[16];
		struct ends e;

		open_ends(&e, v6);
		provoke(&e);
		assert_int_equal(udp_out_one(&e.ours, &e.there, 0, "one", 3, &e.errors), 0);
		assert_int_equal(recv(e.theirs, text, sizeof(text), 0), 3);

		provoke(&e);
		batch_init(&batch, NULL); /* of views alone */
		batch_reset(&batch, LO_MTU);
		packet = batch_add_view(&batch, bytes, 3);
		packet->path = e.there;
		packet->verdict = PACKET_FORWARD;
		udp_out_batch(&e.ours, &batch, &e.errors);
		assert_int_equal(recv(e.theirs, text, sizeof(text), 0), 3);
		assert_int_equal(e.errors.dropped, 0);
		close_ends(&e);
	}
}

static void too_large_is_refused_whole_and_passes_in_parts(void **state)
{
	static uint8_t bytes[2 * LO_MTU];

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const size_t fits = LO_MTU - 8 - (v6 ? 40 : 20);
		struct errqueue_icmp icmp;
		struct ends e;

		open_ends(&e, v6);
		assert_int_equal(whole_send(&e.ours, &e.there, 0, bytes, fits, &e.errors), 0);
		assert_int_equal(recv(e.theirs, bytes, sizeof(bytes), 0), fits);
		assert_int_equal(
			whole_send(&e.ours, &e.there, 0, bytes, fits + 1, &e.errors), -EMSGSIZE);
		/* Nobody sent an ICMP error for it. */
		assert_int_equal(errqueue_read(our_socket(&e), &icmp), 0);
		assert_int_equal(udp_out_one(&e.ours, &e.there, 0, bytes, fits + 1, &e.errors), 0);
		assert_int_equal(recv(e.theirs, bytes, sizeof(bytes), 0), fits + 1);
		close_ends(&e);
	}
}

static int enter_namespace(void **state)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, r;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	r = ioctl(fd, SIOCSIFFLAGS, &lo);
	lo.ifr_mtu = LO_MTU;
	if (r == 0)
		r = ioctl(fd, SIOCSIFMTU, &lo);
	close(fd);
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_tells_who_sent_it_and_about_what),
		cmocka_unit_test(no_datagram_is_lost_to_an_error_about_another),
		cmocka_unit_test(too_large_is_refused_whole_and_passes_in_parts),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
