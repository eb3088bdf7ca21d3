/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One `set` is carried out at a time: it has the turn. What must be asked of the monitor comes
 * first, because that may be refused and the rest may not. Clients whose `set` is whole wait in
 * line for the turn; they are not polled, so a `set` that was sent is carried out even if its
 * client does not wait for the answer.
 *
 * All other clients are polled for what they need next: room for an answer, or bytes of a request.
 * One callback serves at most one request, so that no client keeps the engine busy.
 */
#include "vpnd/engine/uapi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/text.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/uapi_apply.h"
#include "vpnd/engine/uapi_parse.h"
#include "vpnd/engine/uapi_print.h"

enum { INPUT_LEN = 16 * 1024 }; /* bytes read at once */

/* How often the listening socket may wake us: when descriptors run out, it stays readable. */
enum { ACCEPT_BURST = 32, ACCEPT_INTERVAL_US = 100000 };

struct client {
	struct client *next, **back; /* *back points to us */
	struct uapi_server *server;
	int fd;
	sd_event_source *io;
	mono_t progress; /* when bytes went in or out last */
	bool in_line;    /* its whole `set` has the turn or waits for it */
	struct uapi_parser parser;
	struct text out;      /* answers that it has not taken yet */
	size_t in_at, in_len; /* bytes of `in` that are not parsed yet */
	char in[INPUT_LEN];
};

/* What the client that has the turn still needs. */
enum step {
	STEP_BIND,
	STEP_MARK,
	STEP_APPLY,
};

struct uapi_server {
	struct tunnel *tunnel;
	int fd;
	sd_event_source *io;
	struct client *clients; /* newest first */
	size_t client_count;
	sd_event_source *retry; /* when the house was full: look again then */
	struct client *turn;    /* NULL: nobody has it */
	enum step step;         /* the next one of that client */
};

static void drop(struct client *client)
{
	/* There is room again for who waits. */
	sd_event_source_set_enabled(client->server->io, SD_EVENT_ON);
	*client->back = client->next;
	if (client->next)
		client->next->back = client->back;
	client->server->client_count--;
	sd_event_source_disable_unref(client->io);
	cleanup_close(&client->fd);
	uapi_parse_done(&client->parser);
	text_done(&client->out);
	explicit_bzero(client->in, sizeof(client->in));
	free(client);
}

static int poll_for_next(struct client *client)
{
	uint32_t events = client->out.len || client->in_len ? EPOLLOUT : EPOLLIN;
	int r = sd_event_source_set_io_events(client->io, events);

	return r < 0 ? r
		     : sd_event_source_set_enabled(
			       client->io, client->in_line ? SD_EVENT_OFF : SD_EVENT_ON);
}

/* End the answer with `error`, and with it the request. */
static void answer(struct client *client, int error)
{
	if (client->out.error) {
		error = client->out.error;
		text_done(&client->out); /* an answer that lacks a part is none */
	}
	text_add(&client->out, "errno=%d\n\n", error);
	uapi_parse_done(&client->parser);
	uapi_parse_init(&client->parser, false);
	client->in_line = false;
}

/* --- the turn ------------------------------------------------------------------------------- */

static void advance(struct uapi_server *server);

static void give_turn(struct uapi_server *server)
{
	struct client *client, *oldest = NULL;

	for (client = server->clients; client; client = client->next)
		if (client->in_line)
			oldest = client;
	server->turn = oldest;
	server->step = STEP_BIND;
	if (oldest)
		advance(server);
}

static void end_turn(struct uapi_server *server, int error)
{
	struct client *client = server->turn;

	if (error)
		log_debug("%s: uapi: set failed: %s", server->tunnel->name, strerror(-error));
	answer(client, error);
	/* If this fails, the client is idle until another needs its place. */
	poll_for_next(client);
	give_turn(server);
}

static void on_monitor(void *arg, int error)
{
	struct uapi_server *server = arg;

	if (error)
		end_turn(server, error);
	else
		advance(server);
}

/* Ask the monitor for what this step needs: 0, or 1 if the answer comes later, or an error. */
static int ask(struct uapi_server *server, enum step step)
{
	const struct uapi_changes *changes = &server->turn->parser.changes;
	struct tunnel *tunnel = server->tunnel;
	const struct uapi_change *change;
	int error;

	if (step == STEP_BIND) {
		change = uapi_changes_last(changes, UAPI_LISTEN_PORT);
		/* Port 0 is a new one each time, as in the reference. */
		if (!change || (change->number && change->number == tunnel->listen_port))
			return 0;
		error = tunnel_bind(tunnel, (uint16_t)change->number, on_monitor, server);
	} else {
		change = uapi_changes_last(changes, UAPI_FWMARK);
		if (!change || change->number == tunnel->fwmark)
			return 0;
		error = tunnel_mark(tunnel, change->number, on_monitor, server);
	}
	return error ? error : 1;
}

/* Carry on with the client that has the turn. */
static void advance(struct uapi_server *server)
{
	int r = 0;

	while (r == 0 && server->step != STEP_APPLY)
		r = ask(server, server->step++);
	if (r > 0)
		return;
	if (r == 0) {
		r = uapi_apply(server->tunnel, &server->turn->parser.changes, clock_mono());
		tunnel_changed(server->tunnel);
	}
	end_turn(server, r);
}

/* --- one client ----------------------------------------------------------------------------- */

static void get(struct client *client)
{
	if (!client->parser.error)
		uapi_print_get(client->server->tunnel, clock_mono(), &client->out);
	answer(client, client->parser.error);
}

static void set(struct client *client)
{
	struct uapi_server *server = client->server;

	if (client->parser.error) {
		answer(client, client->parser.error);
		return;
	}
	client->in_line = true;
	if (!server->turn)
		give_turn(server);
}

