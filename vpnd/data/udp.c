/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/udp.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "base/sockaddr.h"
#include "vpnd/proto/peer.h"

/* Ancillary data with room for either family's packet info and class, and some not asked for. */
struct control {
	_Alignas(struct cmsghdr) uint8_t
		bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + 64];
};

/* One datagram as the kernel wants it described; lives as long as its msghdr is used. */
struct message {
	union sockaddr_any name;
	struct control control;
	struct iovec iov;
};

/* One thing that the kernel says about a received datagram; in which order is its affair. */
static void take_control(struct cmsghdr *cmsg, struct packet *packet)
{
	if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		sockaddr_from_in(&info.ipi_spec_dst, &packet->path.local);
		packet->path.local_ifindex = (uint32_t)info.ipi_ifindex;
	} else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		sockaddr_from_in6(&info.ipi6_addr, &packet->path.local);
		packet->path.local_ifindex = info.ipi6_ifindex;
	} else if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_TOS) {
		memcpy(&packet->class, CMSG_DATA(cmsg), sizeof(packet->class));
	} else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_TCLASS) {
		int class;

		memcpy(&class, CMSG_DATA(cmsg), sizeof(class));
		packet->class = (uint8_t) class;
	}
}

/* Which way a received datagram came, and what happened to it. */
static void take_path(struct msghdr *hdr, const union sockaddr_any *name, struct packet *packet)
{
	packet->path = (struct path){0};
	packet->class = 0;
	sockaddr_to_endpoint(name, &packet->path.remote);
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg))
		take_control(cmsg, packet);
}

static void describe_room(
	struct message *message, struct msghdr *hdr, const struct batch *batch, size_t i)
{
	message->iov = (struct iovec){batch_slot(batch, i), BATCH_SLOT};
	*hdr = (struct msghdr){
		.msg_name = &message->name,
		.msg_namelen = sizeof(message->name),
		.msg_iov = &message->iov,
		.msg_iovlen = 1,
		.msg_control = &message->control,
		.msg_controllen = sizeof(message->control),
	};
}

int udp_receive(int fd, struct batch *batch)
{
	struct message messages[PACKET_BATCH];
	struct mmsghdr hdrs[PACKET_BATCH];
	int n;

	for (size_t i = 0; i < PACKET_BATCH; i++)
		describe_room(&messages[i], &hdrs[i].msg_hdr, batch, i);
	n = recvmmsg(fd, hdrs, PACKET_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct packet *packet = &batch->packets[batch->count];

		if (hdrs[i].msg_hdr.msg_flags & MSG_TRUNC)
			continue;
		packet->data = messages[i].iov.iov_base;
		packet->len = hdrs[i].msg_len;
		take_path(&hdrs[i].msg_hdr, &messages[i].name, packet);
		batch->count++;
	}
	return (int)batch->count;
}

static void add_control(struct msghdr *hdr, struct control *control, int level, int type,
	const void *info, size_t len)
{
	struct cmsghdr *cmsg = (struct cmsghdr *)(control->bytes + hdr->msg_controllen);

	memset(cmsg, 0, CMSG_SPACE(len));
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), info, len);
	hdr->msg_control = control;
	hdr->msg_controllen += CMSG_SPACE(len);
}

static void give_class(
	struct msghdr *hdr, struct control *control, const struct path *path, uint8_t class)
{
	const int value = class;

