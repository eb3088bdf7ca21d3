/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A message goes straight to the socket while nothing waits; once one had to wait, all later ones
 * queue behind it until EPOLLOUT, so that order is kept. The other side may be hostile: whatever
 * it sends beyond one message of the right size with at most one descriptor ends the channel, and
 * every descriptor that came along is closed.
 */
#include "base/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BATCH 16   /* messages taken before others on the event loop have their turn */
#define FDS_ROOM 4 /* descriptors there is room for, to see that more than one came */

/* A message that waits for room in the socket. */
struct waiting {
	struct waiting *next;
	size_t len; /* bytes */
	int fd;     /* our duplicate, or -1 */
	uint8_t bytes[];
};

struct channel {
	int fd; /* -1 once closed */
	sd_event_source *io;
	channel_message_fn on_message;
	channel_closed_fn on_closed;
	void *arg;
	struct waiting *first, **last;
	size_t waiting_bytes, waiting_fds;
	bool *freed; /* while a callback runs: where to note that it freed us */
};

int channel_pair(int fds[static 2])
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	fds[0] = pair[0];
	fds[1] = pair[1];
	return 0;
}

/* --- sending -------------------------------------------------------------------------------- */

static int transmit(int sock, const void *bytes, size_t len, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	/* sendmsg only reads from here; iovec has one type for both directions. */
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
	}
	while (sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void drop_first(struct channel *ch)
{
	struct waiting *w = ch->first;

	ch->first = w->next;
	if (!ch->first)
		ch->last = &ch->first;
	ch->waiting_bytes -= w->len + CHANNEL_QUEUE_COST;
	ch->waiting_fds -= w->fd >= 0;
	cleanup_close(&w->fd);
	free(w);
}

static int enqueue(struct channel *ch, const void *bytes, size_t len, int fd)
{
	struct waiting *w;
	int r;

	if (ch->waiting_bytes + len + CHANNEL_QUEUE_COST > CHANNEL_QUEUE_MAX ||
		ch->waiting_fds + (fd >= 0) > CHANNEL_QUEUE_FDS_MAX)
		return -ENOBUFS;
	w = malloc(sizeof(*w) + len);
	if (!w)
		return -ENOMEM;
	*w = (struct waiting){.len = len, .fd = -1};
	memcpy(w->bytes, bytes, len);
	if (fd >= 0)
		w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	r = fd >= 0 && w->fd < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_source_set_io_events(ch->io, EPOLLIN | EPOLLOUT);
	if (r < 0) {
		cleanup_close(&w->fd);
		free(w);
		return r;
	}
	*ch->last = w;
	ch->last = &w->next;
	ch->waiting_bytes += len + CHANNEL_QUEUE_COST;
	ch->waiting_fds += w->fd >= 0;
	return 0;
}

int channel_send(struct channel *ch, const void *msg, size_t len, int fd)
{
	int r = -EAGAIN;

	if (len == 0 || len > CHANNEL_MESSAGE_MAX)
		return -EMSGSIZE;
	if (ch->fd < 0)
		return -EPIPE;
	if (!ch->first)
		r = transmit(ch->fd, msg, len, fd);
	if (r == -EAGAIN)
		return enqueue(ch, msg, len, fd);
	return r == -ECONNRESET ? -EPIPE : r;
}

/* Returns 0 also when the socket is full again, and when nobody will ever read. */
static int flush(struct channel *ch)
{
	while (ch->first) {
		int r = transmit(ch->fd, ch->first->bytes, ch->first->len, ch->first->fd);

		if (r == -EAGAIN)
			return 0;
		/* Gone; reading finds that out, after the last message that it sent. */
		if (r < 0 && r != -EPIPE && r != -ECONNRESET)
			return r;
		drop_first(ch);
	}
	return sd_event_source_set_io_events(ch->io, EPOLLIN);
}

/* --- receiving ------------------------------------------------------------------------------ */

/* Collect the descriptors that came with a message. Returns how many. */
static size_t collect_fds(struct msghdr *msg, int fds[static FDS_ROOM])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len && n < FDS_ROOM;
			at += sizeof(int))
			memcpy(&fds[n++], (const uint8_t *)c + at, sizeof(int));
	}
	return n;
}

/*
 * Receive one message. Returns its length, 0 when the other side has closed, or a negative errno;
 * only with a length may *fd be a descriptor.
 */
static ssize_t receive(int sock, void *bytes, int *fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = bytes, .iov_len = CHANNEL_MESSAGE_MAX};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room),
	};
	int fds[FDS_ROOM];
	size_t n_fds;
	ssize_t len = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len < 0)
		return -errno;
	n_fds = collect_fds(&msg, fds);
	if (n_fds <= 1 && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && (len || !n_fds)) {
		*fd = n_fds ? fds[0] : -1;
		return len;
	}
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	return -EPROTO;
}

/* Of no more use: let go of everything but the struct, and say so. */
static void shut(struct channel *ch, int error)
{
	ch->io = sd_event_source_disable_unref(ch->io);
	cleanup_close(&ch->fd);
	ch->fd = -1;
	while (ch->first)
		drop_first(ch);
	ch->on_closed(ch->arg, error);
}

static void receive_batch(struct channel *ch)
{
	_Alignas(max_align_t) uint8_t bytes[CHANNEL_MESSAGE_MAX];
	bool freed = false;

	ch->freed = &freed;
	for (int i = 0; i < BATCH; i++) {
		int fd = -1;
		ssize_t len = receive(ch->fd, bytes, &fd);

		/* A reset is told once; what was sent before it can still be read. */
		if (len == -EINTR || len == -ECONNRESET)
			continue;
		if (len == -EAGAIN)
			break;
		if (len <= 0) {
			ch->freed = NULL;
			shut(ch, (int)len);
			return;
		}
		ch->on_message(ch->arg, bytes, (size_t)len, fd);
		if (freed)
			return;
	}
	ch->freed = NULL;
}

static int dispatch(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct channel *ch = arg;
	int r = events & EPOLLOUT ? flush(ch) : 0;

	(void)source;
	(void)fd;
	if (r < 0)
		shut(ch, r);
	else
		receive_batch(ch);
	return 0;
}

/* --- life ----------------------------------------------------------------------------------- */

int channel_new(int fd, sd_event *event, channel_message_fn on_message, channel_closed_fn on_closed,
	void *arg, struct channel **out)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	int r;

	if (!ch)
		return -ENOMEM;
	*ch = (struct channel){
		.fd = fd, .on_message = on_message, .on_closed = on_closed, .arg = arg};
	ch->last = &ch->first;
	r = sd_event_add_io(event, &ch->io, fd, EPOLLIN, dispatch, ch);
	if (r < 0) {
		free(ch);
		return r;
	}
	*out = ch;
	return 0;
}

void channel_free(struct channel *ch)
{
	if (!ch)
		return;
	if (ch->freed)
		*ch->freed = true;
	while (ch->first)
		drop_first(ch);
	sd_event_source_disable_unref(ch->io);
	cleanup_close(&ch->fd);
	free(ch);
}
