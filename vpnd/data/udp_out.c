/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/udp_out.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

#include "vpnd/data/patience.h"

enum {
	MESSAGES = 64,  /* in one system call */
	SEGMENTS = 64,  /* in one message: what every kernel takes */
	RUN_V4 = 65507, /* bytes of one message */
	RUN_V6 = 65487,
};

/* What one msghdr points to beside the datagrams. */
struct message {
	union sockaddr_any name;
	struct udp_control control;
	size_t first, count; /* of its packets in the outbox */
	size_t len, size;    /* bytes of all, and of each but the last */
};

/* Messages to one socket that leave together. */
struct outbox {
	struct udp_socket *socket;
	struct mmsghdr hdrs[MESSAGES];
	struct message messages[MESSAGES];
	size_t count;
	struct iovec iov[PACKET_BATCH];
	struct packet *packets[PACKET_BATCH];
	size_t packet_count;
	bool closed; /* the newest message takes no more packets */
	struct patience patience;
};

static void refuse(struct udp_errors *errors, int error)
{
	errors->dropped++;
	errors->newest = error;
}

/* --- what the kernel is told ---------------------------------------------------------------------
 */

static void add_control(struct msghdr *hdr, struct udp_control *control, int level, int type,
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
	struct msghdr *hdr, struct udp_control *control, const struct path *path, uint8_t class)
{
	const int value = class;

	if (!class)
		return; /* as the sockets are */
	if (path->remote.addr.family == ADDR_V4)
		add_control(hdr, control, IPPROTO_IP, IP_TOS, &value, sizeof(value));
	else
		add_control(hdr, control, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
}

static void give_size(struct msghdr *hdr, struct udp_control *control, size_t size)
{
	const uint16_t value = (uint16_t)size;

	add_control(hdr, control, IPPROTO_UDP, UDP_SEGMENT, &value, sizeof(value));
}

static bool is_link_local_v6(const struct addr *addr)
{
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

/*
 * The address alone: with the interface the kernel would go on sending by it whatever the routes
 * say. Only an address that exists on every link needs it.
 */
static void give_pktinfo(struct msghdr *hdr, struct udp_control *control, const struct path *path)
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
		if (cmsg->cmsg_type !=
				(cmsg->cmsg_level == IPPROTO_IP ? IP_PKTINFO : IPV6_PKTINFO) ||
			cmsg->cmsg_level == IPPROTO_UDP)
			continue;
		hdr->msg_controllen = (size_t)((char *)cmsg - (char *)hdr->msg_control);
		return true;
	}
	return false;
}

static void describe(struct message *message, struct msghdr *hdr, const struct path *path,
	struct iovec *iov, size_t iovlen)
{
	*hdr = (struct msghdr){
		.msg_name = &message->name,
		.msg_namelen = sockaddr_from_endpoint(&path->remote, &message->name),
		.msg_iov = iov,
		.msg_iovlen = iovlen,
	};
}

static struct udp_socket *socket_for(struct udp_sockets *sockets, const struct path *path)
{
	return path->remote.addr.family == ADDR_V6 ? &sockets->v6 : &sockets->v4;
}

/* --- one datagram --------------------------------------------------------------------------------
 */

/* True if the kernel may accept the message once it is free to choose the local address. */
static bool may_be_stale(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH ||
	       error == EHOSTUNREACH || error == ENODEV || error == ENXIO;
}

/*
 * Send one message, whose packet info comes last. `*stale` becomes true if it went without its
 * local address alone. 0 or a negative errno; how it is described then is left open.
 *
 * The first error may be that of an earlier datagram, which came back as ICMP and is told once, by
 * whichever call comes next: so it is tried again as it is.
 */
static int send_message(int fd, struct msghdr *hdr, struct patience *patience, bool *stale)
{
	bool own = false;
	int error = 0;

	while (sendmsg(fd, hdr, MSG_DONTWAIT) < 0) {
		if (patience_wait(patience, fd, errno))
			continue;
		if (!own) {
			own = true;
			continue;
		}
		if (error) /* nor without its local address */
			return -error;
		error = errno;
		if (!may_be_stale(error) || !drop_pktinfo(hdr))
			return -error;
	}
	*stale |= error != 0;
	return 0;
}

static int send_one(const struct udp_socket *socket, const struct path *path, uint8_t class,
	struct iovec *bytes, struct patience *patience, bool *stale, struct udp_errors *errors)
{
	struct message message;
	struct msghdr hdr;
	int r;

	describe(&message, &hdr, path, bytes, 1);
	give_class(&hdr, &message.control, path, class);
	give_pktinfo(&hdr, &message.control, path);
	r = send_message(socket->fd, &hdr, patience, stale);
	if (r < 0)
		refuse(errors, -r);
	return r;
}

int udp_out_one(struct udp_sockets *sockets, const struct path *path, uint8_t class,
	const void *bytes, size_t len, struct udp_errors *errors)
{
	struct patience patience = PATIENCE_ONE;
	struct iovec iov = {.iov_len = len};
	bool stale = false;

	/* sendmsg only reads what iov_base points to */
	memcpy(&iov.iov_base, &bytes, sizeof(bytes));
	return send_one(socket_for(sockets, path), path, class, &iov, &patience, &stale, errors);
}

/* --- a batch -------------------------------------------------------------------------------------
 */

