/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages across the privilege line: a SOCK_SEQPACKET pair that carries fixed structs, each with
 * at most one descriptor. A message arrives whole or not at all and in order. What a message means,
 * and whether its sender may say it, is the caller's to check.
 */
#ifndef BASE_CHANNEL_H
#define BASE_CHANNEL_H

#include <stddef.h>

typedef struct sd_event sd_event;
struct channel;

#define CHANNEL_MESSAGE_MAX 4096 /* bytes in a message, at least 1 */
/*
 * What may wait for a full socket: some hundred thousand small messages, and descriptors as far as
 * RLIMIT_NOFILE allows.
 */
#define CHANNEL_QUEUE_MAX (32 * 1024 * 1024) /* bytes, with CHANNEL_QUEUE_COST for each */
#define CHANNEL_QUEUE_FDS_MAX 4096
#define CHANNEL_QUEUE_COST 32 /* bytes that each message takes besides its own */

/*
 * A message came. `msg` is valid during the call and aligned for any struct; `fd` is -1 or a
 * descriptor (O_CLOEXEC) that now is the callee's to close. May call channel_send and channel_free.
 */
typedef void (*channel_message_fn)(void *arg, const void *msg, size_t len, int fd);

/*
 * The channel is of no more use: 0 if the other side closed it, else the negative errno: -EPROTO
 * when it broke the rules (empty or truncated message, more than one descriptor). Called once, from
 * the event loop; nothing is called after it. May call channel_free.
 */
typedef void (*channel_closed_fn)(void *arg, int error);

/* Make a pair of ends (O_CLOEXEC, non-blocking), for the two processes. Returns 0 or -errno. */
int channel_pair(int fds[static 2]);

/*
 * Serve one end on an event loop, which it holds a reference of. Owns `fd` if it succeeds.
 * `on_closed` may not be NULL. Returns 0 or a negative errno.
 */
int channel_new(int fd, sd_event *event, channel_message_fn on_message, channel_closed_fn on_closed,
	void *arg, struct channel **out);

/* Close it; what still waits is dropped. NULL is fine. */
void channel_free(struct channel *ch);

/*
 * Send a message, with a descriptor unless `fd` is -1 (the caller keeps it; it is duplicated while
 * the message waits). Never blocks: waits in memory when the socket is full. Returns 0, -EMSGSIZE
 * for a wrong length, -ENOBUFS when too much waits already (nothing is queued then), -EPIPE once
 * the channel is closed, or a negative errno.
 */
int channel_send(struct channel *ch, const void *msg, size_t len, int fd);

#endif
