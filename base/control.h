/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control protocol: JSON objects, one a line, over a Unix stream socket.
 *
 *   request  {"cmd":"status", ...}                          at most CONTROL_REQUEST_MAX bytes
 *   reply    {"schema":1,"ok":true,"data":{...}}            at most CONTROL_REPLY_MAX bytes
 *        or  {"schema":1,"ok":false,"error":"text"}
 *        or  {"schema":1,"ok":true,"more":true,"data":{...}}  any number, then one of the above
 *
 * A connection may carry many requests; replies come in their order. Who may connect is the mode
 * of the socket file. A client that is slow, silent or malformed costs the server a bounded buffer
 * and nothing else: it reads no request of a client while that client's reply is not taken, drops
 * one that is idle, and refuses more than CONTROL_CLIENTS_MAX at once.
 */
#ifndef BASE_CONTROL_H
#define BASE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct sd_event sd_event;
typedef struct json_t json_t;
struct control_server;

#define CONTROL_SCHEMA 1
#define CONTROL_REQUEST_MAX (64 * 1024)     /* bytes, newline included */
#define CONTROL_REPLY_MAX (4 * 1024 * 1024) /* bytes, newline included */
#define CONTROL_CLIENTS_MAX 64
#define CONTROL_IDLE_S 30 /* seconds without progress after which a client is dropped */

/*
 * Answer `cmd`, whose whole request is `request` (borrowed). Returns a new reference of the data,
 * or NULL with err filled. Runs on the event loop: it must not block.
 */
typedef json_t *(*control_handler)(
	void *arg, const char *cmd, json_t *request, char *err, size_t errlen);

/*
 * For a handler that cannot answer at once: it calls control_later for the request that it has,
 * returns NULL, and calls control_answer once, when it knows. Later may be at any time: when the
 * client or even the server is gone, the answer is dropped. Returns NULL when memory is short.
 */
struct control_later;
struct control_later *control_later(struct control_server *server);

/* Answer with `data`, which is taken over, or if it is NULL with `error`. */
void control_answer(struct control_later *later, json_t *data, const char *error);

/*
 * For an answer of many lines. `next` makes them one by one, when the client has taken the one
 * before; so a slow client slows down the making, and no more than one line is held. It returns 1
 * with *data a new reference, or NULL if there is nothing to tell yet and it wants another turn of
 * the loop; 0 with the last one in *data; or a negative errno with err filled. Then `done` is
 * called; it is called as well, and `next` no more, when the client or the server is gone.
 */
struct control_lines {
	int (*next)(void *arg, json_t **data, char *err, size_t errlen);
	void (*done)(void *arg);
	void *arg;
};

/* From within the handler, which then returns NULL: answer its request by these lines. */
void control_lines(struct control_server *server, const struct control_lines *lines);

/*
 * Make a listening socket at `path` with this mode, whatever the umask is; it appears there only
 * once it can be connected to. A dead socket that a crashed run left is replaced. Returns 0 with
 * *fd (non-blocking, O_CLOEXEC), -EADDRINUSE if somebody serves there, -ENAMETOOLONG, -EEXIST if
 * something that is no socket has that name, or a negative errno. Whoever ends the service unlinks
 * the path.
 */
int control_listen(const char *path, mode_t mode, int *fd);

/* Serve on a listening socket. Owns `listen_fd` if it succeeds. Returns 0 or a negative errno. */
int control_server_new(sd_event *event, int listen_fd, control_handler handler, void *arg,
	struct control_server **out);

/*
 * Listen there instead, for those to come; clients stay. Owns `listen_fd` if it succeeds, and
 * closes the one before. Returns 0 or a negative errno.
 */
int control_server_move(struct control_server *server, int listen_fd);

/* Drop clients that make no progress for this long, instead of CONTROL_IDLE_S. For new clients. */
void control_server_set_idle_ms(struct control_server *server, unsigned int idle_ms);

/* Drop all clients and close the listening socket. NULL is fine. Not from within the handler. */
void control_server_free(struct control_server *server);

/*
 * Ask the server at `path`, waiting at most `timeout_ms` milliseconds over all. `request` is
 * borrowed. Returns 0 with *data a new reference; -EREMOTEIO with the server's words in err;
 * -EPROTO for a reply that is none (also of another schema); -ETIMEDOUT; or the negative errno of
 * what could not be reached. err is filled on every failure.
 */
int control_call(
	const char *path, json_t *request, int timeout_ms, json_t **data, char *err, size_t errlen);

/*
 * The same for a command that answers by many lines: `take` is called for the data of each
 * (borrowed), and ends it all by returning a negative errno, which is then returned; err is empty
 * then. `timeout_ms` is for each line.
 */
int control_call_lines(const char *path, json_t *request, int timeout_ms,
	int (*take)(json_t *data, bool last, void *arg), void *arg, char *err, size_t errlen);

#endif
