/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client is in one of four states, and what its descriptor is polled for follows from it:
 * a reply waits to be taken (EPOLLOUT), a whole request waits in the buffer (EPOLLOUT too, so that
 * it is served on the loop's next turn and others have theirs), a request is awaited (EPOLLIN), or
 * the handler answers later (nothing: if the client left meanwhile, sending the reply tells).
 * Between the lines of a long answer it is polled as if a request waited.
 * So it holds at most one request buffer and one reply, and cannot keep the loop busy for longer
 * than one request takes.
 */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "base/log.h"

#define ERROR_MAX 4096 /* bytes of an error text, before escaping */

/* How often the listening socket may wake us: when descriptors run out, it stays readable. */
#define ACCEPT_BURST 32
#define ACCEPT_INTERVAL_US 100000

struct control_later {
	struct client *client; /* NULL: gone */
};

struct client {
	struct client *next, **back; /* *back points to us */
	struct control_server *server;
	int fd;
	sd_event_source *io, *idle;
	char *in; /* of CONTROL_REQUEST_MAX bytes */
	size_t in_len;
	char *out; /* the reply, NULL if none waits */
	size_t out_len, out_done;
	struct control_later *later; /* the reply that the handler owes, NULL if none */
	struct control_lines lines;  /* what makes the rest of the answer; all NULL if none */
	bool eof;                    /* it sends no more, but may still read */
	bool closing;                /* drop it when its reply is out */
};

struct control_server {
	sd_event *event;
	int fd;
	sd_event_source *io;
	control_handler handler;
	void *arg;
	uint64_t idle_us;
	struct client *serving; /* whose request the handler has */
	struct client *clients;
	size_t n_clients;
};

static void end_lines(struct client *c)
{
	struct control_lines lines = c->lines;

	c->lines = (struct control_lines){0};
	if (lines.done)
		lines.done(lines.arg);
}

static void drop(struct client *c)
{
	end_lines(c);
	*c->back = c->next;
	if (c->next)
		c->next->back = c->back;
	c->server->n_clients--;
	if (c->later)
		c->later->client = NULL;
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->idle);
	cleanup_close(&c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

/* --- replies -------------------------------------------------------------------------------- */

static char *dump_line(json_t *reply, size_t *len)
{
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;
	char *line = text && n < CONTROL_REPLY_MAX ? malloc(n + 1) : NULL;

	if (line) {
		memcpy(line, text, n);
		line[n] = '\n';
		*len = n + 1;
	}
	free(text);
	return line;
}

static char *error_line(const char *error, size_t *len)
{
	char safe[LOG_ESCAPED_LEN(ERROR_MAX)];
	_cleanup_json_ json_t *reply = json_pack("{s:i, s:b, s:s}", "schema", CONTROL_SCHEMA, "ok",
		0, "error", log_escape(error, strlen(error), safe, sizeof(safe)));

	return dump_line(reply, len);
}

/* Takes over `data`. */
static char *data_line(json_t *data, bool more, size_t *len)
{
	_cleanup_json_ json_t *reply = json_pack("{s:i, s:b, s:b, s:o}", "schema", CONTROL_SCHEMA,
		"ok", 1, "more", more, "data", data);

	if (!more)
		json_object_del(reply, "more");
	return dump_line(reply, len);
}

/*
 * The reply to one line, which is no C string. NULL when the handler answers later, or memory is
 * short.
 */
static char *answer(struct client *c, const char *line, size_t line_len, size_t *len)
{
	struct control_server *s = c->server;
	char err[ERROR_MAX] = "no reason given";
	json_error_t where;
	_cleanup_json_ json_t *request = json_loadb(line, line_len, JSON_REJECT_DUPLICATES, &where);
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	json_t *data;
	char *reply;

	if (!request)
		return error_line(where.text, len);
	if (!cmd)
		return error_line("a request is an object with the string \"cmd\"", len);
	s->serving = c;
	data = s->handler(s->arg, cmd, request, err, sizeof(err));
	s->serving = NULL;
	if (c->later || c->out || c->lines.next)
		return NULL;
	if (!data)
		return error_line(err, len);
	reply = data_line(data, false, len);
	return reply ? reply : error_line("the reply is too large", len);
}

/* --- one client ----------------------------------------------------------------------------- */

static char *whole_line(const struct client *c)
{
	return c->in_len ? memchr(c->in, '\n', c->in_len) : NULL;
}

static int restart_idle(struct client *c)
{
	int r = sd_event_source_set_time_relative(c->idle, c->server->idle_us);

	return r < 0 ? r : sd_event_source_set_enabled(c->idle, SD_EVENT_ONESHOT);
}

/* Take what it sent. */
static int fill(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, CONTROL_REQUEST_MAX - c->in_len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->eof = n == 0;
	c->in_len += (size_t)n;
	return n ? restart_idle(c) : 0;
}

/* Answer the first whole line, if there is one. */
static int serve(struct client *c)
{
	const char *end = whole_line(c);
	char *reply;
	size_t used;

	c->out_done = 0;
	if (end) {
		used = (size_t)(end - c->in) + 1;
		reply = answer(c, c->in, used - 1, &c->out_len);
		if (reply)
			c->out = reply;
		c->in_len -= used;
		memmove(c->in, c->in + used, c->in_len);
	} else if (c->in_len == CONTROL_REQUEST_MAX) {
		/* Where the next request starts cannot be known. */
		c->out = error_line("the request is too long", &c->out_len);
		c->closing = true;
	} else {
		return 0;
	}
	return c->out || c->later || c->lines.next ? 0 : -ENOMEM;
}

/* The next line of a long answer. */
static int make_line(struct client *c)
{
	char err[ERROR_MAX] = "no reason given";
	json_t *data = NULL;
	int r = c->lines.next(c->lines.arg, &data, err, sizeof(err));

	if (r > 0 && !data)
		return 0;
	c->out_done = 0;
	c->out = r < 0 ? error_line(err, &c->out_len) : data_line(data, r > 0, &c->out_len);
	if (r <= 0)
		end_lines(c);
	return c->out ? 0 : -ENOMEM;
}

static int flush(struct client *c)
{
	ssize_t n = send(
		c->fd, c->out + c->out_done, c->out_len - c->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	c->out_done += (size_t)n;
	if (c->out_done == c->out_len) {
		free(c->out);
		c->out = NULL;
	}
	return restart_idle(c);
}

/* True if there is nothing left to send and nothing to be answered. */
static bool idle(const struct client *c)
{
	return !c->out && !c->lines.next && (c->closing || !whole_line(c));
}

static int advance(struct client *c)
{
	int r = 0;

	if (!c->out && !c->lines.next && !c->eof && !whole_line(c))
		r = fill(c);
	if (r == 0 && !c->out && !c->lines.next)
		r = serve(c);
	if (r == 0 && !c->out && c->lines.next)
		r = make_line(c);
	if (r == 0 && c->out)
		r = flush(c);
	if (r == 0 && c->later)
		return sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
	if (r == 0 && idle(c) && (c->closing || c->eof))
		r = -ECONNRESET;
	if (r < 0)
		return r;
	return sd_event_source_set_io_events(c->io, idle(c) ? EPOLLIN : EPOLLOUT);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct client *c = arg;

	(void)source;
	(void)fd;
	(void)events;
	if (advance(c) < 0)
		drop(c);
	return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	drop(arg);
	return 0;
}

/* --- answers that come later, or in parts
 * ---------------------------------------------------------------- */

struct control_later *control_later(struct control_server *server)
{
	struct client *c = server->serving;

	c->later = calloc(1, sizeof(*c->later));
	if (c->later)
		c->later->client = c;
	return c->later;
}

void control_answer(struct control_later *later, json_t *data, const char *error)
{
	struct client *c = later->client;

	free(later);
	if (!c) {
		json_decref(data);
		return;
	}
	c->later = NULL;
	c->out = data ? data_line(data, false, &c->out_len) : error_line(error, &c->out_len);
	if (c == c->server->serving)
		return; /* at once after all: serve goes on with it */
	if (!c->out || sd_event_source_set_io_events(c->io, EPOLLOUT) < 0 ||
		sd_event_source_set_enabled(c->io, SD_EVENT_ON) < 0)
		drop(c);
}

void control_lines(struct control_server *server, const struct control_lines *lines)
{
	server->serving->lines = *lines;
}

/* --- the server ----------------------------------------------------------------------------- */

/* Owns `fd` whether it succeeds or not. */
static void welcome(struct control_server *s, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	*c = (struct client){.server = s, .fd = fd, .next = s->clients, .back = &s->clients};
	if (c->next)
		c->next->back = &c->next;
	s->clients = c;
	s->n_clients++;
	c->in = malloc(CONTROL_REQUEST_MAX);
	if (!c->in || sd_event_add_io(s->event, &c->io, fd, EPOLLIN, on_client, c) < 0 ||
		sd_event_add_time_relative(
			s->event, &c->idle, CLOCK_MONOTONIC, s->idle_us, 0, on_idle, c) < 0)
		drop(c);
}

static void turn_away(int fd)
{
	size_t len = 0;
	_cleanup_free_ char *line = error_line("too many clients", &len);

	/* If it does not fit, the closed connection says the same. */
	if (line && send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("control: cannot turn a client away: %m");
	close(fd);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct control_server *s = arg;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (client < 0)
		log_debug("control: accept: %m");
	else if (s->n_clients >= CONTROL_CLIENTS_MAX)
		turn_away(client);
	else
		welcome(s, client);
	return 0;
}

int control_server_move(struct control_server *s, int listen_fd)
{
	sd_event_source *io = NULL;
	int r = sd_event_add_io(s->event, &io, listen_fd, EPOLLIN, on_connection, s);

	if (r >= 0)
		r = sd_event_source_set_ratelimit(io, ACCEPT_INTERVAL_US, ACCEPT_BURST);
	if (r < 0) {
		sd_event_source_disable_unref(io);
		return r;
	}
	sd_event_source_disable_unref(s->io);
	cleanup_close(&s->fd);
	s->io = io;
	s->fd = listen_fd;
	return 0;
}

int control_server_new(sd_event *event, int listen_fd, control_handler handler, void *arg,
	struct control_server **out)
{
	struct control_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct control_server){.fd = -1, .handler = handler, .arg = arg};
	s->event = sd_event_ref(event);
	s->idle_us = CONTROL_IDLE_S * 1000000ULL;
	r = control_server_move(s, listen_fd);
	if (r < 0)
		control_server_free(s);
	else
		*out = s;
	return r;
}

void control_server_set_idle_ms(struct control_server *server, unsigned int idle_ms)
{
	server->idle_us = idle_ms * 1000ULL;
}

void control_server_free(struct control_server *server)
{
	if (!server)
		return;
	while (server->clients)
		drop(server->clients);
	sd_event_source_disable_unref(server->io);
	sd_event_unref(server->event);
	cleanup_close(&server->fd);
	free(server);
}