static bool same_way(const struct packet *a, const struct packet *b)
{
	return a->class == b->class && a->path.local_ifindex == b->path.local_ifindex &&
	       endpoint_equal(&a->path.remote, &b->path.remote) &&
	       addr_equal(&a->path.local, &b->path.local);
}

static bool fits_run(const struct outbox *box, const struct packet *packet)
{
	const struct message *message = &box->messages[box->count - 1];
	const struct packet *last = box->packets[box->packet_count - 1];
	size_t most = packet->path.remote.addr.family == ADDR_V6 ? RUN_V6 : RUN_V4;

	return !box->closed && packet->len <= message->size && message->len + packet->len <= most &&
	       message->count < SEGMENTS && same_way(packet, last);
}

static void begin_message(struct outbox *box, const struct packet *packet)
{
	struct message *message = &box->messages[box->count];

	describe(message, &box->hdrs[box->count].msg_hdr, &packet->path,
		&box->iov[box->packet_count], 0);
	message->first = box->packet_count;
	message->count = 0;
	message->len = 0;
	message->size = packet->len;
	box->count++;
}

/* Packets that lie side by side are one piece. */
static void add_bytes(struct msghdr *hdr, const struct packet *packet)
{
	struct iovec *last = hdr->msg_iovlen ? &hdr->msg_iov[hdr->msg_iovlen - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == packet->data)
		last->iov_len += packet->len;
	else
		hdr->msg_iov[hdr->msg_iovlen++] = (struct iovec){packet->data, packet->len};
}

static void add_packet(struct outbox *box, struct packet *packet)
{
	struct message *message = &box->messages[box->count - 1];

	add_bytes(&box->hdrs[box->count - 1].msg_hdr, packet);
	box->packets[box->packet_count++] = packet;
	message->count++;
	message->len += packet->len;
	box->closed = !box->socket->segments || packet->len < message->size;
}

/* Packet info comes last, so that it can be dropped. */
static void finish_messages(struct outbox *box)
{
	for (size_t i = 0; i < box->count; i++) {
		struct message *message = &box->messages[i];
		struct msghdr *hdr = &box->hdrs[i].msg_hdr;
		const struct packet *packet = box->packets[message->first];

		give_class(hdr, &message->control, &packet->path, packet->class);
		if (message->count > 1)
			give_size(hdr, &message->control, message->size);
		give_pktinfo(hdr, &message->control, &packet->path);
	}
}

/* The same datagrams as the run had, each by itself. Returns how many the kernel took. */
static size_t send_singly(
	struct outbox *box, const struct message *message, struct udp_errors *errors)
{
	bool stale = false;
	size_t sent = 0;

	for (size_t i = message->first; i < message->first + message->count; i++) {
		const struct packet *packet = box->packets[i];
		struct iovec iov = {packet->data, packet->len};

		sent += send_one(box->socket, &packet->path, packet->class, &iov, &box->patience,
				&stale, errors) == 0;
	}
	if (stale)
		box->packets[message->first]->stale = true;
	return sent;
}

/* EMSGSIZE: a datagram by itself would leave in fragments, on this path alone. */
static bool may_be_segmentation(int error)
{
	return error == EIO || error == EINVAL || error == EMSGSIZE;
}

static void fall_back(struct outbox *box, size_t i, int error, struct udp_errors *errors)
{
	if (!send_singly(box, &box->messages[i], errors))
		return; /* whatever it was, it was not that they were many */
	errors->fallbacks++;
	errors->fallback_error = error;
	if (error != EMSGSIZE)
		box->socket->segments = false;
}

/* Send what sendmmsg stopped at. */
static void send_again(struct outbox *box, size_t i, struct udp_errors *errors)
{
	struct msghdr *hdr = &box->hdrs[i].msg_hdr;
	bool stale = false;
	int r = send_message(box->socket->fd, hdr, &box->patience, &stale);

	if (stale)
		box->packets[box->messages[i].first]->stale = true;
	if (r == 0)
		return;
	if (box->messages[i].count > 1 && may_be_segmentation(-r)) {
		fall_back(box, i, -r, errors);
		return;
	}
	errors->dropped += box->messages[i].count;
	errors->newest = -r;
}

static void flush(struct outbox *box, struct udp_errors *errors)
{
	size_t done = 0;

	finish_messages(box);
	while (done < box->count) {
		int sent = sendmmsg(box->socket->fd, box->hdrs + done,
			(unsigned int)(box->count - done), MSG_DONTWAIT);

		if (sent > 0)
			done += (size_t)sent;
		else
			send_again(box, done++, errors);
	}
	box->count = box->packet_count = 0;
}

static bool must_flush(const struct outbox *box, const struct udp_socket *socket)
{
	return box->count && (box->socket != socket || box->count == MESSAGES);
}

void udp_out_batch(struct udp_sockets *sockets, struct batch *batch, struct udp_errors *errors)
{
	struct outbox box;

	box.count = box.packet_count = 0;
	box.patience = PATIENCE_BATCH;
	for (size_t i = 0; i < batch->count; i++) {
		struct packet *packet = &batch->packets[i];
		struct udp_socket *socket;

		if (packet->verdict != PACKET_FORWARD)
			continue;
		socket = socket_for(sockets, &packet->path);
		if (must_flush(&box, socket))
			flush(&box, errors);
		box.socket = socket;
		if (!box.count || !fits_run(&box, packet))
			begin_message(&box, packet);
		add_packet(&box, packet);
	}
	flush(&box, errors);
}
