/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which way a datagram would take, in a network namespace with nothing but loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink/way.h"

static int find(const char *local, const char *remote, uint32_t fwmark)
{
	struct way_query query = {.local_port = 51820, .remote_port = 51821, .fwmark = fwmark};
	uint32_t ifindex = 0;
	struct way *w;
	int r;

	assert_int_equal(addr_parse(local, &query.local), 0);
	assert_int_equal(addr_parse(remote, &query.remote), 0);
	assert_int_equal(way_new(&w), 0);
	r = way_find(w, &query, &ifindex);
	way_free(w);
	return r < 0 ? r : (int)ifindex;
}

static void interface_of_the_route_is_found(void **state)
{
	const int lo = (int)if_nametoindex("lo");

	(void)state;
	assert_int_equal(find("127.0.0.1", "127.0.0.1", 0), lo);
	assert_int_equal(find("127.9.8.7", "127.1.1.1", 0x1234), lo);
	assert_int_equal(find("::1", "::1", 0), lo);
	assert_int_equal(find("::1", "::1", 0x1234), lo);
}

static void no_way_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(find("127.0.0.1", "192.0.2.1", 0), -ENETUNREACH);
	assert_int_equal(find("::1", "2001:db8::1", 0), -ENETUNREACH);
	assert_true(find("192.0.2.1", "127.0.0.1", 0) < 0); /* which one depends on the kernel */
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
	close(fd);
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interface_of_the_route_is_found),
		cmocka_unit_test(no_way_is_an_error),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
