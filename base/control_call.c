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

/* Read up to and with the newline. *line is to be freed, also after an error. */
static int receive_line(int fd, mono_t deadline, char **line, size_t *len)
{
	for (;;) {
		char *grown;
		ssize_t n;
		int r;

		if (*len >= CONTROL_REPLY_MAX)
			return -EPROTO;
		grown = realloc(*line, *len + CHUNK);
		if (!grown)
			return -ENOMEM;
		*line = grown;
		r = await(fd, POLLIN, deadline);
		if (r < 0)
			return r;
		n = recv(fd, *line + *len, CHUNK, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n ? -errno : -EPROTO;
		*len += (size_t)n;
		if (memchr(*line + *len - n, '\n', (size_t)n))
			return 0;
	}
}

static int exchange(const char *path, const char *request, int timeout_ms, json_t **reply)
{
	mono_t deadline = mono_add_ms(clock_mono(), timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *line = NULL;
	size_t len = 0;
	/* To the socket option, no time at all would be for ever. */
	int r = dial(path, timeout_ms > 0 ? timeout_ms : 1, &fd);

	if (r == 0)
		r = send_all(fd, request, strlen(request), deadline);
	if (r == 0)
		r = send_all(fd, "\n", 1, deadline);
	/* A server that turns us away may close before it reads: its reply says why. */
	if (r == 0 || r == -EPIPE)
		r = receive_line(fd, deadline, &line, &len);
	if (r < 0)
		return r;
	*reply = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	return *reply ? 0 : -EPROTO;
}

static int check_reply(json_t *reply, json_t **data, char *err, size_t errlen)
{
	json_t *ok = json_object_get(reply, "ok");
	json_t *content = json_object_get(reply, "data");
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (json_integer_value(json_object_get(reply, "schema")) != CONTROL_SCHEMA)
		return -EPROTO;
	if (json_is_true(ok) && content) {
		*data = json_incref(content);
		return 0;
	}
	if (!json_is_false(ok) || !error)
		return -EPROTO;
	log_escape(error, strlen(error), err, errlen);
	return -EREMOTEIO;
}

int control_call(
	const char *path, json_t *request, int timeout_ms, json_t **data, char *err, size_t errlen)
{
	_cleanup_json_ json_t *reply = NULL;
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	int r = text ? exchange(path, text, timeout_ms, &reply) : -EINVAL;

	if (r == 0)
		r = check_reply(reply, data, err, errlen);
	if (r == -EPROTO)
		snprintf(err, errlen, "%s: the reply is not of our protocol", path);
	else if (r < 0 && r != -EREMOTEIO)
		snprintf(err, errlen, "%s: %s", path, strerror(-r));
	return r;
}
