/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/errqueue.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* wants struct timespec */

#include "base/sockaddr.h"

/* An error, the address of who sent it behind it, and whatever else the socket tells. */
struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[256];
};

static bool is_error(const struct cmsghdr *cmsg)
{
	return (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVERR) ||
	       (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_RECVERR);
}

/* False if that is not about an ICMP message. */
static bool take(const struct cmsghdr *cmsg, struct errqueue_icmp *out)
{
	struct {
		struct sock_extended_err error;
		union sockaddr_any from;
	} got = {0};
	size_t len = cmsg->cmsg_len - CMSG_LEN(0);
	struct endpoint from = {0};

	if (!is_error(cmsg))
		return false;
	memcpy(&got, CMSG_DATA(cmsg), len < sizeof(got) ? len : sizeof(got));
	if (got.error.ee_origin != SO_EE_ORIGIN_ICMP && got.error.ee_origin != SO_EE_ORIGIN_ICMP6)
		return false;
	sockaddr_to_endpoint(&got.from, &from);
	out->from = from.addr;
	out->type = got.error.ee_type;
	out->code = got.error.ee_code;
	return true;
}

int errqueue_read(int fd, struct errqueue_icmp *out)
{
	for (;;) {
		struct errqueue_icmp icmp = {0};
		union sockaddr_any name = {0};
		struct control control;
		struct msghdr hdr = {
			.msg_name = &name,
			.msg_namelen = sizeof(name),
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		bool found = false;

		if (recvmsg(fd, &hdr, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		sockaddr_to_endpoint(&name, &icmp.to);
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&hdr); c; c = CMSG_NXTHDR(&hdr, c))
			found |= take(c, &icmp);
		if (!found)
			continue;
		*out = icmp;
		return 1;
	}
}
