/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The most that one thread can carry: TUN <-> UDP with every offload, each MTU-sized segment sealed
 * and opened with a fixed key, and no protocol at all. What vpnd stays below this is what
 * WireGuard's rules and its own care cost. Never a tunnel: the key is known and nothing is checked
 * for replay.
 *
 * usage: relay --tun NAME --listen PORT --peer ADDRESS:PORT [--mtu N] [--no-cipher]
 *
 * Prints "ready" when the interface is there; addresses and routes are up to whoever started it. A
 * datagram is as long as a data message of WireGuard: 16 bytes before the packet, 16 behind it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vpnd/data/coalesce.h"
#include "vpnd/data/split.h"
#include "vpnd/proto/aead.h"

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* The numbers were found by trying: more does not help, less costs up to a fifth. */
enum {
	BEFORE = 16,          /* bytes before the packet in a datagram, the last 8 a counter */
	DATAGRAM_MAX = 65507, /* bytes in one send, however many datagrams it becomes */
	SEGMENTS_MAX = 64,    /* datagrams in one send, for kernels before 6.9 as well */
	READS = 8,            /* TUN frames taken at a time */
	RECEIVES = 4,         /* buffers of merged datagrams taken at a time */
	SENDS = READS * 16,
	SOCKET_BUFFER = 4 << 20, /* bytes: what arrives while the TUN is served */
	HUGE_PAGE = 2 << 20,
	NICE = -10,
};

/* Datagrams of one length that leave in one send. */
struct run {
	uint8_t *data;
	size_t len;   /* bytes of all */
	size_t size;  /* bytes of each, but the last may be shorter and ends the run */
	size_t count; /* datagrams */
	bool ended;
};

struct relay {
	int tun, udp;
	bool cipher;
	struct aead_key key;
	uint64_t counter;
	size_t run_count;
	struct run runs[SENDS];
	struct coalesce coalesce;
	struct packet packets[COALESCE_PACKETS];
	uint8_t frame[sizeof(struct virtio_net_hdr) + SPLIT_FRAME_MAX];
	uint8_t out[READS * 2 * SPLIT_FRAME_MAX];
	uint8_t in[RECEIVES][1 << 16];
};

/* Room for one control message of type int. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

/* --- TUN to UDP ------------------------------------------------------------------------------- */

/* Make the packet of `len` bytes at `at` + BEFORE a datagram; returns its length. */
static size_t seal(struct relay *r, uint8_t *at, size_t len)
{
	r->counter++;
	memcpy(at + BEFORE - sizeof(r->counter), &r->counter, sizeof(r->counter));
	if (r->cipher)
		aead_seal(&r->key, r->counter, at + BEFORE, at + BEFORE, len);
	return BEFORE + len + TAG_LEN;
}

static void add_to_runs(struct relay *r, uint8_t *at, size_t len)
{
	struct run *run = r->run_count ? &r->runs[r->run_count - 1] : NULL;

	if (!run || run->ended || len > run->size || run->len + len > DATAGRAM_MAX ||
		run->count == SEGMENTS_MAX) {
		run = &r->runs[r->run_count++];
		*run = (struct run){.data = at, .size = len};
	}
	run->len += len;
	run->count++;
	run->ended = len < run->size;
}

static void set_segment_size(struct msghdr *msg, union control *control, uint16_t size)
{
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(size));
	control->header.cmsg_level = SOL_UDP;
	control->header.cmsg_type = UDP_SEGMENT;
	control->header.cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(&control->header), &size, sizeof(size));
}

