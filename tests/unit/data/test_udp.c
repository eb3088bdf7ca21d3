/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams by the batch over real sockets, in a network namespace with nothing but loopback. */
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
#include <net/if_arp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "vpnd/data/memory.h"
#include "vpnd/data/udp_in.h"
#include "vpnd/data/udp_out.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/peer.h"

struct pair {
	struct udp_sockets ours, theirs;
	struct endpoint ours_v4, ours_v6, theirs_v4, theirs_v6;
};

static uint8_t *memory;
static struct batch batch;
static struct udp_in in;
static struct udp_errors errors;

static void set(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

static struct udp_socket open_socket(const char *text, struct endpoint *out)
{
	struct udp_socket udp = {.segments = true};
	union sockaddr_any name;
	socklen_t len = sizeof(name);
	struct endpoint any;

	assert_int_equal(endpoint_parse(text, &any), 0);
	any.port = 0;
	udp.fd = socket(sockaddr_family(any.addr.family), SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(udp.fd >= 0);
	if (any.addr.family == ADDR_V6) {
		set(udp.fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set(udp.fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set(udp.fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	} else {
		set(udp.fd, IPPROTO_IP, IP_PKTINFO, 1);
		set(udp.fd, IPPROTO_IP, IP_RECVTOS, 1);
		set(udp.fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	}
	set(udp.fd, SOL_SOCKET, SO_RXQ_OVFL, 1); /* one that we do not ask for, among the others */
	set(udp.fd, IPPROTO_UDP, UDP_GRO, 1);
	set(udp.fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
	assert_int_equal(bind(udp.fd, &name.sa, sockaddr_from_endpoint(&any, &name)), 0);
	assert_int_equal(getsockname(udp.fd, &name.sa, &len), 0);
	assert_int_equal(sockaddr_to_endpoint(&name, out), 0);
	return udp;
}

static struct pair open_pair(void)
{
	struct pair pair;

	pair.ours.v4 = open_socket("0.0.0.0:1", &pair.ours_v4);
	pair.ours.v6 = open_socket("[::]:1", &pair.ours_v6);
	pair.theirs.v4 = open_socket("127.0.0.1:1", &pair.theirs_v4);
	pair.theirs.v6 = open_socket("[::1]:1", &pair.theirs_v6);
	batch_reset(&batch, 0);
	errors = (struct udp_errors){0};
	return pair;
}

static void close_pair(const struct pair *pair)
{
	close(pair->ours.v4.fd);
	close(pair->ours.v6.fd);
	close(pair->theirs.v4.fd);
	close(pair->theirs.v6.fd);
}

static struct packet *add_bytes(
	const struct path *path, const void *bytes, size_t len, enum packet_verdict verdict)
{
	uint8_t *room = batch_room(&batch, len);
	struct packet *packet;

	assert_non_null(room);
	memcpy(room, bytes, len);
	packet = batch_add(&batch, len);
	packet->path = *path;
	packet->verdict = verdict;
	return packet;
}

static void add(const struct path *path, const char *text, enum packet_verdict verdict)
{
	add_bytes(path, text, strlen(text), verdict);
}

/* All that waits at a socket, as long as it fits one batch. */
static size_t receive(const struct udp_socket *udp)
{
	batch_reset(&batch, 0);
	in.ask = UDP_IN_BUFFERS;
	assert_true(udp_in_receive(&in, udp) >= 0);
	return udp_in_cut(&in, &batch);
}

static void batch_of_both_families_arrives_in_order(void **state)
{
	struct pair pair = open_pair();
	struct path v4 = {.remote = pair.theirs_v4}, v6 = {.remote = pair.theirs_v6};

	(void)state;
	add(&v4, "one", PACKET_FORWARD);
	add(&v6, "two", PACKET_FORWARD);
	add(&v4, "never", PACKET_STAGED);
	add(&v4, "three", PACKET_FORWARD);
	udp_out_batch(&pair.ours, &batch, &errors);
	assert_int_equal(errors.dropped, 0);

	assert_int_equal(receive(&pair.theirs.v4), 2);
	assert_memory_equal(batch.packets[0].data, "one", 3);
	assert_memory_equal(batch.packets[1].data, "three", 5);
	assert_int_equal(batch.packets[0].path.remote.port, pair.ours_v4.port);
	assert_int_equal(receive(&pair.theirs.v6), 1);
	assert_memory_equal(batch.packets[0].data, "two", 3);
	assert_int_equal(receive(&pair.theirs.v6), 0);
	close_pair(&pair);
}

static void replies_leave_from_the_address_that_was_spoken_to(void **state)
{
	struct pair pair = open_pair();
	struct path spoken;

	(void)state;
	pair.ours_v4.addr = (struct addr){.family = ADDR_V4, .bytes = {127, 9, 8, 7}};
	spoken = (struct path){.remote = pair.ours_v4};
	udp_out_one(&pair.theirs, &spoken, 0, "?", 1, &errors);
	assert_int_equal(receive(&pair.ours.v4), 1);
	spoken = batch.packets[0].path;
	assert_memory_equal(spoken.local.bytes, pair.ours_v4.addr.bytes, 4);

	udp_out_one(&pair.ours, &spoken, 0, "!", 1, &errors);
	assert_int_equal(receive(&pair.theirs.v4), 1);
	assert_true(endpoint_equal(&batch.packets[0].path.remote, &pair.ours_v4));
	assert_int_equal(errors.dropped, 0);
	close_pair(&pair);
}

static void stale_local_address_is_given_up_and_nothing_is_lost(void **state)
{
	struct pair pair = open_pair();
	struct path gone = {
		.remote = pair.theirs_v4, .local = {.family = ADDR_V4, .bytes = {203, 0, 113, 99}}};

	(void)state;
	for (int i = 0; i < 5; i++)
		add(&gone, "x", PACKET_FORWARD);
	udp_out_batch(&pair.ours, &batch, &errors);
	assert_int_equal(errors.dropped, 0);
	assert_true(batch.packets[0].stale);
	assert_int_equal(receive(&pair.theirs.v4), 5);
	close_pair(&pair);
}

static void refused_datagram_is_counted_and_the_rest_goes_on(void **state)
{
	struct pair pair = open_pair();
	struct path good = {.remote = pair.theirs_v4}, bad = good;

	(void)state;
	bad.remote.addr = (struct addr){.family = ADDR_V4, .bytes = {198, 51, 100, 1}};
	add(&good, "one", PACKET_FORWARD);
	add(&bad, "no route", PACKET_FORWARD);
	add(&good, "two", PACKET_FORWARD);
	udp_out_batch(&pair.ours, &batch, &errors);
	assert_int_equal(errors.dropped, 1);
	assert_int_equal(errors.newest, ENETUNREACH);
	assert_int_equal(receive(&pair.theirs.v4), 2);
	close_pair(&pair);
}

/* With a local address that is gone as well: giving it up must not cost the class. */
static void traffic_class_goes_with_the_datagram(void **state)
{
	struct pair pair = open_pair();
	struct addr gone4 = {.family = ADDR_V4, .bytes = {203, 0, 113, 99}};
	struct addr gone6 = {.family = ADDR_V6, .bytes = {0x20, 1, 0xd, 0xb8, 99}};
	struct path paths[] = {{.remote = pair.theirs_v4}, {.remote = pair.theirs_v6},
		{.remote = pair.theirs_v4, .local = gone4},
		{.remote = pair.theirs_v6, .local = gone6}};
	static const uint8_t CLASSES[] = {0, 1, 2, 3, 0x88, 0xff};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct udp_socket *to = i % 2 ? &pair.theirs.v6 : &pair.theirs.v4;

		for (size_t j = 0; j < sizeof(CLASSES); j++)
			udp_out_one(&pair.ours, &paths[i], CLASSES[j], "x", 1, &errors);
		assert_int_equal(receive(to), sizeof(CLASSES));
		for (size_t j = 0; j < sizeof(CLASSES); j++) {
			assert_int_equal(batch.packets[j].class, CLASSES[j]);
			assert_int_equal(
				batch.packets[j].path.local.family, paths[i].remote.addr.family);
		}
	}
	assert_int_equal(errors.dropped, 0);
	close_pair(&pair);
}

static void datagrams_of_every_size_come_whole(void **state)
{
	static const size_t SIZES[] = {0, 1, 31, 32, 148, 1472, 65507};
	static char bytes[65507];
	struct pair pair = open_pair();
	struct path path = {.remote = pair.theirs_v4};

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
		udp_out_one(&pair.ours, &path, 0, bytes, SIZES[i], &errors);
	assert_int_equal(receive(&pair.theirs.v4), sizeof(SIZES) / sizeof(SIZES[0]));
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
		assert_int_equal(batch.packets[i].len, SIZES[i]);
	close_pair(&pair);
}

static void truncated_datagram_is_no_datagram(void **state)
{
	struct pair pair = open_pair();
	struct path path = {.remote = pair.theirs_v4};

	(void)state;
	udp_out_one(&pair.ours, &path, 0, "much too long", 13, &errors);
	udp_out_one(&pair.ours, &path, 0, "whole", 5, &errors);
	in.offers[0].iov.iov_len = 8;
	assert_int_equal(receive(&pair.theirs.v4), 1);
	assert_int_equal(batch.packets[0].len, 5);
	close_pair(&pair);
}

/* --- runs ------------------------------------------------------------------------------------- */

/* Add `n` numbered packets of `len` bytes. */
static void add_many(const struct path *path, uint8_t first, size_t n, size_t len)
{
	uint8_t bytes[2000];

	for (size_t i = 0; i < n; i++) {
		memset(bytes, first + (uint8_t)i, len);
		add_bytes(path, bytes, len, PACKET_FORWARD);
	}
}

/* What came is numbered without a gap, and has these lengths in turn. */
static void check_numbers(uint8_t first, size_t n)
{
	assert_int_equal(batch.count, n);
	for (size_t i = 0; i < n; i++) {
		const struct packet *packet = &batch.packets[i];

		assert_int_equal(packet->data[0], (uint8_t)(first + i));
		assert_int_equal(packet->data[packet->len - 1], (uint8_t)(first + i));
	}
}

static void run_of_one_length_is_one_message_and_its_end_may_be_shorter(void **state)
{
	struct pair pair = open_pair();
	struct path v4 = {.remote = pair.theirs_v4};

	(void)state;
	add_many(&v4, 0, 40, 1000);
	add_many(&v4, 40, 1, 999);
	add_many(&v4, 41, 3, 1000);
	add_many(&v4, 44, 2, 1001);
	udp_out_batch(&pair.ours, &batch, &errors);
	receive(&pair.theirs.v4);
	check_numbers(0, 46);
	assert_int_equal(in.count, 3);
	assert_int_equal(batch.packets[40].len, 999);
	assert_int_equal(batch.packets[43].len, 1000);
	assert_int_equal(batch.packets[44].len, 1001);
	assert_true(batch.packets[39].follows && batch.packets[40].follows);
	assert_false(batch.packets[0].follows || batch.packets[41].follows);
	assert_int_equal(errors.dropped + errors.fallbacks, 0);
	close_pair(&pair);
}

static void run_ends_where_the_way_or_the_class_changes(void **state)
{
	struct pair pair = open_pair();
	struct path v4 = {.remote = pair.theirs_v4}, other = v4, v6 = {.remote = pair.theirs_v6};

	(void)state;
	other.local = (struct addr){.family = ADDR_V4, .bytes = {127, 3, 2, 1}};
	add_many(&v4, 0, 2, 100);
	add_many(&other, 2, 2, 100);
	add_many(&v4, 4, 4, 100);
	batch.packets[6].class = 1;
	add_many(&v6, 0, 3, 100);
	udp_out_batch(&pair.ours, &batch, &errors);
	receive(&pair.theirs.v4);
	check_numbers(0, 8);
	assert_int_equal(in.count, 5);
	assert_int_equal(batch.packets[3].path.remote.addr.bytes[1], 3);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(batch.packets[i].class, i == 6);
	receive(&pair.theirs.v6);
	check_numbers(0, 3);
	assert_int_equal(in.count, 1);
	close_pair(&pair);
}

static void no_message_is_larger_than_a_kernel_takes(void **state)
{
	struct pair pair = open_pair();
	struct path paths[] = {{.remote = pair.theirs_v4}, {.remote = pair.theirs_v6}};
	/* 45 of them are a little less than a message takes, 53 and 43 by themselves too much. */
	static const size_t LONG[] = {1452, 1236, 1524};

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct udp_socket *to = i ? &pair.theirs.v6 : &pair.theirs.v4;

		batch_reset(&batch, 0);
		add_many(&paths[i], 0, 200, 50); /* too many */
		udp_out_batch(&pair.ours, &batch, &errors);
		receive(to);
		check_numbers(0, 200);
		for (size_t j = 0; j < sizeof(LONG) / sizeof(LONG[0]); j++) {
			batch_reset(&batch, 0);
			add_many(&paths[i], 0, 100, LONG[j]);
			udp_out_batch(&pair.ours, &batch, &errors);
			receive(to);
			check_numbers(0, 100);
		}
	}
	assert_int_equal(errors.dropped + errors.fallbacks, 0);
	close_pair(&pair);
}

static void more_than_a_batch_comes_in_several(void **state)
{
	enum { TRAINS = 8, PER_TRAIN = 64 };
	struct pair pair = open_pair();
	struct path v4 = {.remote = pair.theirs_v4};
	uint8_t next = 0;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < TRAINS; i++) {
		batch_reset(&batch, 0);
		add_many(&v4, (uint8_t)(i * PER_TRAIN), PER_TRAIN, 32);
		udp_out_batch(&pair.ours, &batch, &errors);
	}
	in.ask = UDP_IN_BUFFERS;
	assert_int_equal(udp_in_receive(&in, &pair.theirs.v4), TRAINS);
	for (batch_reset(&batch, 0); udp_in_cut(&in, &batch); batch_reset(&batch, 0))
		for (size_t i = 0; i < batch.count; i++, n++)
			assert_int_equal(batch.packets[i].data[0], next++);
	assert_int_equal(n, TRAINS * PER_TRAIN);
	close_pair(&pair);
}

/* --- a kernel that refuses ----------------------------------------------------------------------
 */

/* Sockets without checksum cannot segment: a refusal with EINVAL that each datagram is free of. */
static void refused_run_goes_one_by_one_and_none_twice(void **state)
{
	struct pair pair = open_pair();
	struct path v4 = {.remote = pair.theirs_v4}, gone = v4;

	(void)state;
	gone.local = (struct addr){.family = ADDR_V4, .bytes = {127, 9, 9, 9}};
	set(pair.ours.v4.fd, SOL_SOCKET, SO_NO_CHECK, 1);
	add_many(&v4, 0, 1, 500);
	add_many(&v4, 1, 10, 600);
	add_many(&gone, 11, 10, 600);
	udp_out_batch(&pair.ours, &batch, &errors);
	receive(&pair.theirs.v4);
	check_numbers(0, 21);
	assert_int_equal(batch.packets[20].path.remote.addr.bytes[1], 9);
	assert_int_equal(errors.dropped, 0);
	assert_int_equal(errors.fallbacks, 2);
	assert_int_equal(errors.fallback_error, EINVAL);
	assert_false(pair.ours.v4.segments);
	assert_true(pair.ours.v6.segments);

	batch_reset(&batch, 0);
	add_many(&v4, 0, 20, 600);
	udp_out_batch(&pair.ours, &batch, &errors);
	receive(&pair.theirs.v4);
	check_numbers(0, 20);
	assert_int_equal(errors.fallbacks, 2);
	close_pair(&pair);
}

static void set_lo_mtu(int mtu)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_mtu = mtu};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(fd, SIOCSIFMTU, &lo), 0);
	close(fd);
}

/* The kernel cuts a run for the path, and single datagrams into fragments. */
static void narrow_path_takes_fragments(void **state)
{
	struct pair pair = open_pair();
	struct path paths[] = {{.remote = pair.theirs_v4}, {.remote = pair.theirs_v6}};

	(void)state;
	set_lo_mtu(1400);
	for (int i = 0; i < 2; i++) {
		batch_reset(&batch, 0);
		add_many(&paths[i], 0, 20, 1452);
		udp_out_batch(&pair.ours, &batch, &errors);
		receive(i ? &pair.theirs.v6 : &pair.theirs.v4);
		check_numbers(0, 20);
	}
	set_lo_mtu(65536);
	assert_int_equal(errors.dropped, 0);
	assert_int_equal(errors.fallbacks, 2);
	close_pair(&pair);
}

static void not_even_single_datagrams_say_nothing_about_runs(void **state)
{
	struct pair pair = open_pair();
	struct path bad = {.remote = pair.theirs_v4};

	(void)state;
	assert_int_equal(addr_parse("198.51.100.1", &bad.remote.addr), 0);
	add_many(&bad, 0, 5, 100);
	udp_out_batch(&pair.ours, &batch, &errors);
	assert_true(errors.dropped == 5 && !errors.fallbacks && pair.ours.v4.segments);
	close_pair(&pair);
}

/* --- a full socket -------------------------------------------------------------------------------
 */

/*
 * A host behind a TAP that nobody has asked for its hardware address yet: datagrams to it wait in
 * the kernel, on the account of the socket.
 */
struct slow_host {
	int tap, control;
	struct path path;
};

static struct slow_host make_slow_host(void)
{
	struct slow_host host = {.tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK),
		.control = socket(AF_INET, SOCK_DGRAM, 0)};
	struct ifreq ifr = {.ifr_name = "slow", .ifr_flags = IFF_TAP | IFF_NO_PI};
	struct sockaddr_in *address = (struct sockaddr_in *)&ifr.ifr_addr;

	assert_int_equal(ioctl(host.tap, TUNSETIFF, &ifr), 0);
	*address = (struct sockaddr_in){.sin_family = AF_INET};
	assert_int_equal(inet_pton(AF_INET, "10.99.0.1", &address->sin_addr), 1);
	assert_int_equal(ioctl(host.control, SIOCSIFADDR, &ifr), 0);
	ifr.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(host.control, SIOCSIFFLAGS, &ifr), 0);
	assert_int_equal(endpoint_parse("10.99.0.2:9", &host.path.remote), 0);
	return host;
}

