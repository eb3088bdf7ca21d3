/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The generator of the benchmark's UDP figures: as many datagrams of one size as go out, and what
 * of them arrives.
 *
 *     blast send ADDRESS PORT SIZE MILLISECONDS [runs]
 *     blast receive PORT [SILENCE_MS]
 *
 * iperf3 sends and receives one datagram a system call and is itself the bottleneck at 64 bytes, so
 * both ends work in batches here. Without `runs` each datagram is a packet of its own on the way,
 * as ordinary hosts send them. With it they leave as segments of one send (UDP_SEGMENT), as QUIC
 * stacks send them, and stay together as far as whatever is on the way lets them. The receiver asks
 * for UDP_GRO, so that what was kept together is counted at its worth.
 *
 * A datagram begins with its sequence number. The receiver says "ready", counts from the first to
 * the last that comes, ends when for SILENCE_MS (500) none came, and prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"

enum {
	BATCH = 64,
	RUN_MAX = 64, /* in one send, on any kernel that has UDP_SEGMENT */
	SIZE_MIN = sizeof(uint64_t),
	SIZE_MAX_UDP = 65507,
	PATIENCE_MS = 10000, /* for the first datagram */
	SILENCE_MS = 500,
	SILENCE_MS_MAX = 10000,
	RECEIVE_BUFFER = 16 << 20,
	LOWEST_PRIORITY = 19,
};

struct tally {
	uint64_t datagrams, bytes, next, late;
	uint32_t overflowed; /* the kernel dropped them at our socket: we were too slow */
	uint64_t first_ns, last_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int fail(const char *what)
{
	fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_to(const char *address, uint16_t port)
{
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	bool v6 = inet_pton(AF_INET6, address, &to6.sin6_addr) == 1;
	int fd;

	if (!v6 && inet_pton(AF_INET, address, &to4.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)connect(fd, v6 ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4,
			v6 ? sizeof(to6) : sizeof(to4));
	return fd;
}

/* Whether a send failed for a reason that passes: no room on the way, nobody listens yet. */
static bool passes(int error)
{
	return error == ENOBUFS || error == EAGAIN || error == ECONNREFUSED || error == EINTR;
}

/* How many datagrams of this size go in one send as segments of a run. */
static size_t run_length(size_t size)
{
	size_t most = SIZE_MAX_UDP / size;

	return most < RUN_MAX ? most : RUN_MAX;
}

/* Number the next `count` datagrams in the buffer. */
static void stamp(uint8_t *buffer, size_t size, uint64_t first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t number = first + i;

		memcpy(buffer + i * size, &number, sizeof(number));
	}
}

static int blast(int fd, uint8_t *buffer, size_t size, size_t run, uint64_t ms)
{
	struct mmsghdr messages[BATCH] = {0};
	struct iovec iov[BATCH];
	unsigned int sends = run > 1 ? 1 : BATCH;
	uint64_t sent = 0, end = now_ns() + ms * 1000000;

	for (size_t i = 0; i < sends; i++) {
		iov[i] = (struct iovec){buffer + i * size, size * run};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	while (now_ns() < end) {
		int n;

		stamp(buffer, size, sent, sends * run);
		n = sendmmsg(fd, messages, sends, 0);
		if (n < 0 && !passes(errno))
			return fail("sending");
		sent += n > 0 ? (uint64_t)n * run : 0;
	}
	printf("{\"datagrams\": %" PRIu64 "}\n", sent);
	return 0;
}

static int send_all(const char *address, uint16_t port, size_t size, uint64_t ms, bool in_runs)
{
	_cleanup_close_ int fd = open_to(address, port);
	_cleanup_free_ uint8_t *buffer = calloc(BATCH, size);
	size_t run = in_runs ? run_length(size) : 1;
	int segment = (int)size;

	if (fd < 0)
		return fail(address);
	if (!buffer)
		return fail("memory");
	if (in_runs && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0)
		return fail("UDP_SEGMENT");
	/* A sender elsewhere would not take the gateways' processor time. */
	(void)setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY);
	return blast(fd, buffer, size, run, ms);
}

static int open_receiver(uint16_t port)
{
	struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int one = 1, zero = 0, room = RECEIVE_BUFFER;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
		return -1;
	return fd;
}

static void set_patience(int fd, int ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* Read what the kernel says beside one message; returns the size of its segments, 0 for one. */
static size_t look_beside(struct msghdr *msg, struct tally *tally)
{
	size_t segment = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int size;

		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			segment = (size_t)size;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&tally->overflowed, CMSG_DATA(c), sizeof(tally->overflowed));
		}
	}
	return segment;
}

