/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sandbox.h"
#include "base/sockaddr.h"
#include "vpnd/monitor/process.h"

enum { ANSWER_FD = 3 };

struct lookup {
	int fd;
	pid_t pid;
};

/* --- in the process of its own
 * -------------------------------------------------------------------- */

static int isolate(int answer_fd, uid_t uid, gid_t gid, pid_t monitor)
{
	int r = process_reset_signals();

	if (r == 0)
		r = process_silence_stdio();
	if (r == 0 && answer_fd != ANSWER_FD && dup2(answer_fd, ANSWER_FD) < 0)
		r = -errno;
	if (r == 0 && close_range(ANSWER_FD + 1, ~0U, 0) < 0)
		r = -errno;
	if (r == 0)
		r = sandbox_drop(uid, gid);
	return r < 0 ? r : process_die_with(monitor);
}

static void take(const struct addrinfo *list, uint16_t port, struct lookup_answer *answer)
{
	for (const struct addrinfo *i = list; i && answer->n < ROTATION_MAX; i = i->ai_next) {
		struct endpoint *at = &answer->endpoints[answer->n];
		union sockaddr_any address = {0};

		if (i->ai_addrlen > sizeof(address))
			continue;
		memcpy(&address, i->ai_addr, i->ai_addrlen);
		if (sockaddr_to_endpoint(&address, at) < 0)
			continue;
		at->port = port;
		answer->n++;
	}
	if (answer->n == 0)
		snprintf(answer->reason, sizeof(answer->reason), "the name has no address");
}

static void look_up(const char *host, uint16_t port, struct lookup_answer *answer)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	int r = getaddrinfo(host, NULL, &hints, &list);

	if (r != 0) {
		snprintf(answer->reason, sizeof(answer->reason), "%s", gai_strerror(r));
		return;
	}
	take(list, port, answer);
	freeaddrinfo(list);
}

/* --- in the monitor
 * ------------------------------------------------------------------------------- */

int lookup_new(const char *host, uint16_t port, uid_t uid, gid_t gid, struct lookup **out)
{
	struct lookup_answer answer = {0};
	_cleanup_free_ struct lookup *l = malloc(sizeof(*l));
	pid_t monitor = getpid(), pid;
	int fds[2];

	if (!l)
		return -ENOMEM;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	_cleanup_close_ int read_end = fds[0];
	_cleanup_close_ int write_end = fds[1];

	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (isolate(write_end, uid, gid, monitor) < 0)
			_exit(EXIT_FAILURE);
		look_up(host, port, &answer);
		_exit(write(ANSWER_FD, &answer, sizeof(answer)) == sizeof(answer) ? EXIT_SUCCESS
										  : EXIT_FAILURE);
	}
	*l = (struct lookup){.fd = cleanup_take_fd(&read_end), .pid = pid};
	*out = cleanup_take(l);
	return 0;
}

void lookup_free(struct lookup *l)
{
	kill(l->pid, SIGKILL);
	waitpid(l->pid, NULL, 0);
	cleanup_close(&l->fd);
	free(l);
}

int lookup_fd(const struct lookup *l)
{
	return l->fd;
}

/* Beyond what the family has there is nothing. */
static bool is_address(const struct addr *a)
{
	static const struct addr zero;
	size_t used = addr_bits(a->family) / 8;

	return used > 0 && memcmp(a->bytes + used, zero.bytes, sizeof(zero.bytes) - used) == 0;
}

bool lookup_can_be(const struct lookup_answer *answer)
{
	if (answer->n > ROTATION_MAX || !memchr(answer->reason, '\0', sizeof(answer->reason)))
		return false;
	for (size_t i = 0; i < answer->n; i++)
		if (!is_address(&answer->endpoints[i].addr))
			return false;
	return true;
}

int lookup_read(const struct lookup *l, struct lookup_answer *out)
{
	struct lookup_answer answer;

	/* A pipe takes and gives less than PIPE_BUF whole. */
	_Static_assert(sizeof(answer) <= PIPE_BUF, "an answer is written at once");
	if (read(l->fd, &answer, sizeof(answer)) != sizeof(answer) || !lookup_can_be(&answer))
		return -EIO;
	*out = answer;
	return 0;
}
