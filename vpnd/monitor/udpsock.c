/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/udpsock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sockaddr.h"

enum {
	ANY_PORT_TRIES = 100,
	BUFFER_BYTES = 7 * 1024 * 1024, /* a tenth of a second at 500 Mbit/s */
};

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* More than the system's limit if we may, else as much as it grants. */
static void enlarge_buffers(int fd)
{
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES) < 0)
		set_int(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES) < 0)
		set_int(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
}

static int set_options(int fd, int af)
{
	int r;

	enlarge_buffers(fd);
	if (af == AF_INET) {
		r = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
		if (r == 0)
			r = set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
		if (r == 0)
			r = set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
		return r < 0 ? r : set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	}
	r = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (r == 0)
		r = set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (r == 0)
		r = set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	if (r == 0)
		r = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	return r;
}

static int bound_port(int fd, uint16_t *port)
{
	union sockaddr_any address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, &address.sa, &len) < 0)
		return -errno;
	*port = ntohs(
		address.sa.sa_family == AF_INET ? address.in.sin_port : address.in6.sin6_port);
	return 0;
}

/* A socket bound to *port; where that is 0, it becomes what the kernel chose. */
static int open_one(int af, uint16_t *port, int *out)
{
	union sockaddr_any address = {.in = {.sin_family = AF_INET, .sin_port = htons(*port)}};
	socklen_t len = sizeof(address.in);
	_cleanup_close_ int fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (af == AF_INET6) {
		address.in6 =
			(struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(*port)};
		len = sizeof(address.in6);
	}
	r = set_options(fd, af);
	if (r == 0 && af == AF_INET6)
		r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (r < 0)
		return r;
	if (bind(fd, &address.sa, len) < 0)
		return -errno;
	r = bound_port(fd, port);
	if (r == 0)
		*out = cleanup_take_fd(&fd);
	return r;
}

/* A kernel without the family, or with it switched off. */
static bool is_absent(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

/* A kernel that has the option as one of the socket has it in a message too (Linux 4.18). */
static bool can_segment(int fd)
{
	int size;
	socklen_t len = sizeof(size);

	return fd < 0 || getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &len) == 0;
}

static int open_both(uint16_t port, struct udpsock *out)
{
	_cleanup_close_ int v4 = -1;
	_cleanup_close_ int v6 = -1;
	int r = open_one(AF_INET, &port, &v4);

	if (r < 0 && !is_absent(r))
		return r;
	r = open_one(AF_INET6, &port, &v6);
	if (r < 0 && !(is_absent(r) && v4 >= 0))
		return r;
	out->v4 = cleanup_take_fd(&v4);
	out->v6 = cleanup_take_fd(&v6);
	out->port = port;
	out->segments = can_segment(out->v4) && can_segment(out->v6);
	return 0;
}

int udpsock_open(uint16_t port, uint32_t fwmark, struct udpsock *out)
{
	struct udpsock s = UDPSOCK_NONE;
	int r = open_both(port, &s);

	/* What is free in IPv4 may be taken in IPv6. */
	for (int try = 1; port == 0 && r == -EADDRINUSE && try < ANY_PORT_TRIES; try++)
		r = open_both(0, &s);
	if (r == 0 && fwmark != 0)
		r = udpsock_mark(&s, fwmark);
	if (r < 0)
		udpsock_close(&s);
	else
		*out = s;
	return r;
}

int udpsock_mark(const struct udpsock *s, uint32_t fwmark)
{
	int r = s->v4 < 0 ? 0 : set_int(s->v4, SOL_SOCKET, SO_MARK, (int)fwmark);

	return r < 0 || s->v6 < 0 ? r : set_int(s->v6, SOL_SOCKET, SO_MARK, (int)fwmark);
}

static bool coalesce_one(int fd, bool on)
{
	return fd < 0 || set_int(fd, IPPROTO_UDP, UDP_GRO, on) == 0;
}

void udpsock_coalesce(struct udpsock *s, bool on)
{
	bool v4 = coalesce_one(s->v4, on), v6 = coalesce_one(s->v6, on);

	s->coalesces = on && v4 && v6;
}

static int adopt_one(int af, int fd, uint16_t *port)
{
	int r = fd < 0 ? 0 : set_options(fd, af);

	return fd < 0 || r < 0 ? r : bound_port(fd, port);
}

int udpsock_adopt(int v4, int v6, struct udpsock *out)
{
	struct udpsock s = {.v4 = v4, .v6 = v6};
	int r = adopt_one(AF_INET, v4, &s.port);

	if (r == 0)
		r = adopt_one(AF_INET6, v6, &s.port);
	if (r == 0 && s.port == 0)
		r = -EINVAL;
	if (r < 0)
		return r;
	s.segments = can_segment(v4) && can_segment(v6);
	*out = s;
	return 0;
}

static int dup_one(int fd, int *out)
{
	if (fd >= 0)
		*out = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd >= 0 && *out < 0 ? -errno : 0;
}

int udpsock_dup(const struct udpsock *s, struct udpsock *out)
{
	struct udpsock copy = *s;
	int r;

	copy.v4 = copy.v6 = -1;
	r = dup_one(s->v4, &copy.v4);

	if (r == 0)
		r = dup_one(s->v6, &copy.v6);
	if (r < 0)
		udpsock_close(&copy);
	else
		*out = copy;
	return r;
}

void udpsock_close(struct udpsock *s)
{
	cleanup_close(&s->v4);
	cleanup_close(&s->v6);
	*s = UDPSOCK_NONE;
}
