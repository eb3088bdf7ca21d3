/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/channel.h"

/* One end on an event loop, the other bare, and what came of it. */
struct fixture {
	sd_event *event;
	struct channel *ch;
	int peer;
	unsigned int messages;
	uint32_t last; /* number in the last message */
	size_t last_len;
	int last_fd;
	bool closed, free_on_message, free_on_close;
	int error;
	int open_fds; /* before the test */
};

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void on_message(void *arg, const void *msg, size_t len, int fd)
{
	struct fixture *f = arg;

	f->messages++;
	f->last_len = len;
	memcpy(&f->last, msg, len < sizeof(f->last) ? len : sizeof(f->last));
	f->last_fd = fd;
	if (f->free_on_message) {
		channel_free(f->ch);
		f->ch = NULL;
	}
}

static void on_closed(void *arg, int error)
{
	struct fixture *f = arg;

	assert_false(f->closed);
	f->closed = true;
	f->error = error;
	if (f->free_on_close) {
		channel_free(f->ch);
		f->ch = NULL;
	}
}

static int start(void **state)
{
	static struct fixture f;
	int fds[2];

	f = (struct fixture){.last_fd = -1, .open_fds = count_fds()};
	if (sd_event_new(&f.event) < 0 || channel_pair(fds) < 0 ||
		channel_new(fds[0], f.event, on_message, on_closed, &f, &f.ch) < 0)
		return -1;
	f.peer = fds[1];
	*state = &f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	channel_free(f->ch);
	if (f->peer >= 0)
		close(f->peer);
	sd_event_unref(f->event);
	return count_fds() == f->open_fds ? 0 : -1;
}

/* Run the loop until nothing is left to do. */
static void settle(struct fixture *f)
{
	while (sd_event_run(f->event, 0) > 0)
		;
}

static void send_raw(int sock, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	char copy[2 * CHANNEL_MESSAGE_MAX];
	struct iovec iov = {.iov_base = copy, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(copy, bytes, len);
	if (n_fds) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), len);
}

static void a_message_and_its_descriptor_arrive(void **state)
{
	struct fixture *f = *state;
	uint32_t number = 42;
	int fd = open("/dev/null", O_RDONLY);

	send_raw(f->peer, &number, sizeof(number), &fd, 1);
	close(fd);
	settle(f);
	assert_int_equal(f->messages, 1);
	assert_int_equal(f->last, 42);
	assert_int_equal(f->last_len, sizeof(number));
	assert_true(fcntl(f->last_fd, F_GETFD) & FD_CLOEXEC);
	close(f->last_fd);
}

static void order_and_descriptors_survive_a_full_socket(void **state)
{
	struct fixture *f = *state;
	uint8_t buffer[CHANNEL_MESSAGE_MAX] = {0};
	int pipe_fds[2], got = -1;
	const uint32_t n = 1000;

	assert_int_equal(pipe(pipe_fds), 0);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(buffer, &i, sizeof(i));
		/* One descriptor while it goes straight, one while it has to wait. */
		assert_int_equal(channel_send(f->ch, buffer, sizeof(buffer),
					 i == 1 || i == n - 1 ? pipe_fds[1] : -1),
			0);
	}
	close(pipe_fds[1]);
	for (uint32_t i = 0; i < n; i++) {
		struct iovec iov = {buffer, sizeof(buffer)};
		union {
			struct cmsghdr header;
			char room[CMSG_SPACE(sizeof(int))];
		} control;
		struct msghdr msg = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control.room)};
		uint32_t number;

		settle(f);
		assert_int_equal(recvmsg(f->peer, &msg, 0), sizeof(buffer));
		memcpy(&number, buffer, sizeof(number));
		assert_int_equal(number, i);
		assert_int_equal(CMSG_FIRSTHDR(&msg) != NULL, i == 1 || i == n - 1);
		if (CMSG_FIRSTHDR(&msg)) {
			memcpy(&got, CMSG_DATA(&control.header), sizeof(got));
			assert_int_equal(write(got, "x", 1), 1);
			close(got);
		}
	}
	assert_int_equal(read(pipe_fds[0], buffer, sizeof(buffer)), 2);
	close(pipe_fds[0]);
	assert_false(f->closed);
}

static void what_waits_is_bounded(void **state)
{
	struct fixture *f = *state;
	static const uint8_t buffer[CHANNEL_MESSAGE_MAX];
	int sent = 0, r = 0;

	while (r == 0 && sent < 100000) {
		r = channel_send(f->ch, buffer, sizeof(buffer), -1);
		sent++;
	}
	assert_int_equal(r, -ENOBUFS);
	assert_true((size_t)sent * sizeof(buffer) < 2 * CHANNEL_QUEUE_MAX);
	for (sent = 0, r = 0; r == 0 && sent < 10000; sent++)
		r = channel_send(f->ch, buffer, 1, STDIN_FILENO);
	assert_int_equal(r, -ENOBUFS);
}

