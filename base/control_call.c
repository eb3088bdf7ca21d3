/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/log.h"

#define CHUNK (16 * 1024) /* bytes asked for at a time */

/* Connecting to a Unix socket blocks while the server's backlog is full; SO_SNDTIMEO bounds it. */
static int dial(const char *path, int timeout_ms, int *fd)
{
	struct timeval limit = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	*fd = cleanup_take_fd(&sock);
	return 0;
}

static int await(int fd, short events, mono_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};
	int r;

	do {
		uint64_t left_us = mono_elapsed_us(clock_mono(), deadline);

		r = poll(&p, 1, (int)((left_us + US_PER_MS - 1) / US_PER_MS));
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

static int send_all(int fd, const char *text, size_t len, mono_t deadline)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		int r = 0;

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			r = await(fd, POLLOUT, deadline);
		} else if (errno != EINTR) {
			r = -errno;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* A connection that was asked, and what came of its answer. */
struct call {
	int fd;
	char *in;
	size_t in_len, used; /* bytes; those of the line that was taken last */
};

static void call_done(struct call *call)
{
	cleanup_close(&call->fd);
	free(call->in);
}

/* Wait for the next line. It stands at the begin of call->in, and is call->used bytes long. */
static int receive_line(struct call *call, mono_t deadline)
{
	char *end;

	call->in_len -= call->used;
	if (call->used)
		memmove(call->in, call->in + call->used, call->in_len);
	call->used = 0;
	while (!(end = call->in_len ? memchr(call->in, '\n', call->in_len) : NULL)) {
		char *grown;
		ssize_t n;
		int r;

		if (call->in_len >= CONTROL_REPLY_MAX)
			return -EPROTO;
		grown = realloc(call->in, call->in_len + CHUNK);
		if (!grown)
			return -ENOMEM;
		call->in = grown;
		r = await(call->fd, POLLIN, deadline);
		if (r < 0)
			return r;
		n = recv(call->fd, call->in + call->in_len, CHUNK, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n ? -errno : -EPROTO;
		call->in_len += (size_t)n;
	}
	call->used = (size_t)(end - call->in) + 1;
	return 0;
}

static int send_request(
	struct call *call, const char *path, json_t *request, int timeout_ms, mono_t deadline)
{
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	/* To the socket option, no time at all would be for ever. */
	int r = text ? dial(path, timeout_ms > 0 ? timeout_ms : 1, &call->fd) : -EINVAL;

	if (r == 0)
		r = send_all(call->fd, text, strlen(text), deadline);
	if (r == 0)
		r = send_all(call->fd, "\n", 1, deadline);
	/* A server that turns us away may close before it reads: its reply says why. */
	return r == -EPIPE ? 0 : r;
}

static int check_reply(json_t *reply, json_t **data, char *err, size_t errlen)
{
	json_t *ok = json_object_get(reply, "ok");
	json_t *content = json_object_get(reply, "data");
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (json_integer_value(json_object_get(reply, "schema")) != CONTROL_SCHEMA)
		return -EPROTO;
	if (json_is_true(ok) && content) {
		*data = content;
		return 0;
	}
	if (!json_is_false(ok) || !error)
		return -EPROTO;
	log_escape(error, strlen(error), err, errlen);
	return -EREMOTEIO;
}

/* What takes the lines, and what it said to the last one. */
struct taker {
	int (*take)(json_t *data, bool last, void *arg);
	void *arg;
	int result;
};

/* Returns 1 if more lines follow, 0 at the end, or a negative errno. */
static int take_line(const struct call *call, struct taker *taker, char *err, size_t errlen)
{
	_cleanup_json_ json_t *reply =
		json_loadb(call->in, call->used, JSON_REJECT_DUPLICATES, NULL);
	json_t *data = NULL;
	bool more;
	int r = reply ? check_reply(reply, &data, err, errlen) : -EPROTO;

	if (r < 0)
		return r;
	more = json_is_true(json_object_get(reply, "more"));
	taker->result = taker->take(data, !more, taker->arg);
	return more && taker->result == 0;
}

/* Say what kept the answer from coming; what the server said is in err already. */
static void explain(const char *path, int r, char *err, size_t errlen)
{
	if (r == -EPROTO)
		snprintf(err, errlen, "%s: the reply is not of our protocol", path);
	else if (r != -EREMOTEIO)
		snprintf(err, errlen, "%s: %s", path, strerror(-r));
}

int control_call_lines(const char *path, json_t *request, int timeout_ms,
	int (*take)(json_t *data, bool last, void *arg), void *arg, char *err, size_t errlen)
{
	uint64_t limit_ms = timeout_ms > 0 ? (uint64_t)timeout_ms : 0;
	mono_t deadline = mono_add_ms(clock_mono(), limit_ms);
	struct taker taker = {take, arg, 0};
	struct call call = {.fd = -1};
	int r = send_request(&call, path, request, timeout_ms, deadline);

	*err = '\0';
	while (r >= 0) {
		r = receive_line(&call, deadline);
		if (r == 0)
			r = take_line(&call, &taker, err, errlen);
		if (r == 0)
			break;
		deadline = mono_add_ms(clock_mono(), limit_ms);
	}
	call_done(&call);
	if (r < 0)
		explain(path, r, err, errlen);
	return r < 0 ? r : taker.result;
}

static int take_only(json_t *data, bool last, void *arg)
{
	json_t **only = arg;

	*only = last ? json_incref(data) : NULL;
	return last ? 0 : -EPROTO;
}

int control_call(
	const char *path, json_t *request, int timeout_ms, json_t **data, char *err, size_t errlen)
{
	json_t *only;
	int r = control_call_lines(path, request, timeout_ms, take_only, &only, err, errlen);

	if (r == 0)
		*data = only;
	else if (!*err)
		explain(path, r, err, errlen);
	return r;
}
