/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two clients of a control server. The input is a script: bytes that one of them sends, in pieces,
 * ends of its sending or of itself, and turns of the event loop. Each reply must be one line of
 * JSON of our schema, there are never more of them than lines were sent, and after any input a
 * well-behaved client is served.
 */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENTS = 2, LATER_MAX = 4, DIALS_MAX = 20 }; /* fewer than the server takes at once */

struct asker {
	int fd;
	size_t lines, replies, len;
	char reply[CONTROL_REQUEST_MAX * 8];
};

static struct {
	sd_event *event;
	struct control_server *server;
	struct sockaddr_un address;
	struct control_later *later[LATER_MAX];
	size_t laters;
	struct asker askers[CLIENTS];
	unsigned int dials;
} t;

static void must(bool right)
{
	if (!right)
		abort();
}

static json_t *handle(void *arg, const char *cmd, json_t *request, char *err, size_t errlen)
{
	(void)arg;
	if (strcmp(cmd, "e") == 0)
		return json_incref(request); /* all it said, back */
	if (strcmp(cmd, "l") == 0 && t.laters < LATER_MAX) {
		t.later[t.laters] = control_later(t.server);
		t.laters += t.later[t.laters] != NULL;
		return NULL;
	}
	if (strcmp(cmd, "n") == 0) {
		control_answer(control_later(t.server), NULL, cmd);
		return NULL;
	}
	strncpy(err, cmd, errlen - 1);
	err[errlen - 1] = '\0';
	return NULL;
}

static void answer_later(void)
{
	while (t.laters)
		control_answer(t.later[--t.laters], json_object(), NULL);
}

static void run(void)
{
	while (sd_event_run(t.event, 0) > 0)
		;
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = (socklen_t)(sizeof(sa_family_t) + 1 + strlen(t.address.sun_path + 1));

	t.dials++;
	run(); /* else it may have too many to take */
	must(fd >= 0 && connect(fd, (struct sockaddr *)&t.address, len) == 0);
	return fd;
}

static void check_reply(const char *line, size_t len)
{
	_cleanup_json_ json_t *reply = json_loadb(line, len, 0, NULL);

	must(json_integer_value(json_object_get(reply, "schema")) == CONTROL_SCHEMA);
	must(json_is_true(json_object_get(reply, "ok")) == !json_object_get(reply, "error"));
}

static void take_replies(struct asker *a)
{
	ssize_t n;
	char *end;

	if (a->fd < 0)
		return;
	while ((n = recv(a->fd, a->reply + a->len, sizeof(a->reply) - a->len, 0)) > 0) {
		a->len += (size_t)n;
		while ((end = memchr(a->reply, '\n', a->len))) {
			size_t line = (size_t)(end - a->reply);

			check_reply(a->reply, line);
			a->replies++;
			a->len -= line + 1;
			memmove(a->reply, end + 1, a->len);
		}
	}
	/* One more than lines: the one that says that a line is too long. */
	must(a->replies <= a->lines + 1);
}

static void say(struct asker *a, const uint8_t *bytes, size_t len)
{
	if (a->fd < 0 || !len || send(a->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		return;
	for (size_t i = 0; i < len; i++)
		a->lines += bytes[i] == '\n';
}

/* A filler as long as a request may be, to get at the limits with short inputs. */
static void say_much(struct asker *a, uint8_t missing)
{
	static uint8_t spaces[CONTROL_REQUEST_MAX];

	memset(spaces, ' ', sizeof(spaces));
	say(a, spaces, sizeof(spaces) - missing);
}

static void set_up(void)
{
	socklen_t len = sizeof(t.address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memset(&t, 0, sizeof(t));
	t.address.sun_family = AF_UNIX;
	must(bind(fd, (struct sockaddr *)&t.address, sizeof(sa_family_t)) == 0);
	must(getsockname(fd, (struct sockaddr *)&t.address, &len) == 0);
	must(listen(fd, 8) == 0 && sd_event_new(&t.event) >= 0);
	must(control_server_new(t.event, fd, handle, NULL, &t.server) == 0);
	for (size_t i = 0; i < CLIENTS; i++)
		t.askers[i].fd = dial();
}

/* One step of the script; returns how many bytes of it were used. */
static size_t step(const uint8_t *data, size_t size)
{
	struct asker *a = &t.askers[data[0] & 1];
	size_t len = size > 1 ? data[1] : 0;

	switch (data[0] >> 1 & 7) {
	case 0:
	case 1:
		if (len > size - 2 || size < 2)
			len = size < 2 ? 0 : size - 2;
		say(a, data + 2, len);
		return 2 + len;
	case 2:
		say_much(a, (uint8_t)len);
		return 2;
	case 3:
		if (a->fd >= 0)
			shutdown(a->fd, len & 1 ? SHUT_WR : SHUT_RD);
		return 2;
	case 4:
		cleanup_close(&a->fd);
		*a = (struct asker){.fd = len & 1 && t.dials < DIALS_MAX ? dial() : -1};
		return 2;
	case 5:
		answer_later();
		return 1;
	case 6:
		take_replies(a);
		return 1;
	default:
		sd_event_run(t.event, 0);
		return 1;
	}
}

static void check_that_it_serves(void)
{
	static const char request[] = "{\"cmd\":\"e\"}\n";
	static struct asker a;

	a = (struct asker){.fd = dial(), .lines = 1};
	must(send(a.fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
	run();
	take_replies(&a);
	must(a.replies == 1);
	cleanup_close(&a.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	set_up();
	while (size) {
		size_t used = step(data, size);

		used = used < size ? used : size;
		data += used;
		size -= used;
	}
	run();
	for (size_t i = 0; i < CLIENTS; i++) {
		take_replies(&t.askers[i]);
		cleanup_close(&t.askers[i].fd);
	}
	run();
	check_that_it_serves();
	control_server_free(t.server);
	answer_later(); /* nobody is there any more */
	sd_event_unref(t.event);
	return 0;
}
