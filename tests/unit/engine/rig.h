/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An engine with one tunnel and no monitor: the test answers in its place. Everything runs in one
 * thread; rig_run lets the engine work until it has nothing more to do.
 */
#ifndef TESTS_UNIT_ENGINE_RIG_H
#define TESTS_UNIT_ENGINE_RIG_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/channel.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/uapi.h"
#include "vpnd/proto/guard.h"

#define RIG_KEY_A "087ec6e14bbed210e7215cdc73468dfa23f080a1bfb8665b2fd809bd99d28379"
#define RIG_PUBLIC_A "f928d4f6c1b86c12f2562c10b07c555c5c57fd00f59e90c8d8d88767271cbf7c"
#define RIG_KEY_B "08f86cf3b7fb0e0a3d4d2c3b1a7e5f6d8c9bab1e2d3c4b5a69788796a5b4c35f"
#define RIG_PEER_1 "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define RIG_PEER_2 "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"

struct rig {
	struct engine engine;
	struct tunnel *tunnel;
	int monitor; /* the other end of the engine's channel */
	struct sockaddr_un uapi;
};

static inline void rig_ignore(void *arg, const void *msg, size_t len, int fd)
{
	(void)arg, (void)msg, (void)len;
	if (fd >= 0)
		close(fd);
}

static inline void rig_closed(void *arg, int error)
{
	(void)arg, (void)error;
}

/* Let the engine work until nothing happens for a moment. */
static inline void rig_run(struct rig *rig)
{
	while (sd_event_run(rig->engine.event, 3000) > 0)
		;
}

/* Listen at an address that the kernel makes up. */
static inline int rig_listen(struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*address);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static inline int rig_connect(struct rig *rig)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&rig->uapi,
				 sizeof(sa_family_t) + 1 + strlen(rig->uapi.sun_path + 1)),
		0);
	rig_run(rig);
	return fd;
}

static inline struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	static const uint8_t seed[16];
	int fds[2];

	assert_non_null(rig);
	assert_true(sd_event_new(&rig->engine.event) >= 0);
	rig->engine.guard = guard_new(seed);
	assert_non_null(rig->engine.guard);
	assert_int_equal(channel_pair(fds), 0);
	rig->monitor = fds[1];
	assert_int_equal(channel_new(fds[0], rig->engine.event, rig_ignore, rig_closed,
				 &rig->engine, &rig->engine.monitor),
		0);
	assert_int_equal(tunnel_new(&rig->engine, 3, "city-a", &rig->tunnel), 0);
	rig->engine.tunnels[3] = rig->tunnel;
	rig->tunnel->listen_port = 4000;
	assert_int_equal(tunnel_take_uapi(rig->tunnel, rig_listen(&rig->uapi)), 0);
	return rig;
}

static inline void rig_free(struct rig *rig)
{
	tunnel_free(rig->tunnel);
	guard_free(rig->engine.guard);
	labels_done(&rig->engine.labels);
	channel_free(rig->engine.monitor);
	sd_event_unref(rig->engine.event);
	close(rig->monitor);
	free(rig);
}

/* Type of the next message to the monitor, and its bytes; 0 when there is none. */
static inline uint32_t rig_told(struct rig *rig, union privsep_message *msg)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {msg, sizeof(*msg)};
	struct msghdr header = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(rig->monitor, &header, MSG_DONTWAIT) <= 0)
		return 0;
	cmsg = CMSG_FIRSTHDR(&header);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS) {
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		close(fd);
	}
	return msg->type;
}

/* True if the engine has asked this of the monitor, perhaps after other things. */
static inline bool rig_was_told(struct rig *rig, uint32_t type, union privsep_message *msg)
{
	uint32_t got;

	while ((got = rig_told(rig, msg)))
		if (got == type)
			return true;
	return false;
}

/* Send all of it, the engine reading meanwhile. */
static inline void rig_send(struct rig *rig, int fd, const char *text)
{
	size_t len = strlen(text), at = 0;
	ssize_t n;

	while (at < len) {
		n = send(fd, text + at, len - at, MSG_NOSIGNAL);
		assert_true(n > 0 || errno == EAGAIN);
		at += n > 0 ? (size_t)n : 0;
		rig_run(rig);
	}
}

/* What came up to now: a text to free, and whether it ended. */
static inline char *rig_receive(struct rig *rig, int fd, bool *ended)
{
	char *text = NULL, part[65536];
	size_t len;
	FILE *f = open_memstream(&text, &len);
	ssize_t n;

	rig_run(rig);
	while ((n = recv(fd, part, sizeof(part), 0)) > 0) {
		fwrite(part, 1, (size_t)n, f);
		rig_run(rig);
	}
	if (ended)
		*ended = n == 0 || errno != EAGAIN;
	fclose(f);
	return text;
}

static inline char *rig_ask(struct rig *rig, const char *request)
{
	int fd = rig_connect(rig);
	char *answer;

	rig_send(rig, fd, request);
	answer = rig_receive(rig, fd, NULL);
	close(fd);
	rig_run(rig);
	return answer;
}

#endif
