/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that refuses in the middle of a batch, as no machine for tests does when it is asked to:
 * the linker puts it between the senders and the sockets. What it takes does arrive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "vpnd/data/memory.h"
#include "vpnd/data/tun.h"
#include "vpnd/data/udp_out.h"

enum {
	PACKETS = 60,
	LEN = 600,
};

static struct {
	int error; /* 0: it refuses nothing */
	bool runs; /* only messages with UDP_SEGMENT */
	int after; /* messages that it takes first */
	int times;
} kernel;

static uint8_t *memory;
static struct batch batch;
static struct udp_errors errors;
static struct udp_sockets ours;
static int theirs;
static struct path path;

ssize_t __real_sendmsg(int fd, const struct msghdr *hdr, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *hdr, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *hdrs, unsigned int count, int flags);

static bool is_run(const struct msghdr *hdr)
{
	struct msghdr copy = *hdr;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT)
			return true;
	return false;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *hdr, int flags)
{
	bool meant = kernel.error && (!kernel.runs || is_run(hdr));

	if (meant && kernel.after-- <= 0 && kernel.times-- > 0) {
		errno = kernel.error;
		return -1;
	}
	return __real_sendmsg(fd, hdr, flags);
}

int __wrap_sendmmsg(int fd, struct mmsghdr *hdrs, unsigned int count, int flags)
{
	unsigned int done = 0;

	while (done < count && __wrap_sendmsg(fd, &hdrs[done].msg_hdr, flags) >= 0)
		done++;
	return done || !count ? (int)done : -1;
}

