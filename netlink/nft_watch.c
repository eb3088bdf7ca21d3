/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/nft_watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define RCVBUF_BYTES (1 << 20)
#define READ_BUFFER_SIZE 65536 /* bytes */
#define READS_MAX 256          /* datagrams in one turn of the loop */

struct nft_watch {
	char *table;
	nft_watch_fn changed;
	void *arg;
	bool touched; /* by the transaction whose messages are coming in */
	struct mnl_socket *socket;
	sd_event_source *io;
	char buffer[READ_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* The kernel tells each change after the transaction that made it. */
static int take_message(const struct nlmsghdr *h, void *arg)
{
	struct nft_watch *watch = arg;
	struct nft_message message;

	if (nft_message_parse(h, &message) < 0)
		return MNL_CB_OK;
	if (!message.is_end) {
		watch->touched |= message.table && strcmp(message.table, watch->table) == 0;
	} else if (watch->touched) {
		watch->touched = false;
		watch->changed(&message.change, watch->arg);
	}
	return MNL_CB_OK;
}

static void take_overrun(struct nft_watch *watch)
{
	const struct nft_change unknown = {0};

	watch->touched = false;
	watch->changed(&unknown, watch->arg);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct nft_watch *watch = arg;

	(void)source;
	(void)fd;
	(void)events;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n =
			mnl_socket_recvfrom(watch->socket, watch->buffer, sizeof(watch->buffer));

		if (n >= 0)
			mnl_cb_run(watch->buffer, (size_t)n, 0, 0, take_message, watch);
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			take_overrun(watch); /* ENOBUFS, or a datagram that was cut */
	}
	return 0;
}

static int open_socket(struct nft_watch *watch)
{
	int group = NFNLGRP_NFTABLES, size = RCVBUF_BYTES, fd;

	watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(watch->socket);
	/* More room is welcome, but an overrun does no harm. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	return 0;
}

int nft_watch_new(
	sd_event *event, const char *table, nft_watch_fn changed, void *arg, struct nft_watch **out)
{
	struct nft_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->table = strdup(table);
	watch->changed = changed;
	watch->arg = arg;
	r = watch->table ? open_socket(watch) : -ENOMEM;
	if (r == 0)
		r = sd_event_add_io(event, &watch->io, mnl_socket_get_fd(watch->socket), EPOLLIN,
			on_readable, watch);
	if (r < 0) {
		nft_watch_free(watch);
		return r;
	}
	*out = watch;
	return 0;
}

void nft_watch_free(struct nft_watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->io);
	if (watch->socket)
		mnl_socket_close(watch->socket);
	free(watch->table);
	free(watch);
}
