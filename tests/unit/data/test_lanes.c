/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two devices with a crew each, and real UDP between them; Unix sockets stand for the queues of
 * their TUNs. Flows of numbered packets enter one device and leave the other while peers and keys
 * come and go. Also what the thread sanitizer is run on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/oracle/leftovers.h"
#include "vpnd/data/road.h"
#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/guard.h"
#include "vpnd/proto/peer.h"
#include "vpnd/proto/tai64n.h"

enum {
	MTU = 1420,
	FLOWS = 6, /* of each direction */
	ROUND_MS = 60,
	ROUNDS = 12, /* of one change each */
	ALONE = 1500,
	PATIENCE_MS = 30 * 1000,
};

/* What a packet carries behind its header. */
struct cargo {
	uint32_t flow, number;
	uint8_t rest[]; /* the low byte of `number` */
};

struct end {
	struct crew *crew;
	struct guard *guard;
	struct device *device;
	struct lane model;
	struct road *road;
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	struct endpoint endpoint;
	int queues[CREW_MAX], sink; /* the far sides of its TUN */
	uint64_t label;
	unsigned int sessions; /* begun */
	const struct end *other;
	uint8_t net; /* of its inner addresses */

	pthread_t feeder, taker;
	uint32_t newest[FLOWS];
	atomic_uint taken;
	unsigned int backwards, broken;
};

static struct end ends[2];
static atomic_bool over;

/* --- what the core asks for ----------------------------------------------------------------------
 */

static void send_datagram(
	void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	struct end *end = arg;

	lane_send(&end->model, path, class, bytes, len);
}

static void random_bytes(void *arg, void *out, size_t len)
{
	(void)arg;
	randombytes_buf(out, len);
}

static void timestamp(void *arg, uint8_t out[static TIMESTAMP_LEN])
{
	struct end *end = arg;

	tai64n_label(out, 1000 + (int64_t)++end->label, 0);
}

static void on_event(void *arg, struct peer *peer, enum device_event event)
{
	struct end *end = arg;

	(void)peer;
	end->sessions += event == EVENT_SESSION;
}

static const struct device_upcalls UPCALLS = {
	.send = send_datagram,
	.random = random_bytes,
	.timestamp = timestamp,
	.event = on_event,
};

static void worked(void *arg, const struct lane *lane)
{
	(void)arg, (void)lane;
}

static void tun_lost(void *arg, int error)
{
	(void)arg, (void)error;
	abort();
}

static void socket_failed(void *arg, enum addr_family family)
{
	(void)arg, (void)family;
	abort();
}

static const struct road_upcalls ROAD = {
	.worked = worked,
	.tun_lost = tun_lost,
	.socket_failed = socket_failed,
};

/* --- flows ---------------------------------------------------------------------------------------
 */

static size_t make_packet(const struct end *from, uint32_t flow, uint32_t number, uint8_t *out)
{
	size_t len = V4_HEADER + sizeof(struct cargo) + number * 7 % 1200;
	const uint8_t header[V4_HEADER] = {
		0x45, [2] = (uint8_t)(len >> 8), [3] = (uint8_t)len, [8] = 64, [9] = 253, [12] = 10,
		[13] = from->net, [16] = 10, [17] = from->other->net, [19] = 1};
	const struct cargo cargo = {.flow = flow, .number = number};

	memset(out, (uint8_t)number, len);
	memcpy(out, header, sizeof(header));
	memcpy(out + V4_HEADER, &cargo, sizeof(cargo));
	return len;
}

static void pause_us(long us)
{
	const struct timespec span = {.tv_nsec = us * 1000};

	nanosleep(&span, NULL);
}

/* Every queue has its flows, as the kernel does it. A full queue loses packets. */
static void send_packet(const struct end *end, uint32_t flow, uint32_t number)
{
	uint8_t packet[2048];
	struct virtio_net_hdr plain = {0};
	size_t len = make_packet(end, flow, number, packet);
	struct iovec iov[] = {{&plain, sizeof(plain)}, {packet, len}};

	(void)!writev(end->queues[flow % crew_size(end->crew)], iov, 2);
}