static void count(struct tally *tally, const uint8_t *bytes, size_t len, size_t segment)
{
	if (segment == 0)
		segment = len;
	for (size_t at = 0; at < len && len - at >= SIZE_MIN; at += segment) {
		uint64_t number;

		memcpy(&number, bytes + at, sizeof(number));
		tally->late += number < tally->next;
		tally->next = number < tally->next ? tally->next : number + 1;
		tally->datagrams++;
	}
	tally->bytes += len;
}

static void receive_until_silent(
	int fd, uint32_t silence_ms, struct tally *tally, uint8_t (*buffers)[SIZE_MAX_UDP])
{
	uint8_t beside[BATCH][CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t))];
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];

	for (;;) {
		int n;

		for (size_t i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){buffers[i], sizeof(buffers[i])};
			messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i],
				.msg_iovlen = 1,
				.msg_control = beside[i],
				.msg_controllen = sizeof(beside[i])};
		}
		n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0)
			return;
		tally->last_ns = now_ns();
		if (!tally->first_ns) {
			tally->first_ns = tally->last_ns;
			set_patience(fd, (int)silence_ms);
		}
		for (int i = 0; i < n; i++)
			count(tally, buffers[i], messages[i].msg_len,
				look_beside(&messages[i].msg_hdr, tally));
	}
}

static int receive_all(uint16_t port, uint32_t silence_ms)
{
	_cleanup_close_ int fd = open_receiver(port);
	_cleanup_free_ uint8_t(*buffers)[SIZE_MAX_UDP] = calloc(BATCH, sizeof(*buffers));
	struct tally tally = {0};

	if (fd < 0)
		return fail("receiver");
	if (!buffers)
		return fail("memory");
	set_patience(fd, PATIENCE_MS);
	puts("ready");
	fflush(stdout);
	receive_until_silent(fd, silence_ms, &tally, buffers);
	printf("{\"datagrams\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"late\": %" PRIu64
	       ", \"overflowed\": %" PRIu32 ", \"seconds\": %.6f}\n",
		tally.datagrams, tally.bytes, tally.late, tally.overflowed,
		(double)(tally.last_ns - tally.first_ns) / 1e9);
	return 0;
}

static unsigned long number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n < min || n > max) {
		fprintf(stderr, "blast: %s: not from %lu to %lu\n", text, min, max);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	bool in_runs = argc == 7 && !strcmp(argv[6], "runs");

	if ((argc == 6 || in_runs) && !strcmp(argv[1], "send"))
		return send_all(argv[2], (uint16_t)number(argv[3], 1, UINT16_MAX),
			number(argv[4], SIZE_MIN, SIZE_MAX_UDP), number(argv[5], 1, 1000000),
			in_runs);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "receive"))
		return receive_all((uint16_t)number(argv[2], 1, UINT16_MAX),
			argc == 4 ? number(argv[3], 1, SILENCE_MS_MAX) : SILENCE_MS);
	fputs("usage: blast send ADDRESS PORT SIZE MILLISECONDS [runs] | blast receive PORT "
	      "[SILENCE_MS]\n",
		stderr);
	return 2;
}
