/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The groups are joined before the first dump, so nothing that happens in between is missed. What
 * happened before the dump and is read after it does no harm: each object ends as its last message
 * says, and that is as new as the dump or newer. Only after an overrun that last message may be the
 * lost one, so what waits is read before the dump.
 */
#include "netlink/observe.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "netlink/encode.h"
#include "netlink/follow.h"
#include "netlink/request.h"

#define RCVBUF_DEFAULT (4 << 20) /* bytes */
#define READ_BUFFER_SIZE 65536   /* bytes */
#define READS_MAX 32768          /* datagrams in one call: more than the receive buffer holds */
#define DUMP_TRIES 8             /* in a row, while the kernel's tables change */
#define RETRY_US (100 * 1000)    /* after a resync that failed */

struct observe {
	struct observe_config config;
	struct follow_filter filter;
	struct observe_counters counters;
	struct nl_state *state;
	struct nl_sock *request, *groups;
	bool stale; /* a dump is due */
	sd_event_source *io, *retry;
	char buffer[READ_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* --- dumps ------------------------------------------------------------------------------------ */
struct dump {
	struct observe *o;
	struct nl_state *state;
};

static int take_dumped(struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	int r = follow_message(d->state, h, &d->o->filter);

	if (r == -EINVAL)
		d->o->counters.malformed++;
	return r == -ENOMEM ? r : 0;
}

/*
 * What takes others along when it goes (a link its next hops and routes, a next hop its routes) is
 * asked for before them: should it go while we ask, then it is in the state when its end is told,
 * and that makes us ask again.
 */
enum question {
	LINKS,
	ADDRS,
	NEXTHOPS,
	ROUTES4,
	ROUTES6,
	RULES4,
	RULES6,
	QUESTIONS,
};

/* The questions of a dump, one by one; NULL when out of memory. */
static struct nl_msg *question(enum question i, uint8_t protocol)
{
	switch (i) {
	case LINKS:
		return encode_dump_links();
	case ADDRS:
		return encode_dump_addrs();
	case NEXTHOPS:
		return encode_dump_nexthops();
	case ROUTES4:
		return encode_dump_routes(AF_INET, protocol, 0);
	case ROUTES6:
		return encode_dump_routes(AF_INET6, protocol, 0);
	case RULES4:
		return encode_dump_rules(AF_INET);
	case RULES6:
		return encode_dump_rules(AF_INET6);
	case QUESTIONS:
		break;
	}
	return NULL;
}

static int dump_all(struct dump *d)
{
	/* With strangers' routes to keep, the kernel cannot filter for us. */
	const uint8_t protocol = d->o->config.keep_route ? 0 : NL_PROTO_GATEHOUSE;
	char text[REQUEST_TEXT_SIZE];

	for (enum question i = LINKS; i < QUESTIONS; i++) {
		int r = request_run(d->o->request, question(i, protocol), take_dumped, d, text);

		/* A kernel without IPv6, or without rules or next hops, has no such dump. */
		if (r < 0 && r != -EAFNOSUPPORT && r != -EOPNOTSUPP)
			return r;
		if (i == NEXTHOPS)
			d->state->has_nexthops = r == 0;
		if (i == RULES4)
			d->state->has_rules = r == 0;
	}
	return 0;
}

/* A consistent dump into a new state, which becomes the caller's. */
static int dump_state(struct observe *o, struct nl_state **out)
{
	int r = -EINTR;

	for (int try = 0; try < DUMP_TRIES && r == -EINTR; try++) {
		struct dump d = {.o = o, .state = model_new()};

		if (!d.state)
			return -ENOMEM;
		r = dump_all(&d);
		if (r == 0) {
			*out = d.state;
			return 0;
		}
		model_free(d.state);
		if (r == -EINTR)
			o->counters.interrupted++;
	}
	return r;
}

/* Replace the state by a new dump. Returns 1 if it differs, 0 if not, or a negative errno. */
static int renew(struct observe *o)
{
	struct nl_state *fresh = NULL, old;
	bool changed;
	int r;

	o->stale = true;
	r = dump_state(o, &fresh);
	if (r < 0)
		return r;
	o->stale = false;
	changed = !model_equal(o->state, fresh);
	/* The pointer that observe_state gave out stays good. */
	old = *o->state;
	*o->state = *fresh;
	*fresh = old;
	model_free(fresh);
	return changed;
}

/* --- multicast -------------------------------------------------------------------------------- */

/*
 * Read one datagram into the buffer. Returns its size in bytes, 0 for one to be ignored, -EAGAIN
 * when none waits, -ENOBUFS when some were lost.
 */
static ssize_t receive(struct observe *o)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = o->buffer, .iov_len = sizeof(o->buffer)};
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(nl_socket_get_fd(o->groups), &m, MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (m.msg_flags & MSG_TRUNC)
		return -ENOBUFS;
	return from.nl_pid == 0 ? n : 0; /* other processes may send too; only the kernel knows */
}

static int follow_all(struct observe *o, size_t size)
{
	struct nlmsghdr *h = (struct nlmsghdr *)o->buffer;
	int left = (int)size, bits = 0;

	for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
		int r = follow_message(o->state, h, &o->filter);

		o->counters.messages++;
		if (r == -EINVAL)
			o->counters.malformed++; /* a dump would bring no better one */
		else
			bits |= r < 0 ? FOLLOW_RESYNC : r;
	}
	return bits;
}