static void *feed(void *arg)
{
	struct end *end = arg;

	for (uint32_t number = 1; !over; number++) {
		for (uint32_t flow = 0; flow < FLOWS; flow++)
			send_packet(end, flow, number);
		if (number % 4 == 0)
			pause_us(500);
	}
	return NULL;
}

static void take_packet(struct end *end, const uint8_t *packet, size_t len)
{
	uint8_t expected[2048];
	struct cargo cargo;

	if (packet[V4_PROTOCOL] == IPPROTO_ICMP)
		return; /* there is no endpoint yet */
	memcpy(&cargo, packet + V4_HEADER, sizeof(cargo));
	if (cargo.flow >= FLOWS ||
		make_packet(end->other, cargo.flow, cargo.number, expected) != len ||
		memcmp(packet, expected, len) != 0) {
		end->broken++;
		return;
	}
	end->backwards += cargo.number <= end->newest[cargo.flow];
	end->newest[cargo.flow] = cargo.number;
	end->taken++;
}

/* What has come, or comes in a moment. */
static void take_some(struct end *end)
{
	struct pollfd sink = {.fd = end->sink, .events = POLLIN};
	struct virtio_net_hdr hdr;
	uint8_t packet[2048];
	struct iovec iov[] = {{&hdr, sizeof(hdr)}, {packet, sizeof(packet)}};
	ssize_t n = readv(end->sink, iov, 2);

	if (n > (ssize_t)sizeof(hdr))
		take_packet(end, packet, (size_t)n - sizeof(hdr));
	else
		poll(&sink, 1, 10);
}

static void *take(void *arg)
{
	while (!over)
		take_some(arg);
	return NULL;
}

/* --- two ends ------------------------------------------------------------------------------------
 */

static void open_queue(int *near_side, int *far_side)
{
	int pair[2], bytes = 1 << 20;

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	*near_side = pair[0];
	*far_side = pair[1];
}

static int open_udp(struct endpoint *endpoint)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(here);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), bytes = 4 << 20;

	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	*endpoint = (struct endpoint){
		.addr = {.family = ADDR_V4, .bytes = {127, 0, 0, 1}},
		.port = ntohs(here.sin_port),
	};
	return fd;
}

static void new_key(struct end *end)
{
	randombytes_buf(end->private_key, KEY_LEN);
	key_clamp(end->private_key);
	crypto_dh_public(end->public_key, end->private_key);
}

/* Only who knows where the other one is begins: two who do so at once both begin again later. */
static void add_peer(struct end *end, bool begins)
{
	struct prefix inner = {
		.addr = {.family = ADDR_V4, .bytes = {10, end->other->net}}, .len = 16};
	struct peer *peer;

	assert_int_equal(device_peer_add(end->device, end->other->public_key, &peer), 0);
	assert_int_equal(peer_allow(peer, &inner), 0);
	if (begins)
		peer_set_endpoint(peer, &end->other->endpoint);
}

static void open_end(struct end *end, const struct end *other, uint8_t net, size_t lanes)
{
	uint8_t seed[16] = {net};
	int near_side;

	*end = (struct end){.other = other, .net = net};
	assert_int_equal(crew_new(lanes, &end->crew), 0);
	end->guard = guard_new(seed);
	end->device = device_new(&UPCALLS, end, end->guard);
	lane_init(&end->model, end->device, NULL);
	end->model.mtu = MTU;
	assert_int_equal(road_new(end->crew, &end->model, &ROAD, end, &end->road), 0);
	open_queue(&near_side, &end->sink);
	lane_set_tun(&end->model, near_side, 0);
	lane_set_udp(&end->model, ADDR_V4, open_udp(&end->endpoint), true);
	for (size_t i = 0; i < lanes; i++) {
		open_queue(&near_side, &end->queues[i]);
		road_set_queue(end->road, i, near_side);
	}
	new_key(end);
}

static void lock(const struct end *end)
{
	pthread_mutex_lock(crew_lock(end->crew));
}

static void unlock(const struct end *end)
{
	pthread_mutex_unlock(crew_lock(end->crew));
}

static void begin(struct end *end, bool first)
{
	device_set_private_key(end->device, end->private_key, clock_mono());
	device_set_up(end->device, true, clock_mono());
	add_peer(end, first);
	lock(end);
	assert_int_equal(road_begin(end->road), 0);
	unlock(end);
}