	if (!class)
		return; /* as the sockets are */
	if (path->remote.addr.family == ADDR_V4)
		add_control(hdr, control, IPPROTO_IP, IP_TOS, &value, sizeof(value));
	else
		add_control(hdr, control, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
}

static bool is_link_local_v6(const struct addr *addr)
{
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/*
 * The address alone: with the interface the kernel would go on sending by it whatever the routes
 * say. Only an address that exists on every link needs it.
 */
static void give_pktinfo(struct msghdr *hdr, struct control *control, const struct path *path)
{
	if (path->local.family != path->remote.addr.family)
		return;
	if (path->local.family == ADDR_V4) {
		struct in_pktinfo info = {0};

		sockaddr_to_in(&path->local, &info.ipi_spec_dst);
		add_control(hdr, control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (path->local.family == ADDR_V6) {
		struct in6_pktinfo info = {0};

		sockaddr_to_in6(&path->local, &info.ipi6_addr);
		if (is_link_local_v6(&path->local))
			info.ipi6_ifindex = path->local_ifindex;
		add_control(hdr, control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

/* Free the kernel to choose the local address. False if it already was. */
static bool drop_pktinfo(struct msghdr *hdr)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		if (cmsg->cmsg_type != (cmsg->cmsg_level == IPPROTO_IP ? IP_PKTINFO : IPV6_PKTINFO))
			continue;
		hdr->msg_controllen = (size_t)((char *)cmsg - (char *)hdr->msg_control);
		return true;
	}
	return false;
}

/* Packet info comes last, so that it can be dropped. */
static void describe(struct message *message, struct msghdr *hdr, const struct path *path,
	uint8_t class, const struct iovec *bytes)
{
	message->iov = *bytes;
	*hdr = (struct msghdr){
		.msg_name = &message->name,
		.msg_namelen = sockaddr_from_endpoint(&path->remote, &message->name),
		.msg_iov = &message->iov,
		.msg_iovlen = 1,
	};
	give_class(hdr, &message->control, path, class);
	give_pktinfo(hdr, &message->control, path);
}

static int socket_for(const struct udp_sockets *sockets, const struct path *path)
{
	return path->remote.addr.family == ADDR_V6 ? sockets->v6 : sockets->v4;
}

static void refuse(struct udp_errors *errors, int error)
{
	errors->dropped++;
	errors->newest = error;
}

/* True if the kernel may accept the datagram once it is free to choose the local address. */
static bool may_be_stale(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH ||
	       error == EHOSTUNREACH || error == ENODEV || error == ENXIO;
}

/* Send what sendmmsg stopped at. True if it went without its local address. */
static bool send_refused(int fd, struct msghdr *hdr, int error, struct udp_errors *errors)
{
	bool stale = may_be_stale(error) && drop_pktinfo(hdr);

	if (stale) {
		if (sendmsg(fd, hdr, MSG_DONTWAIT) >= 0)
			return true;
		error = errno;
	}
	refuse(errors, error);
	return stale;
}

void udp_send(const struct udp_sockets *sockets, const struct path *path, uint8_t class,
	const void *bytes, size_t len, struct udp_errors *errors)
{
	struct message message;
	struct msghdr hdr;
	struct iovec iov = {.iov_len = len};
	int fd = socket_for(sockets, path);

	memcpy(&iov.iov_base, &bytes,
		sizeof(bytes)); /* sendmsg only reads what iov_base points to */
	describe(&message, &hdr, path, class, &iov);
	if (sendmsg(fd, &hdr, MSG_DONTWAIT) < 0)
		send_refused(fd, &hdr, errno, errors);
}

/* Send `n` described datagrams of one socket; peers[i] forgets a local address that is gone. */
static void send_run(
	int fd, struct mmsghdr *hdrs, struct peer **peers, size_t n, struct udp_errors *errors)
{
	for (size_t done = 0; done < n;) {
		int sent = sendmmsg(fd, hdrs + done, (unsigned int)(n - done), MSG_DONTWAIT);

		if (sent > 0) {
			done += (size_t)sent;
			continue;
		}
		if (send_refused(fd, &hdrs[done].msg_hdr, errno, errors))
			peer_clear_local(peers[done]);
		done++;
	}
}

void udp_send_batch(
	const struct udp_sockets *sockets, struct batch *batch, struct udp_errors *errors)
{
	struct message messages[PACKET_BATCH];
	struct mmsghdr hdrs[PACKET_BATCH];
	struct peer *peers[PACKET_BATCH];
	size_t n = 0;
	int fd = -1;

	for (size_t i = 0; i < batch->count; i++) {
		const struct packet *packet = &batch->packets[i];
		struct iovec iov = {packet->data, packet->len};

		if (packet->verdict != PACKET_FORWARD)
			continue;
		if (n && socket_for(sockets, &packet->path) != fd) {
			send_run(fd, hdrs, peers, n, errors);
			n = 0;
		}
		fd = socket_for(sockets, &packet->path);
		describe(&messages[n], &hdrs[n].msg_hdr, &packet->path, packet->class, &iov);
		peers[n++] = packet->peer;
	}
	send_run(fd, hdrs, peers, n, errors);
}
