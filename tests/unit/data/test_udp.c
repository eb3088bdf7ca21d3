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
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "vpnd/data/udp.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/peer.h"

struct pair {
	struct udp_sockets ours, theirs;
	struct endpoint ours_v4, ours_v6, theirs_v4, theirs_v6;
};

static int open_socket(const char *text, struct endpoint *out)
{
	static const int on = 1;
	union sockaddr_any name;
	socklen_t len = sizeof(name);
	struct endpoint any;
	int fd;

	assert_int_equal(endpoint_parse(text, &any), 0);
	any.port = 0;
	fd = socket(sockaddr_family(any.addr.family), SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	if (any.addr.family == ADDR_V6) {
		assert_int_equal(
			setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on)), 0);
	} else {
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
	}
	assert_int_equal(bind(fd, &name.sa, sockaddr_from_endpoint(&any, &name)), 0);
	assert_int_equal(getsockname(fd, &name.sa, &len), 0);
	assert_int_equal(sockaddr_to_endpoint(&name, out), 0);
	return fd;
}

static struct pair open_pair(void)
{
	struct pair pair;

	pair.ours.v4 = open_socket("0.0.0.0:1", &pair.ours_v4);
	pair.ours.v6 = open_socket("[::]:1", &pair.ours_v6);
	pair.theirs.v4 = open_socket("127.0.0.1:1", &pair.theirs_v4);
	pair.theirs.v6 = open_socket("[::1]:1", &pair.theirs_v6);
	return pair;
}

static void close_pair(const struct pair *pair)
{
	close(pair->ours.v4);
	close(pair->ours.v6);
	close(pair->theirs.v4);
	close(pair->theirs.v6);
}

static void add(
	struct batch *batch, const struct path *path, const char *text, enum packet_verdict verdict)
{
	struct packet *packet = &batch->packets[batch->count++];

	packet->len = strlen(text);
	memcpy(packet->data, text, packet->len);
	packet->path = *path;
	packet->verdict = verdict;
}

static void batch_of_both_families_arrives_in_order(void **state)
{
	struct pair pair = open_pair();
	struct path v4 = {.remote = pair.theirs_v4}, v6 = {.remote = pair.theirs_v6};
	struct udp_errors errors = {0};
	struct batch batch = {0};

	(void)state;
	assert_int_equal(batch_init(&batch), 0);
	add(&batch, &v4, "one", PACKET_FORWARD);
	add(&batch, &v6, "two", PACKET_FORWARD);
	add(&batch, &v4, "never", PACKET_STAGED);
	add(&batch, &v4, "three", PACKET_FORWARD);
	udp_send_batch(&pair.ours, &batch, &errors);
	assert_int_equal(errors.dropped, 0);

	batch_reset(&batch);
	assert_int_equal(udp_receive(pair.theirs.v4, &batch), 2);
	assert_memory_equal(batch.packets[0].data, "one", 3);
	assert_memory_equal(batch.packets[1].data, "three", 5);
	assert_int_equal(batch.packets[0].path.remote.port, pair.ours_v4.port);
	batch_reset(&batch);
	assert_int_equal(udp_receive(pair.theirs.v6, &batch), 1);
	assert_memory_equal(batch.packets[0].data, "two", 3);
	batch_reset(&batch);
	assert_int_equal(udp_receive(pair.theirs.v6, &batch), 0);
	batch_done(&batch);
	close_pair(&pair);
}

static void replies_leave_from_the_address_that_was_spoken_to(void **state)
{
	struct pair pair = open_pair();
	struct udp_errors errors = {0};
	struct batch batch = {0};
	struct path spoken;

	(void)state;
	assert_int_equal(batch_init(&batch), 0);
	pair.ours_v4.addr = (struct addr){.family = ADDR_V4, .bytes = {127, 9, 8, 7}};
	spoken = (struct path){.remote = pair.ours_v4};
	udp_send(&pair.theirs, &spoken, 0, "?", 1, &errors);
	assert_int_equal(udp_receive(pair.ours.v4, &batch), 1);
	spoken = batch.packets[0].path;
	assert_memory_equal(spoken.local.bytes, pair.ours_v4.addr.bytes, 4);

	udp_send(&pair.ours, &spoken, 0, "!", 1, &errors);
	batch_reset(&batch);
	assert_int_equal(udp_receive(pair.theirs.v4, &batch), 1);
	assert_true(endpoint_equal(&batch.packets[0].path.remote, &pair.ours_v4));
	assert_int_equal(errors.dropped, 0);
	batch_done(&batch);
	close_pair(&pair);
}

