/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/udp_in.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

enum {
	FEW = 4, /* buffers, while the kernel fills them with trains: no more than a cache holds */
};

/* Offer a buffer, anew after each use. */
static void offer(struct udp_in *in, size_t i)
{
	struct udp_offer *o = &in->offers[i];

	o->iov = (struct iovec){in->buffers + i * UDP_IN_BUFFER, UDP_IN_BUFFER};
	in->hdrs[i].msg_hdr = (struct msghdr){
		.msg_name = &o->name,
		.msg_namelen = sizeof(o->name),
		.msg_iov = &o->iov,
		.msg_iovlen = 1,
		.msg_control = &o->control,
		.msg_controllen = sizeof(o->control),
	};
}

void udp_in_init(struct udp_in *in, uint8_t *buffers)
{
	in->buffers = buffers;
	for (size_t i = 0; i < UDP_IN_BUFFERS; i++)
		offer(in, i);
	in->count = in->next = 0;
	in->ask = UDP_IN_BUFFERS;
}

/* --- what the kernel says, in whatever order ----------------------------------------------------
 */

static void take_ip(struct cmsghdr *cmsg, struct udp_train *train)
{
	struct in_pktinfo info;

	if (cmsg->cmsg_type == IP_PKTINFO) {
		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		sockaddr_from_in(&info.ipi_spec_dst, &train->path.local);
		train->path.local_ifindex = (uint32_t)info.ipi_ifindex;
	} else if (cmsg->cmsg_type == IP_TOS) {
		memcpy(&train->class, CMSG_DATA(cmsg), sizeof(train->class));
	}
}

static void take_ipv6(struct cmsghdr *cmsg, struct udp_train *train)
{
	struct in6_pktinfo info;
	int class;

	if (cmsg->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		sockaddr_from_in6(&info.ipi6_addr, &train->path.local);
		train->path.local_ifindex = info.ipi6_ifindex;
	} else if (cmsg->cmsg_type == IPV6_TCLASS) {
		memcpy(&class, CMSG_DATA(cmsg), sizeof(class));
		train->class = (uint8_t) class;
	}
}

static void take_udp(struct cmsghdr *cmsg, struct udp_train *train)
{
	int size;

	if (cmsg->cmsg_type != UDP_GRO)
		return;
	memcpy(&size, CMSG_DATA(cmsg), sizeof(size));
	if (size > 0)
		train->size = (size_t)size;
}

static void take_control(struct msghdr *hdr, struct udp_train *train)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IP)
			take_ip(cmsg, train);
		else if (cmsg->cmsg_level == IPPROTO_IPV6)
			take_ipv6(cmsg, train);
		else if (cmsg->cmsg_level == IPPROTO_UDP)
			take_udp(cmsg, train);
	}
}

/* --- receiving ---------------------------------------------------------------------------------
 */

static void take(struct udp_in *in, size_t i)
{
	struct udp_train *train = &in->trains[in->count];
	size_t len = in->hdrs[i].msg_len;

	if (in->hdrs[i].msg_hdr.msg_flags & MSG_TRUNC)
		return;
	*train = (struct udp_train){.bytes = in->offers[i].iov.iov_base, .len = len, .size = len};
	sockaddr_to_endpoint(&in->offers[i].name, &train->path.remote);
	take_control(&in->hdrs[i].msg_hdr, train);
	in->count++;
}

/* Trains are long, so few of them are as much work as many single datagrams. */
static size_t how_many(const struct udp_in *in)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->trains[i].len > in->trains[i].size)
			return FEW;
	return UDP_IN_BUFFERS;
}

int udp_in_receive(struct udp_in *in, const struct udp_socket *socket)
{
	int n = recvmmsg(socket->fd, in->hdrs, (unsigned int)in->ask, MSG_DONTWAIT, NULL);

	in->count = in->next = 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (size_t i = 0; i < (size_t)n; i++) {
		take(in, i);
		offer(in, i);
	}
	in->ask = how_many(in);
	return n;
}

/* Add the first datagram of a train; even one without bytes is a datagram. */
static void cut_one(struct udp_train *train, struct batch *batch, bool follows)
{
	size_t len = train->len < train->size ? train->len : train->size;
	struct packet *packet = batch_add_view(batch, train->bytes, len);

	packet->path = train->path;
	packet->class = train->class;
	packet->follows = follows;
	train->bytes += len;
	train->len -= len;
}

size_t udp_in_cut(struct udp_in *in, struct batch *batch)
{
	while (in->next < in->count) {
		struct udp_train *train = &in->trains[in->next];
		bool follows = false;

		do {
			if (batch_is_full(batch))
				return batch->count;
			cut_one(train, batch, follows);
			follows = true;
		} while (train->len);
		in->next++;
	}
	return batch->count;
}