/* Take what it sent. The end of it is an error: there is nobody any more to serve. */
static int fill(struct client *client)
{
	ssize_t n = recv(client->fd, client->in, sizeof(client->in), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	client->in_at = 0;
	client->in_len = (size_t)n;
	client->progress = clock_mono();
	return 0;
}

/* Parse what is there, up to the end of one request, and serve that. */
static int serve(struct client *client)
{
	char *bytes = client->in + client->in_at;
	enum uapi_parsed parsed;
	size_t taken;

	parsed = uapi_parse(&client->parser, bytes, client->in_len, &taken);
	explicit_bzero(bytes, taken);
	client->in_at += taken;
	client->in_len -= taken;
	switch (parsed) {
	case UAPI_PARSED_PART:
		return 0;
	case UAPI_PARSED_GET:
		get(client);
		return 0;
	case UAPI_PARSED_SET:
		set(client);
		return 0;
	case UAPI_PARSED_JUNK:
		break;
	}
	return -EPROTO;
}

/* Send what it takes. */
static int flush(struct client *client)
{
	const char *bytes;
	size_t len;
	ssize_t n;

	while ((len = text_front(&client->out, &bytes))) {
		n = send(client->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		text_consume(&client->out, (size_t)n);
		client->progress = clock_mono();
	}
	return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct client *client = arg;
	int r = 0;

	(void)source;
	(void)fd;
	(void)events;
	if (!client->out.len && !client->in_len)
		r = fill(client);
	if (r == 0 && !client->out.len && client->in_len)
		r = serve(client);
	if (r == 0 && client->out.len)
		r = flush(client);
	if (r == 0)
		r = poll_for_next(client);
	if (r < 0)
		drop(client);
	return 0;
}

/* --- the server ----------------------------------------------------------------------------- */

/* Who made no progress for longest, of those that may be dropped; NULL if there is none. */
static struct client *idlest(const struct uapi_server *server)
{
	struct client *client, *found = NULL;

	for (client = server->clients; client; client = client->next)
		if (!client->in_line && (!found || mono_before(client->progress, found->progress)))
			found = client;
	return found;
}

/*
 * True if one more client finds a place, if need be that of one who has been idle. Else whoever
 * comes next waits in the socket's queue until somebody goes or has been idle for long enough.
 */
static bool has_room(struct uapi_server *server)
{
	uint64_t wait_us = UAPI_PATIENCE_MS * 1000, idle_us = 0;
	struct client *client;

	if (server->client_count < UAPI_CLIENTS_MAX)
		return true;
	client = idlest(server);
	if (client)
		idle_us = mono_elapsed_us(client->progress, clock_mono());
	if (idle_us >= wait_us) {
		drop(client);
		return true;
	}
	sd_event_source_set_enabled(server->io, SD_EVENT_OFF);
	sd_event_source_set_time_relative(server->retry, wait_us - idle_us);
	sd_event_source_set_enabled(server->retry, SD_EVENT_ONESHOT);
	return false;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct uapi_server *server = arg;

	(void)source, (void)usec;
	sd_event_source_set_enabled(server->io, SD_EVENT_ON);
	return 0;
}

/* Owns `fd` if it succeeds. */
static int welcome(struct uapi_server *server, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	r = sd_event_add_io(
		server->tunnel->engine->event, &client->io, fd, EPOLLIN, on_client, client);
	if (r < 0) {
		free(client);
		return r;
	}
	client->server = server;
	client->fd = fd;
	client->progress = clock_mono();
	uapi_parse_init(&client->parser, false);
	client->next = server->clients;
	client->back = &server->clients;
	if (client->next)
		client->next->back = &client->next;
	server->clients = client;
	server->client_count++;
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	_cleanup_close_ int client = -1;

	(void)source;
	(void)events;
	if (!has_room(arg))
		return 0;
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0)
		log_debug("uapi: accept: %m");
	else if (welcome(arg, client) == 0)
		cleanup_take_fd(&client);
	return 0;
}

int uapi_server_new(struct tunnel *tunnel, int listen_fd, struct uapi_server **out)
{
	struct uapi_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->tunnel = tunnel;
	server->fd = listen_fd;
	r = sd_event_add_io(
		tunnel->engine->event, &server->io, listen_fd, EPOLLIN, on_connection, server);
	if (r >= 0)
		r = sd_event_source_set_ratelimit(server->io, ACCEPT_INTERVAL_US, ACCEPT_BURST);
	if (r >= 0)
		r = sd_event_add_time(tunnel->engine->event, &server->retry, CLOCK_MONOTONIC, 0, 0,
			on_retry, server);
	if (r >= 0)
		r = sd_event_source_set_enabled(server->retry, SD_EVENT_OFF);
	if (r < 0) {
		server->fd = -1; /* stays the caller's */
		uapi_server_free(server);
		return r;
	}
	*out = server;
	return 0;
}

static void forget(void *arg, int error)
{
	(void)arg;
	(void)error;
}

bool uapi_server_is_at(const struct uapi_server *server, int fd)
{
	struct stat ours, theirs;

	return fstat(server->fd, &ours) == 0 && fstat(fd, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

void uapi_server_free(struct uapi_server *server)
{
	if (!server)
		return;
	/* What the monitor still has to answer is nobody's any more. */
	if (server->tunnel->bind.arg == server)
		server->tunnel->bind.done = forget;
	if (server->tunnel->mark.arg == server)
		server->tunnel->mark.done = forget;
	while (server->clients)
		drop(server->clients);
	sd_event_source_disable_unref(server->retry);
	sd_event_source_disable_unref(server->io);
	cleanup_close(&server->fd);
	free(server);
}