static void begin_flows(struct end *end)
{
	assert_int_equal(pthread_create(&end->taker, NULL, take, end), 0);
	assert_int_equal(pthread_create(&end->feeder, NULL, feed, end), 0);
}

static void close_end(struct end *end)
{
	lock(end);
	road_free(end->road);
	unlock(end);
	for (size_t i = 0; i < crew_size(end->crew); i++)
		close(end->queues[i]);
	close(end->sink);
	lane_done(&end->model);
	crew_free(end->crew);
	device_free(end->device);
	guard_free(end->guard);
}

/* --- what changes meanwhile ----------------------------------------------------------------------
 */

static void forget_peer(struct end *end)
{
	lock(end);
	device_peer_remove(end->device, device_peer_next(end->device, NULL));
	add_peer(end, true);
	unlock(end);
}

/* All sessions are retired. The other end has to know the new key before it is used. */
static void change_key(struct end *end)
{
	struct end *other = &ends[end == &ends[0]];

	new_key(end);
	lock(other);
	device_peer_remove(other->device, device_peer_next(other->device, NULL));
	add_peer(other, false);
	unlock(other);
	lock(end);
	device_set_private_key(end->device, end->private_key, clock_mono());
	unlock(end);
}

static void go_down_and_up(struct end *end)
{
	lock(end);
	device_set_up(end->device, false, clock_mono());
	device_set_up(end->device, true, clock_mono());
	unlock(end);
}

static void change_road(struct end *end)
{
	lock(end);
	road_stop(end->road);
	end->model.mtu = end->model.mtu == MTU ? MTU - 16 : MTU;
	assert_int_equal(road_begin(end->road), 0);
	unlock(end);
}

/* As a loop does it. */
static void run_timers(void)
{
	for (size_t i = 0; i < 2; i++) {
		lock(&ends[i]);
		device_tick(ends[i].device, clock_mono());
		unlock(&ends[i]);
	}
}

/* For a moment. */
static void let_run(void)
{
	for (int ms = 0; ms < ROUND_MS; ms += 2) {
		run_timers();
		pause_us(2000);
	}
}

static void flows_pass(void)
{
	unsigned int before[2] = {ends[0].taken, ends[1].taken};

	for (int tries = 0; tries < 300; tries++) {
		let_run();
		if (ends[0].taken > before[0] && ends[1].taken > before[1])
			return;
	}
	fail_msg("no packets pass: %u, %u", before[0], before[1]);
}

static void open_ends(size_t lanes_a, size_t lanes_b)
{
	open_end(&ends[0], &ends[1], 1, lanes_a);
	open_end(&ends[1], &ends[0], 2, lanes_b);
	begin(&ends[0], true);
	begin(&ends[1], false);
}

static void run(size_t lanes_a, size_t lanes_b)
{
	static void (*const CHANGES[])(struct end * end) = {
		forget_peer, change_key, go_down_and_up, change_road};

	over = false;
	open_ends(lanes_a, lanes_b);
	begin_flows(&ends[0]);
	begin_flows(&ends[1]);
	flows_pass();
	for (size_t round = 0; round < ROUNDS; round++) {
		CHANGES[round % 4](&ends[round / 4 % 2]);
		flows_pass();
	}
	over = true;
	for (size_t i = 0; i < 2; i++) {
		pthread_join(ends[i].feeder, NULL);
		pthread_join(ends[i].taker, NULL);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(ends[i].broken, 0);
		assert_int_equal(ends[i].backwards, 0);
		assert_true(ends[i].sessions > 1);
		close_end(&ends[i]);
	}
}

/* With the lock, which is given up while waiting. */
static void wait_for_count(struct end *end, uint64_t packets)
{
	mono_t since = clock_mono();

	while (device_verdict_counts(end->device)[PACKET_FORWARD] < packets) {
		if (mono_elapsed_us(since, clock_mono()) > PATIENCE_MS * 1000)
			fail_msg("%" PRIu64 " packets do not come", packets);
		unlock(end);
		pause_us(2000);
		lock(end);
	}
}

static void comes_alone(struct end *end, uint32_t number)
{
	mono_t since = clock_mono();

	while (end->taken < number && mono_elapsed_us(since, clock_mono()) < PATIENCE_MS * 1000) {
		take_some(end);
		run_timers();
	}
	if (end->taken < number)
		fail_msg("number %u does not come, and everybody sleeps", number);
}