/* As the monitor tells a slow engine of a peer with very many allowed IPs, and of many tunnels. */
static void a_large_configuration_may_wait(void **state)
{
	struct fixture *f = *state;
	uint8_t buffer[40] = {0};
	const uint32_t n = 130000, n_fds = 600;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(buffer, &i, sizeof(i));
		assert_int_equal(channel_send(f->ch, buffer, sizeof(buffer),
					 i % (n / n_fds) ? -1 : STDIN_FILENO),
			0);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t number;

		if (recv(f->peer, buffer, sizeof(buffer), MSG_DONTWAIT) < 0) {
			settle(f);
			assert_int_equal(recv(f->peer, buffer, sizeof(buffer), 0), sizeof(buffer));
		}
		memcpy(&number, buffer, sizeof(number));
		assert_int_equal(number, i);
	}
	assert_false(f->closed);
}

static void wrong_lengths_are_refused_before_sending(void **state)
{
	struct fixture *f = *state;
	static const uint8_t buffer[CHANNEL_MESSAGE_MAX + 1];

	assert_int_equal(channel_send(f->ch, buffer, 0, -1), -EMSGSIZE);
	assert_int_equal(channel_send(f->ch, buffer, sizeof(buffer), -1), -EMSGSIZE);
	assert_int_equal(channel_send(f->ch, buffer, sizeof(buffer) - 1, -1), 0);
}

static void assert_protocol_error(struct fixture *f)
{
	settle(f);
	assert_int_equal(f->messages, 0);
	assert_true(f->closed);
	assert_int_equal(f->error, -EPROTO);
	assert_int_equal(channel_send(f->ch, "x", 1, -1), -EPIPE);
}

static void a_truncated_message_closes_the_channel(void **state)
{
	struct fixture *f = *state;
	static const uint8_t buffer[CHANNEL_MESSAGE_MAX + 1];

	send_raw(f->peer, buffer, sizeof(buffer), NULL, 0);
	assert_protocol_error(f);
}

/* The teardown sees to it that none of them stays open. */
static void extra_descriptors_close_the_channel(void **state)
{
	struct fixture *f = *state;
	static const int fds[2];

	send_raw(f->peer, "x", 1, fds, 2);
	assert_protocol_error(f);
}

static void many_extra_descriptors_close_the_channel(void **state)
{
	struct fixture *f = *state;
	static const int fds[16];

	send_raw(f->peer, "x", 1, fds, 16);
	assert_protocol_error(f);
}

static void the_last_messages_of_a_dead_peer_are_read(void **state)
{
	struct fixture *f = *state;

	/* What it did not read makes the kernel report a reset before the end. */
	assert_int_equal(channel_send(f->ch, "unread", 6, -1), 0);
	for (uint32_t i = 0; i < 40; i++)
		send_raw(f->peer, &i, sizeof(i), NULL, 0);
	close(f->peer);
	f->peer = -1;
	f->free_on_close = true;
	settle(f);
	assert_int_equal(f->messages, 40);
	assert_int_equal(f->last, 39);
	assert_true(f->closed);
	assert_int_equal(f->error, 0);
}

static void a_peer_that_dies_with_messages_waiting_is_noticed(void **state)
{
	struct fixture *f = *state;
	static const uint8_t buffer[CHANNEL_MESSAGE_MAX];

	for (int i = 0; i < 500; i++)
		assert_int_equal(channel_send(f->ch, buffer, sizeof(buffer), -1), 0);
	close(f->peer);
	f->peer = -1;
	settle(f);
	assert_true(f->closed);
	assert_int_equal(f->error, 0);
}

static void a_peer_that_reads_no_more_costs_no_time(void **state)
{
	struct fixture *f = *state;
	static const uint8_t buffer[CHANNEL_MESSAGE_MAX];

	for (int i = 0; i < 500; i++)
		assert_int_equal(channel_send(f->ch, buffer, sizeof(buffer), -1), 0);
	shutdown(f->peer, SHUT_RD);
	settle(f); /* would never return */
	assert_false(f->closed);
	send_raw(f->peer, "x", 1, NULL, 0);
	settle(f);
	assert_int_equal(f->messages, 1);
}

static void the_callback_may_free_the_channel(void **state)
{
	struct fixture *f = *state;

	f->free_on_message = true;
	send_raw(f->peer, "x", 1, NULL, 0);
	send_raw(f->peer, "x", 1, NULL, 0);
	settle(f);
	assert_int_equal(f->messages, 1);
	assert_false(f->closed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_and_its_descriptor_arrive),
		TEST(order_and_descriptors_survive_a_full_socket),
		TEST(what_waits_is_bounded),
		TEST(a_large_configuration_may_wait),
		TEST(wrong_lengths_are_refused_before_sending),
		TEST(a_truncated_message_closes_the_channel),
		TEST(extra_descriptors_close_the_channel),
		TEST(many_extra_descriptors_close_the_channel),
		TEST(the_last_messages_of_a_dead_peer_are_read),
		TEST(a_peer_that_dies_with_messages_waiting_is_noticed),
		TEST(a_peer_that_reads_no_more_costs_no_time),
		TEST(the_callback_may_free_the_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
