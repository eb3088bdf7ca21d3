/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/whole.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int keep_whole(struct udp_sockets *sockets, enum addr_family family, bool whole)
{
	int r;

	if (family == ADDR_V4)
		return set(sockets->v4.fd, IPPROTO_IP, IP_MTU_DISCOVER,
			whole ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT);
	/* Only the sender fragments in IPv6: it must neither, nor look at what it was told. */
	r = set(sockets->v6.fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		whole ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT);
	return r < 0 ? r : set(sockets->v6.fd, IPPROTO_IPV6, IPV6_DONTFRAG, whole);
}

int whole_send(struct udp_sockets *sockets, const struct path *path, uint8_t class,
	const void *bytes, size_t len, struct udp_errors *errors)
{
	const enum addr_family family = path->remote.addr.family;
	int r = keep_whole(sockets, family, true);

	if (r == 0)
		r = udp_out_one(sockets, path, class, bytes, len, errors);
	keep_whole(sockets, family, false);
	return r;
}