static void send_runs(struct relay *r)
{
	struct mmsghdr msgs[SENDS] = {0};
	struct iovec iovs[SENDS];
	union control controls[SENDS] = {0};

	for (size_t i = 0; i < r->run_count; i++) {
		const struct run *run = &r->runs[i];

		iovs[i] = (struct iovec){run->data, run->len};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
		if (run->count > 1)
			set_segment_size(&msgs[i].msg_hdr, &controls[i], (uint16_t)run->size);
	}
	for (size_t sent = 0; sent < r->run_count;) {
		int n = sendmmsg(r->udp, msgs + sent, (unsigned int)(r->run_count - sent), 0);

		/* While the other end is not up yet, an error of an earlier datagram comes back. */
		if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
			err(1, "sendmmsg");
		sent += n > 0 ? (size_t)n : 0;
	}
	r->run_count = 0;
}

/* Seal the segments of one frame from `at` on; returns where the next may lie. */
static uint8_t *seal_frame(struct relay *r, size_t len, uint8_t *at)
{
	const uint8_t *end = r->out + sizeof(r->out);
	struct virtio_net_hdr hdr;
	struct split split;
	size_t size;

	memcpy(&hdr, r->frame, sizeof(hdr));
	if (split_begin(&split, &hdr, r->frame + sizeof(hdr), len - sizeof(hdr)) < 0)
		return at;
	while ((size = split_peek(&split)) > 0) {
		size_t sealed;

		if (r->run_count == SENDS || (size_t)(end - at) < BEFORE + size + TAG_LEN) {
			send_runs(r);
			at = r->out;
		}
		split_next(&split, at + BEFORE, size);
		sealed = seal(r, at, size);
		add_to_runs(r, at, sealed);
		at += sealed;
	}
	return at;
}

static void carry_out(struct relay *r)
{
	uint8_t *at = r->out;

	for (int i = 0; i < READS; i++) {
		ssize_t len = read(r->tun, r->frame, sizeof(r->frame));

		if (len < (ssize_t)sizeof(struct virtio_net_hdr))
			break;
		at = seal_frame(r, (size_t)len, at);
	}
	send_runs(r);
}

/* --- UDP to TUN ------------------------------------------------------------------------------- */

/* Bytes of each datagram that was merged into this one; `len` if none was. */
static size_t segment_size(struct msghdr *msg, size_t len)
{
	int size = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&size, CMSG_DATA(c), sizeof(size));
	return size > 0 ? (size_t)size : len;
}

static bool open_datagram(struct relay *r, uint8_t *at, size_t len, struct packet *packet)
{
	uint64_t counter;

	if (len < BEFORE + TAG_LEN)
		return false;
	memcpy(&counter, at + BEFORE - sizeof(counter), sizeof(counter));
	*packet = (struct packet){
		.data = at + BEFORE, .len = len - BEFORE - TAG_LEN, .verdict = PACKET_FORWARD};
	return !r->cipher || aead_open(&r->key, counter, at + BEFORE, at + BEFORE, len - BEFORE);
}

static void write_packets(struct relay *r, size_t count)
{
	struct iovec iov[COALESCE_IOV];

	coalesce_batch(&r->coalesce, r->packets, count,
		COALESCE_TCP4 | COALESCE_TCP6 | COALESCE_UDP4 | COALESCE_UDP6);
	for (size_t i = 0; i < r->coalesce.count; i++) {
		int n = coalesce_iov(&r->coalesce, i, iov);

		/* EIO: the interface is down. */
		if (writev(r->tun, iov, n) < 0 && errno != EIO)
			err(1, "writev to the TUN");
	}
}

static void carry_in(struct relay *r)
{
	struct mmsghdr msgs[RECEIVES] = {0};
	struct iovec iovs[RECEIVES];
	union control controls[RECEIVES];
	size_t count = 0;
	int got;

	for (int i = 0; i < RECEIVES; i++) {
		iovs[i] = (struct iovec){r->in[i], sizeof(r->in[i])};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i],
			.msg_iovlen = 1,
			.msg_control = &controls[i],
			.msg_controllen = sizeof(controls[i])};
	}
	got = recvmmsg(r->udp, msgs, RECEIVES, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		size_t len = msgs[i].msg_len, size = segment_size(&msgs[i].msg_hdr, len);

		for (size_t at = 0; at < len; at += size) {
			if (count == COALESCE_PACKETS) {
				write_packets(r, count);
				count = 0;
			}
			count += open_datagram(r, r->in[i] + at, len - at < size ? len - at : size,
				&r->packets[count]);
		}
	}
	write_packets(r, count);
}