/*
 * Nothing follows a packet until it came, nor is it sent again: if all lanes slept beside it, it
 * would lie there for ever.
 */
static void a_packet_alone_is_never_left_lying(void **state)
{
	(void)state;
	open_ends(3, 2);
	for (uint32_t number = 1; number <= ALONE; number++) {
		send_packet(&ends[0], number % FLOWS, number);
		/* The first one begins the session. */
		if (number > 1)
			send_packet(&ends[1], number % FLOWS, number);
		if (number % 8 == 0)
			change_road(&ends[number / 8 % 2]);
		comes_alone(&ends[1], number);
		comes_alone(&ends[0], number - 1);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(ends[i].broken, 0);
		assert_int_equal(ends[i].backwards, 0);
		close_end(&ends[i]);
	}
}

/* A kernel that segments nothing for such a socket, and a TUN whose other side is gone. */
static void what_lanes_count_and_give_up_is_gathered(void **state)
{
	enum { COUNT = 200, ROW = 1200 }; /* every ROW-th number has the same length */
	int on = 1;

	(void)state;
	open_ends(2, 2);
	assert_int_equal(
		setsockopt(ends[0].model.udp.v4.fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	send_packet(&ends[0], 0, 1);
	comes_alone(&ends[1], 1);
	shutdown(ends[1].sink, SHUT_RDWR);
	lock(&ends[0]);
	road_stop(ends[0].road); /* so that they are read together */
	for (uint32_t number = 1; number <= COUNT; number++)
		send_packet(&ends[0], 0, number * ROW);
	assert_int_equal(road_begin(ends[0].road), 0);
	unlock(&ends[0]);
	for (size_t i = 0; i < 2; i++) {
		lock(&ends[i]);
		wait_for_count(&ends[i], COUNT);
		road_gather(ends[i].road);
		unlock(&ends[i]);
	}
	assert_false(ends[0].model.udp.v4.segments);
	assert_true(ends[0].model.udp_errors.fallbacks > 0);
	assert_int_equal(ends[0].model.udp_errors.fallback_error, EINVAL);
	assert_true(ends[1].model.tun.refused > 0);
	for (size_t i = 0; i < 2; i++)
		close_end(&ends[i]);
}

/* Whoever holds a session last wipes it, on whatever thread. */
static void no_key_stays_in_memory_once_lanes_let_go(void **state)
{
	struct leftovers keys[2];
	const struct session *session;

	(void)state;
	open_ends(2, 2);
	for (uint32_t number = 1; number <= 50; number++) {
		send_packet(&ends[0], number % FLOWS, number);
		comes_alone(&ends[1], number);
	}
	lock(&ends[0]);
	session = device_peer_next(ends[0].device, NULL)->current;
	leftovers_note(&keys[0], session->send.secret);
	leftovers_note(&keys[1], session->receive.secret);
	unlock(&ends[0]);
	assert_true(leftovers_count(&keys[0]) > 0 && leftovers_count(&keys[1]) > 0);
	for (size_t i = 0; i < 2; i++) {
		lock(&ends[i]);
		device_peer_remove(ends[i].device, device_peer_next(ends[i].device, NULL));
		road_stop(ends[i].road);
		unlock(&ends[i]);
	}
	assert_int_equal(leftovers_count(&keys[0]) + leftovers_count(&keys[1]), 0);
	for (size_t i = 0; i < 2; i++)
		close_end(&ends[i]);
}

static void two_lanes_keep_the_order_of_flows_whatever_changes(void **state)
{
	(void)state;
	run(2, 2);
}

static void many_lanes_and_one_keep_the_order_of_flows_whatever_changes(void **state)
{
	(void)state;
	run(4, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_alone_is_never_left_lying),
		cmocka_unit_test(what_lanes_count_and_give_up_is_gathered),
		cmocka_unit_test(no_key_stays_in_memory_once_lanes_let_go),
		cmocka_unit_test(two_lanes_keep_the_order_of_flows_whatever_changes),
		cmocka_unit_test(many_lanes_and_one_keep_the_order_of_flows_whatever_changes),
	};

	if (sodium_init() < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN); /* no TUN raises it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