static void no_upcall(
	void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	(void)arg, (void)path, (void)class, (void)bytes, (void)len;
}

static void zeros(void *arg, void *out, size_t len)
{
	(void)arg;
	memset(out, 0, len);
}

static void stale_local_address_is_given_up_and_nothing_is_lost(void **state)
{
	static const struct device_upcalls UPCALLS = {.send = no_upcall, .random = zeros};
	struct device *dev = device_new(&UPCALLS, NULL, NULL);
	struct pair pair = open_pair();
	struct path gone = {
		.remote = pair.theirs_v4, .local = {.family = ADDR_V4, .bytes = {203, 0, 113, 99}}};
	struct udp_errors errors = {0};
	struct batch batch = {0};
	uint8_t key[KEY_LEN] = {7};
	struct peer *peer;

	(void)state;
	assert_int_equal(batch_init(&batch), 0);
	assert_int_equal(device_peer_add(dev, key, &peer), 0);
	for (int i = 0; i < 5; i++) {
		add(&batch, &gone, "x", PACKET_FORWARD);
		batch.packets[i].peer = peer;
	}
	udp_send_batch(&pair.ours, &batch, &errors);
	assert_int_equal(errors.dropped, 0);
	batch_reset(&batch);
	assert_int_equal(udp_receive(pair.theirs.v4, &batch), 5);
	batch_done(&batch);
	device_free(dev);
	close_pair(&pair);
}

static void refused_datagram_is_counted_and_the_rest_goes_on(void **state)
{
	struct pair pair = open_pair();
	struct path good = {.remote = pair.theirs_v4}, bad = good;
	struct udp_errors errors = {0};
	struct batch batch = {0};

	(void)state;
	assert_int_equal(batch_init(&batch), 0);
	bad.remote.addr = (struct addr){.family = ADDR_V4, .bytes = {198, 51, 100, 1}};
	add(&batch, &good, "one", PACKET_FORWARD);
	add(&batch, &bad, "no route", PACKET_FORWARD);
	add(&batch, &good, "two", PACKET_FORWARD);
	udp_send_batch(&pair.ours, &batch, &errors);
	assert_int_equal(errors.dropped, 1);
	assert_int_equal(errors.newest, ENETUNREACH);
	batch_reset(&batch);
	assert_int_equal(udp_receive(pair.theirs.v4, &batch), 2);
	batch_done(&batch);
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
	struct udp_errors errors = {0};
	struct batch batch = {0};

	(void)state;
	assert_int_equal(batch_init(&batch), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = i % 2 ? pair.theirs.v6 : pair.theirs.v4;

		for (size_t j = 0; j < sizeof(CLASSES); j++)
			udp_send(&pair.ours, &paths[i], CLASSES[j], "x", 1, &errors);
		batch_reset(&batch);
		assert_int_equal(udp_receive(fd, &batch), sizeof(CLASSES));
		for (size_t j = 0; j < sizeof(CLASSES); j++) {
			assert_int_equal(batch.packets[j].class, CLASSES[j]);
			assert_int_equal(
				batch.packets[j].path.local.family, paths[i].remote.addr.family);
		}
	}
	assert_int_equal(errors.dropped, 0);
	batch_done(&batch);
	close_pair(&pair);
}

static void datagrams_of_every_size_come_whole(void **state)
{
	static const size_t SIZES[] = {0, 1, 31, 32, 148, 1472, 65507};
	static char bytes[65507];
	struct pair pair = open_pair();
	struct path path = {.remote = pair.theirs_v4};
	struct udp_errors errors = {0};
	struct batch batch = {0};

	(void)state;
	assert_int_equal(batch_init(&batch), 0);
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
		udp_send(&pair.ours, &path, 0, bytes, SIZES[i], &errors);
	assert_int_equal(udp_receive(pair.theirs.v4, &batch), sizeof(SIZES) / sizeof(SIZES[0]));
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
		assert_int_equal(batch.packets[i].len, SIZES[i]);
	batch_done(&batch);
	close_pair(&pair);
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
	return r;
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
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