static void *resolve(void *arg)
{
	const struct timespec pause = {.tv_nsec = 4000000};
	const struct slow_host *host = arg;
	struct arpreq arp = {.arp_flags = ATF_COM, .arp_dev = "slow"};
	struct sockaddr_in *address = (struct sockaddr_in *)&arp.arp_pa;

	nanosleep(&pause, NULL);
	*address = (struct sockaddr_in){.sin_family = AF_INET};
	inet_pton(AF_INET, "10.99.0.2", &address->sin_addr);
	return ioctl(host->control, SIOCSARP, &arp) == 0 ? arg : NULL;
}

static size_t tap_received(const struct slow_host *host)
{
	uint8_t frame[2000];
	size_t datagrams = 0;
	ssize_t n;

	while ((n = read(host->tap, frame, sizeof(frame))) > 0)
		datagrams += n == 14 + 28 + 1400;
	return datagrams;
}

static void full_socket_is_waited_for(void **state)
{
	struct slow_host host = make_slow_host();
	struct pair pair = open_pair();
	pthread_t resolver;
	void *resolved;

	(void)state;
	set(pair.ours.v4.fd, SOL_SOCKET, SO_SNDBUF, 50000);
	add_many(&host.path, 0, 150, 1400);
	assert_int_equal(pthread_create(&resolver, NULL, resolve, &host), 0);
	udp_out_batch(&pair.ours, &batch, &errors);
	pthread_join(resolver, &resolved);
	assert_non_null(resolved);
	assert_int_equal(errors.dropped, 0);
	assert_int_equal(tap_received(&host), 150);
	close_pair(&pair);
	close(host.tap);
	close(host.control);
}

