/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration socket of one interface: WireGuard's cross-platform userspace protocol
 * (https://www.wireguard.com/xplatform/), which `wg` speaks.
 *
 * A connection carries any number of requests, each ended by an empty line and answered in order
 * with lines and a final `errno=N`, N being 0 or negative, as the reference answers. A `set` is
 * read to its end and checked before its first change is made: one bad line and nothing happens.
 * Sockets of another port and another mark come from the monitor; the requests of all clients wait
 * for that. A client that is slow, silent or malformed costs one bounded buffer and one snapshot.
 */
#ifndef VPND_ENGINE_UAPI_H
#define VPND_ENGINE_UAPI_H

#include <stdbool.h>

struct tunnel;
struct uapi_server;

/* At once. One more waits until another goes, or takes the place of one who was idle for so long.
 */
#define UAPI_CLIENTS_MAX 16
#define UAPI_PATIENCE_MS 250

/*
 * Serve `tunnel` on a listening Unix stream socket. Owns `listen_fd` if it succeeds. Returns 0 or
 * a negative errno.
 */
int uapi_server_new(struct tunnel *tunnel, int listen_fd, struct uapi_server **out);

/* Drop all clients and what they asked for; call it while the tunnel still lives. NULL is fine. */
void uapi_server_free(struct uapi_server *server);

/* True if `fd` is the socket that it listens at. */
bool uapi_server_is_at(const struct uapi_server *server, int fd);

#endif