/* Read and follow all that waits. Returns FOLLOW_* bits or a negative errno. */
static int read_all(struct observe *o)
{
	int bits = 0;

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = receive(o);

		if (n == -EAGAIN)
			return bits;
		if (n == -ENOBUFS) {
			o->counters.overruns++;
			o->stale = true;
		} else if (n < 0) {
			return (int)n;
		} else {
			bits |= follow_all(o, (size_t)n);
		}
	}
	return bits;
}

static void tell(struct observe *o)
{
	if (o->config.changed)
		o->config.changed(o, o->config.arg);
}

int observe_read(struct observe *o)
{
	const uint64_t before = o->counters.messages;
	int bits = read_all(o), r = 0;
	bool changed;

	if (bits < 0)
		return bits;
	changed = bits & FOLLOW_CHANGED;
	if (o->stale || (bits & FOLLOW_RESYNC)) {
		o->counters.resyncs++;
		r = renew(o);
		changed |= r == 1;
	}
	if (changed)
		tell(o);
	if (o->config.heard && (changed || o->counters.messages != before))
		o->config.heard(o->config.arg);
	return r < 0 ? r : 0;
}

int observe_sync(struct observe *o)
{
	o->stale = true;
	return observe_read(o);
}

/* --- life ------------------------------------------------------------------------------------- */
static int open_groups(struct observe *o)
{
	const int wanted = o->config.rcvbuf_bytes ? o->config.rcvbuf_bytes : RCVBUF_DEFAULT;
	int fd;

	o->groups = nl_socket_alloc();
	if (!o->groups)
		return -ENOMEM;
	errno = 0;
	if (nl_connect(o->groups, NETLINK_ROUTE) < 0)
		return errno ? -errno : -EIO;
	fd = nl_socket_get_fd(o->groups);
	/* Beyond the host's limit if we may, else as far as it allows. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) < 0 &&
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted)) < 0)
		return -errno;
	if (nl_socket_add_memberships(o->groups, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
		    RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
		    RTNLGRP_IPV6_RULE, 0) < 0)
		return errno ? -errno : -EIO;
	/* A kernel that has no next hops has no such group either. */
	(void)nl_socket_add_memberships(o->groups, RTNLGRP_NEXTHOP, 0);
	return 0;
}

int observe_new(const struct observe_config *config, struct observe **out)
{
	struct observe *o __attribute__((cleanup(observe_freep))) = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->config = *config;
	o->filter = (struct follow_filter){config->keep_route, config->arg};
	o->state = model_new();
	if (!o->state)
		return -ENOMEM;
	r = open_groups(o);
	if (r < 0)
		return r;
	r = request_open(&o->request);
	if (r < 0)
		return r;
	r = renew(o);
	if (r < 0)
		return r;
	*out = o;
	o = NULL;
	return 0;
}

void observe_free(struct observe *o)
{
	if (!o)
		return;
	sd_event_source_disable_unref(o->io);
	sd_event_source_disable_unref(o->retry);
	nl_socket_free(o->groups);
	nl_socket_free(o->request);
	model_free(o->state);
	free(o);
}

void observe_freep(struct observe **o)
{
	observe_free(*o);
}

/* --- event loop ------------------------------------------------------------------------------- */

/* One more read; if it leaves the state stale, another one soon. */
static int read_and_rearm(struct observe *o)
{
	int r = observe_read(o);

	if (r >= 0)
		return 0;
	r = sd_event_source_set_time_relative(o->retry, RETRY_US);
	return r < 0 ? r : sd_event_source_set_enabled(o->retry, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	(void)source, (void)fd, (void)revents;
	return read_and_rearm(arg);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source, (void)usec;
	return read_and_rearm(arg);
}

int observe_attach(struct observe *o, sd_event *event, int64_t priority)
{
	int r = sd_event_add_io(event, &o->io, nl_socket_get_fd(o->groups), EPOLLIN, on_io, o);

	if (r < 0)
		return r;
	r = sd_event_source_set_priority(o->io, priority);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &o->retry, CLOCK_MONOTONIC, 0, 0, on_retry, o);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(o->retry, priority);
	return r < 0 ? r : sd_event_source_set_enabled(o->retry, SD_EVENT_OFF);
}

const struct nl_state *observe_state(const struct observe *o)
{
	return o->state;
}

bool observe_stale(const struct observe *o)
{
	return o->stale;
}

const struct observe_counters *observe_counters(const struct observe *o)
{
	return &o->counters;
}