static void open_ends(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(name);
	int size = 4 << 20;

	ours = UDP_SOCKETS_NONE;
	ours.v4 = (struct udp_socket){socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), true};
	theirs = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(theirs, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(getsockname(theirs, (struct sockaddr *)&name, &len), 0);
	assert_int_equal(setsockopt(theirs, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	path.remote.port = ntohs(name.sin_port);
	sockaddr_from_in(&name.sin_addr, &path.remote.addr);
	errors = (struct udp_errors){0};
}

static void close_ends(void)
{
	close(ours.v4.fd);
	close(theirs);
}

/* Numbered packets in runs of ten. */
static void fill_batch(void)
{
	batch_reset(&batch, 0);
	for (size_t i = 0; i < PACKETS; i++) {
		size_t len = i % 10 == 9 ? LEN / 2 : LEN; /* which ends a run */
		uint8_t *room = batch_room(&batch, len);
		struct packet *packet;

		assert_non_null(room);
		memset(room, (int)i, len);
		packet = batch_add(&batch, len);
		packet->path = path;
		packet->verdict = PACKET_FORWARD;
		packet->class = 0;
	}
}

static void all_arrive_once_and_in_order(void)
{
	uint8_t bytes[LEN + 1];
	size_t i = 0;

	for (ssize_t n; (n = recv(theirs, bytes, sizeof(bytes), 0)) >= 0; i++) {
		assert_int_equal(n, i % 10 == 9 ? LEN / 2 : LEN);
		assert_int_equal(bytes[0], i);
		assert_int_equal(bytes[n - 1], i);
	}
	assert_int_equal(i, PACKETS);
	assert_int_equal(errors.dropped, 0);
}

static void send_all(void)
{
	fill_batch();
	udp_out_batch(&ours, &batch, &errors);
	all_arrive_once_and_in_order();
}

/* As of a device that cannot compute checksums, or with a transformation on the way. */
static void run_refused_with_eio_goes_one_by_one_from_then_on(void **state)
{
	(void)state;
	open_ends();
	kernel = (typeof(kernel)){.error = EIO, .runs = true, .after = 3, .times = 1 << 20};
	send_all();
	assert_int_equal(errors.fallbacks, 3); /* made before the first refusal */
	assert_int_equal(errors.fallback_error, EIO);
	assert_false(ours.v4.segments);
	send_all();
	assert_int_equal(errors.fallbacks, 3);
	close_ends();
}

/* What a run knows of its path is known of each of its datagrams. */
static void run_refused_on_a_stale_path_leaves_from_another_address(void **state)
{
	const struct path whole = path;

	(void)state;
	open_ends();
	path.local = (struct addr){.family = ADDR_V4, .bytes = {203, 0, 113, 99}};
	kernel = (typeof(kernel)){.error = EIO, .runs = true, .times = 1 << 20};
	send_all();
	assert_true(errors.fallbacks > 0);
	assert_true(batch.packets[0].stale);
	path = whole;
	close_ends();
}

/* A path that is too narrow for single datagrams says nothing about other paths. */
static void run_refused_for_its_size_ends_no_runs(void **state)
{
	(void)state;
	open_ends();
	kernel = (typeof(kernel)){.error = EMSGSIZE, .runs = true, .after = 3, .times = 1 << 20};
	send_all();
	assert_int_equal(errors.fallbacks, 3);
	assert_int_equal(errors.fallback_error, EMSGSIZE);
	assert_true(ours.v4.segments);
	kernel.error = 0;
	send_all();
	assert_int_equal(errors.fallbacks, 3);
	close_ends();
}

static void queue_that_is_full_for_a_moment_loses_nothing(void **state)
{
	static const int ERRORS[] = {EAGAIN, ENOBUFS, EINTR};

	(void)state;
	for (size_t i = 0; i < sizeof(ERRORS) / sizeof(ERRORS[0]); i++) {
		open_ends();
		kernel = (typeof(kernel)){.error = ERRORS[i], .after = 2, .times = 5};
		send_all();
		assert_true(ours.v4.segments && errors.fallbacks == 0);
		close_ends();
	}
}

/*
 * Runs are not what is wrong when the queue is full, however long it is, nor when a firewall says
 * no; and of an error that single datagrams meet as well nobody knows.
 */
static void what_single_datagrams_meet_as_well_ends_no_runs(void **state)
{
	static const int ERRORS[] = {ENOBUFS, EPERM, ENETUNREACH, ENETDOWN, EIO, EINVAL, EMSGSIZE};

	(void)state;
	for (size_t i = 0; i < sizeof(ERRORS) / sizeof(ERRORS[0]); i++) {
		open_ends();
		kernel = (typeof(kernel)){.error = ERRORS[i], .after = 2, .times = 1 << 20};
		fill_batch();
		udp_out_batch(&ours, &batch, &errors);
		assert_int_equal(errors.dropped, PACKETS - 20);
		assert_int_equal(errors.newest, ERRORS[i]);
		assert_true(ours.v4.segments && errors.fallbacks == 0);
		close_ends();
	}
}

/* --- a full TUN, whose part a socket plays that takes few frames at a time
 * ------------------------
 */

static void *drain(void *arg)
{
	const struct timespec pause = {.tv_nsec = 4000000};
	uint8_t bytes[LEN + 64];
	size_t *taken = arg;

	nanosleep(&pause, NULL);
	for (ssize_t n; (n = recv(theirs, bytes, sizeof(bytes), 0)) > 0; ++*taken)
		if (bytes[n - 1] != *taken)
			return NULL;
	return arg;
}

static void full_tun_is_waited_for(void **state)
{
	static struct tun_room room;
	struct tun tun = TUN_NONE;
	size_t taken = 0;
	pthread_t reader;
	void *in_order;
	int ends[2], few = 1;

	(void)state;
	kernel.error = 0;
	tun_room_init(&room, memory + BATCH_ARENA);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)), 0);
	tun.fd = dup(ends[0]);
	theirs = ends[1];
	fill_batch();
	assert_int_equal(pthread_create(&reader, NULL, drain, &taken), 0);
	tun_write_batch(&tun, &room, &batch);
	shutdown(ends[0], SHUT_WR);
	pthread_join(reader, &in_order);
	assert_non_null(in_order);
	assert_int_equal(taken, PACKETS);
	assert_int_equal(tun.refused, 0);
	close(ends[0]);
	close(ends[1]);
	close(tun.fd);
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(memory_map(&memory), 0);
	batch_init(&batch, memory);
	return 0;
}

static int end(void **state)
{
	(void)state;
	memory_unmap(&memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_refused_with_eio_goes_one_by_one_from_then_on),
		cmocka_unit_test(run_refused_on_a_stale_path_leaves_from_another_address),
		cmocka_unit_test(run_refused_for_its_size_ends_no_runs),
		cmocka_unit_test(queue_that_is_full_for_a_moment_loses_nothing),
		cmocka_unit_test(what_single_datagrams_meet_as_well_ends_no_runs),
		cmocka_unit_test(full_tun_is_waited_for),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
