/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generator of the benchmark's connection figures: as many TCP connections as can be opened,
 * some in flight at a time, each reset as soon as it stands, so that neither end remembers it.
 *
 *     connects serve PORT
 *     connects ask ADDRESS PORT MILLISECONDS
 *
 * The asking end prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	IN_FLIGHT = 64,
	BACKLOG = 4096,
	SILENCE_MS = 1000,
};

struct tally {
	uint64_t made, failed;
};

static int fail(const char *what)
{
	fprintf(stderr, "connects: %s: %s\n", what, strerror(errno));
	return EXIT_FAILURE;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void reset_on_close(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static int serve(uint16_t port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(fd, BACKLOG) < 0)
		return fail("listening");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int each = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (each < 0 && errno != ECONNABORTED && errno != EINTR)
			return fail("accepting");
		if (each >= 0)
			close(each);
	}
}

static int begin(int poll, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};

	if (fd < 0)
		return -errno;
	reset_on_close(fd);
	if ((connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS) ||
		epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return 0;
}

static void finish(int fd, struct tally *tally)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	tally->made += error == 0;
	tally->failed += error != 0;
	close(fd);
}

/* Keep IN_FLIGHT under way until the time is over. */
static int ask(const struct sockaddr_in *to, uint64_t ms, struct tally *tally)
{
	_cleanup_close_ int poll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[IN_FLIGHT];
	uint64_t end = now_ms() + ms;
	int flying = 0;

	if (poll < 0)
		return -errno;
	while (now_ms() < end) {
		int n;

		for (; flying < IN_FLIGHT; flying++) {
			int r = begin(poll, to);

			if (r < 0)
				return r;
		}
		n = epoll_wait(poll, events, IN_FLIGHT, SILENCE_MS);
		if (n <= 0)
			return n < 0 ? -errno : -ETIMEDOUT;
		for (int i = 0; i < n; i++)
			finish(events[i].data.fd, tally);
		flying -= n;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct tally tally = {0};
	uint64_t ms;
	int r;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve((uint16_t)atoi(argv[2]));
	if (argc != 5 || strcmp(argv[1], "ask") != 0 ||
		inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fputs("usage: connects serve PORT | connects ask ADDRESS PORT MILLISECONDS\n",
			stderr);
		return EXIT_FAILURE;
	}
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	ms = strtoull(argv[4], NULL, 10);
	r = ask(&to, ms, &tally);
	if (r < 0) {
		errno = -r;
		return fail("connecting");
	}
	printf("{\"made\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"seconds\": %.3f}\n", tally.made,
		tally.failed, (double)ms / 1000);
	return EXIT_SUCCESS;
}