static void socket_that_stays_full_is_not_waited_for_for_long(void **state)
{
	struct slow_host host = make_slow_host();
	struct pair pair = open_pair();
	struct timespec from, to;

	(void)state;
	set(pair.ours.v4.fd, SOL_SOCKET, SO_SNDBUF, 50000);
	add_many(&host.path, 0, 150, 1400);
	clock_gettime(CLOCK_MONOTONIC, &from);
	udp_out_batch(&pair.ours, &batch, &errors);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(errors.dropped > 0 && errors.dropped < 150);
	assert_true(errors.newest == EAGAIN || errors.newest == ENOBUFS);
	assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 200);
	close_pair(&pair);
	close(host.tap);
	close(host.control);
}

/* An own namespace, so that which routes exist is known. */
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
	assert_int_equal(memory_map(&memory), 0);
	batch_init(&batch, memory);
	udp_in_init(&in, memory + BATCH_ARENA);
	return r;
}

static int leave(void **state)
{
	(void)state;
	memory_unmap(&memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batch_of_both_families_arrives_in_order),
		cmocka_unit_test(replies_leave_from_the_address_that_was_spoken_to),
		cmocka_unit_test(stale_local_address_is_given_up_and_nothing_is_lost),
		cmocka_unit_test(refused_datagram_is_counted_and_the_rest_goes_on),
		cmocka_unit_test(traffic_class_goes_with_the_datagram),
		cmocka_unit_test(datagrams_of_every_size_come_whole),
		cmocka_unit_test(truncated_datagram_is_no_datagram),
		cmocka_unit_test(run_of_one_length_is_one_message_and_its_end_may_be_shorter),
		cmocka_unit_test(run_ends_where_the_way_or_the_class_changes),
		cmocka_unit_test(no_message_is_larger_than_a_kernel_takes),
		cmocka_unit_test(more_than_a_batch_comes_in_several),
		cmocka_unit_test(refused_run_goes_one_by_one_and_none_twice),
		cmocka_unit_test(narrow_path_takes_fragments),
		cmocka_unit_test(not_even_single_datagrams_say_nothing_about_runs),
		cmocka_unit_test(full_socket_is_waited_for),
		cmocka_unit_test(socket_that_stays_full_is_not_waited_for_for_long),
	};

	return cmocka_run_group_tests(tests, enter_namespace, leave);
}