static _Noreturn void carry(struct relay *r)
{
	struct pollfd fds[] = {
		{.fd = r->tun, .events = POLLIN},
		{.fd = r->udp, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			carry_out(r);
		if (fds[1].revents)
			carry_in(r);
	}
}

/* --- set-up ----------------------------------------------------------------------------------- */

static int open_tun(const char *name, int mtu)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	unsigned int offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
		err(1, "%s", name);
	ifr.ifr_mtu = mtu;
	if (ioctl(s, SIOCSIFMTU, &ifr) < 0)
		err(1, "mtu of %s", name);
	close(s);
	return fd;
}

/* Split "[ADDRESS]:PORT" or "ADDRESS:PORT" in place; returns the port. */
static char *split_peer(char **peer)
{
	char *colon = strrchr(*peer, ':');

	if (!colon)
		errx(2, "%s: no ADDRESS:PORT", *peer);
	*colon = '\0';
	if (**peer == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		(*peer)++;
	}
	return colon + 1;
}

static int open_udp(const char *port, char *peer)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE}, *local,
			*remote;
	const char *peer_port = split_peer(&peer);
	int on = 1, buffer = SOCKET_BUFFER, fd;

	if (getaddrinfo(peer, peer_port, &hints, &remote) != 0)
		errx(2, "%s %s: no endpoint", peer, peer_port);
	hints.ai_family = remote->ai_family;
	if (getaddrinfo(NULL, port, &hints, &local) != 0)
		errx(2, "%s: no port", port);
	fd = socket(local->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) < 0 ||
		bind(fd, local->ai_addr, local->ai_addrlen) < 0 ||
		connect(fd, remote->ai_addr, remote->ai_addrlen) < 0)
		err(1, "UDP socket");
	freeaddrinfo(local);
	freeaddrinfo(remote);
	return fd;
}

/* On huge pages if there are: fewer misses of the TLB are worth a twentieth. */
static struct relay *make_relay(void)
{
	static const uint8_t KNOWN_KEY[KEY_LEN] = {1};
	size_t size = (sizeof(struct relay) + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	struct relay *r = aligned_alloc(HUGE_PAGE, size);

	if (!r)
		err(1, "memory");
	madvise(r, size, MADV_HUGEPAGE);
	memset(r, 0, sizeof(*r));
	r->cipher = true;
	aead_key_init(&r->key, KNOWN_KEY);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{"tun", required_argument, NULL, 't'},
		{"listen", required_argument, NULL, 'l'},
		{"peer", required_argument, NULL, 'p'},
		{"mtu", required_argument, NULL, 'm'},
		{"no-cipher", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	const char *usage =
		"relay --tun NAME --listen PORT --peer ADDRESS:PORT [--mtu N] [--no-cipher]";
	char *value[128] = {['m'] = (char[]){"1420"}};
	struct relay *relay = make_relay();
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option == '?')
			errx(2, "usage: %s", usage);
		value[option] = optarg;
		relay->cipher &= option != 'n';
	}
	if (!value['t'] || !value['l'] || !value['p'] || sodium_init() < 0)
		errx(2, "usage: %s", usage);
	/* Woken, it runs at once and finds more waiting: worth a seventh where load shares its
	 * cores. */
	if (setpriority(PRIO_PROCESS, 0, NICE) < 0)
		warn("nice");
	relay->tun = open_tun(value['t'], atoi(value['m']));
	relay->udp = open_udp(value['l'], value['p']);
	printf("ready\n");
	fflush(stdout);
	carry(relay);
}
