/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame that may still grow is open. A flow has one open frame at most, found by its hash; a
 * packet that does not fit closes it and begins the next one, so frames in the order of their first
 * packets keep the order of every flow. Most packets belong to the frame that grew last, which is
 * asked first.
 *
 * The first packet of a frame stands for all: what its headers say, each that is added must say
 * too, but for what segmentation itself changes. A checksum that the kernel will make anew must
 * have been right, else an error would be hidden; the first packet's is verified only when a second
 * one comes.
 */
#include "vpnd/data/coalesce.h"

#include <netinet/in.h>
#include <string.h>

#include "vpnd/data/checksum.h"
#include "vpnd/data/headers.h"

enum {
	FRAME_MAX = 65535, /* bytes that the kernel takes at once */
	PROBES = 4,        /* places of the table that a flow may be in */
};

/* --- flows --------------------------------------------------------------------------------------
 */

static size_t addresses_at(const struct headers *h)
{
	return h->version == 4 ? V4_SOURCE : V6_SOURCE;
}

static size_t addresses_len(const struct headers *h)
{
	return h->version == 4 ? 2 * 4 : 2 * 16;
}

static size_t hash(const uint8_t *data, const struct headers *h)
{
	const uint8_t *to = data + addresses_at(h) + addresses_len(h) / 2;
	uint64_t mixed = headers_get32(data + h->upper);

	/* The last bytes of addresses are those that differ most. */
	mixed ^= (uint64_t)headers_get32(to - 4) << 32;
	mixed ^= (uint64_t)headers_get32(to + addresses_len(h) / 2 - 4) << 16;
	return mixed * 0x9e3779b97f4a7c15 >> 56;
}

/* Whether a packet is of the flow of a frame. */
static bool holds_flow(
	const struct coalesce *c, size_t frame, const uint8_t *data, const struct headers *h)
{
	const struct coalesce_frame *f = &c->frames[frame];
	const uint8_t *first = c->packets[f->first].data;
	size_t at = addresses_at(h), protocol_at = h->version == 4 ? V4_PROTOCOL : V6_NEXT;

	return first[0] >> 4 == h->version && first[protocol_at] == h->protocol &&
	       !memcmp(first + f->upper, data + h->upper, 4) &&
	       !memcmp(first + at, data + at, addresses_len(h));
}

/* Let no frame grow any more: a packet came that may belong to any flow. */
static void close_all(struct coalesce *c)
{
	for (int i = 0; i < COALESCE_FLOWS; i++)
		c->open[i] = COALESCE_NONE;
	c->newest = COALESCE_NONE;
}

static void close_frame(struct coalesce *c, struct coalesce_frame *f)
{
	c->open[f->slot] = COALESCE_NONE;
	c->newest = COALESCE_NONE;
}

/*
 * The open frame of this packet's flow; NULL: there is none. Sets `slot` to where it is, or where a
 * new one is to be; another flow may have to give way.
 */
static struct coalesce_frame *find_open(
	struct coalesce *c, const uint8_t *data, const struct headers *h, uint16_t *slot)
{
	size_t home;

	if (c->newest != COALESCE_NONE && holds_flow(c, c->newest, data, h)) {
		*slot = c->frames[c->newest].slot;
		return &c->frames[c->newest];
	}
	home = hash(data, h);
	*slot = (uint16_t)(home % COALESCE_FLOWS);
	for (size_t i = 0; i < PROBES; i++) {
		uint16_t at = (uint16_t)((home + i) % COALESCE_FLOWS);

		if (c->open[at] == COALESCE_NONE) {
			*slot = at;
		} else if (holds_flow(c, c->open[at], data, h)) {
			*slot = at;
			return &c->frames[c->open[at]];
		}
	}
	return NULL;
}

/* --- what may be merged -------------------------------------------------------------------------
 */

/* A checksum of 0xffff is right where 0 is, but 0 is what the kernel would make of it. */
static bool is_plain_tcp(const uint8_t *tcp)
{
	uint8_t never = TCP_FIN | TCP_SYN | TCP_RST | TCP_URG | TCP_CWR;

	return (tcp[TCP_FLAGS] & (never | TCP_ACKED)) == TCP_ACKED &&
	       headers_get16(tcp + TCP_CHECKSUM) != 0xffff;
}

static bool is_plain_v4(const uint8_t *ip)
{
	return !(headers_get16(ip + V4_FRAGMENT) & (uint16_t)~V4_DONT_FRAGMENT) &&
	       headers_get16(ip + V4_CHECKSUM) != 0xffff;
}

/* Whether this packet may be part of a frame at all. */
static bool may_merge(
	const struct coalesce *c, const struct packet *packet, const struct headers *h)
{
	const uint8_t *upper = packet->data + h->upper;
	bool v4 = h->version == 4;

	if (h->len >= packet->len || h->upper != (v4 ? V4_HEADER : V6_HEADER))
		return false;
	if (v4 && !is_plain_v4(packet->data))
		return false;
	if (h->protocol == IPPROTO_TCP)
		return c->takes & (v4 ? COALESCE_TCP4 : COALESCE_TCP6) && is_plain_tcp(upper);
	return c->takes & (v4 ? COALESCE_UDP4 : COALESCE_UDP6) &&
	       headers_get16(upper + UDP_CHECKSUM) != 0;
}

/* What must be equal in the IP headers of one frame, beside the addresses. */
static bool same_ip(const uint8_t *a, const uint8_t *b, const struct headers *h)
{
	if (h->version == 4)
		return a[V4_CLASS] == b[V4_CLASS] && a[V4_TTL] == b[V4_TTL] &&
		       !memcmp(a + V4_FRAGMENT, b + V4_FRAGMENT, 2);
	return !memcmp(a, b, 4) && a[V6_HOPS] == b[V6_HOPS];
}

/*
 * The kernel counts identifications up. Packets that must not be fragmented have no use for theirs
 * (RFC 6864 section 4.1), so where all are equal, as some senders have it, that may be lost.
 */
static bool id_follows(const struct coalesce *c, const struct coalesce_frame *f, const uint8_t *ip)
{
	uint16_t first = headers_get16(c->packets[f->first].data + V4_ID);
	uint16_t last = headers_get16(c->packets[f->last].data + V4_ID);
	uint16_t id = headers_get16(ip + V4_ID);

	if (id == last)
		return first == last && headers_get16(ip + V4_FRAGMENT) & V4_DONT_FRAGMENT;
	return id == (uint16_t)(last + 1) && id == (uint16_t)(first + f->count);
}

/* Acknowledgement, flags but PSH, window, urgent pointer and all options. */
static bool same_tcp(const uint8_t *a, const uint8_t *b, size_t len)
{
	return (a[TCP_FLAGS] | TCP_PSH) == (b[TCP_FLAGS] | TCP_PSH) &&
	       !memcmp(a + TCP_ACK, b + TCP_ACK, TCP_FLAGS - TCP_ACK) &&
	       !memcmp(a + TCP_WINDOW, b + TCP_WINDOW, 2) &&
	       !memcmp(a + TCP_URGENT, b + TCP_URGENT, len - TCP_URGENT);
}

/* Whether a packet of the frame's flow that may merge is the one that continues it. */
static bool continues(const struct coalesce *c, const struct coalesce_frame *f,
	const struct packet *packet, const struct headers *h)
{
	const uint8_t *first = c->packets[f->first].data, *upper = packet->data + h->upper;
	size_t payload = packet->len - h->len;

	if (payload > f->size || f->len + payload > FRAME_MAX || !same_ip(first, packet->data, h))
		return false;
	if (h->version == 4 && !id_follows(c, f, packet->data))
		return false;
	return h->protocol == IPPROTO_UDP ||
	       (headers_get32(upper + TCP_SEQUENCE) == f->next &&
		       same_tcp(first + f->upper, upper, h->len - h->upper));
}

/* Whether the checksums of a packet are right. */
static bool verify(const uint8_t *data, size_t len, uint32_t upper, uint8_t protocol)
{
	uint64_t sum = checksum_pseudo(data, protocol, len - upper);

	if (data[0] >> 4 == 4 && checksum_finish(checksum_add(0, data, upper)))
		return false;
	return !checksum_finish(checksum_add(sum, data + upper, len - upper));
}

static bool verify_both(
	struct coalesce *c, struct coalesce_frame *f, const struct packet *packet, uint8_t protocol)
{
	const struct packet *first = &c->packets[f->first];

	if (!f->verified)
		f->verified = verify(first->data, first->len, f->upper, protocol);
	return f->verified && verify(packet->data, packet->len, f->upper, protocol);
}

/* --- frames -------------------------------------------------------------------------------------
 */

static struct coalesce_frame *begin(struct coalesce *c, size_t i)
{
	struct coalesce_frame *f = &c->frames[c->count++];

	f->hdr = (struct virtio_net_hdr){0};
	f->first = f->last = (uint16_t)i;
	f->count = 1;
	f->header_len = 0;
	c->next[i] = COALESCE_NONE;
	return f;
}

/* A packet that is the last of its frame, whatever comes. */
static bool ends(
	const struct coalesce_frame *f, const struct packet *packet, const struct headers *h)
{
	return packet->len - h->len < f->size || f->count == COALESCE_SEGMENTS ||
	       (h->protocol == IPPROTO_TCP && packet->data[h->upper + TCP_FLAGS] & TCP_PSH);
}

/* Open a frame with packet `i`. A flow that had the slot is forgotten. */
static void begin_open(struct coalesce *c, size_t i, const struct headers *h, uint16_t slot)
{
	const struct packet *packet = &c->packets[i];
	struct coalesce_frame *f = begin(c, i);

	f->slot = slot;
	f->upper = (uint16_t)h->upper;
	f->header_len = (uint16_t)h->len;
	f->size = (uint16_t)(packet->len - h->len);
	f->len = (uint32_t)packet->len;
	f->verified = false;
	if (h->protocol == IPPROTO_TCP)
		f->next = headers_get32(packet->data + h->upper + TCP_SEQUENCE) + f->size;
	if (ends(f, packet, h))
		return;
	c->newest = c->open[slot] = (uint16_t)(f - c->frames);
}

static void append(struct coalesce *c, struct coalesce_frame *f, size_t i, const struct headers *h)
{
	const struct packet *packet = &c->packets[i];
	uint32_t payload = (uint32_t)(packet->len - h->len);

	c->next[f->last] = (uint16_t)i;
	c->next[i] = COALESCE_NONE;
	f->last = (uint16_t)i;
	f->count++;
	f->len += payload;
	f->next += payload;
	c->newest = (uint16_t)(f - c->frames);
	if (ends(f, packet, h))
		close_frame(c, f);
}

/* Whether a packet whose headers were not understood may still belong to a TCP or UDP flow. */
static bool may_be_of_a_flow(const struct packet *packet)
{
	uint8_t version = packet->len ? packet->data[0] >> 4 : 0;
	uint8_t protocol;

	if (version == 4 && packet->len >= V4_HEADER)
		protocol = packet->data[V4_PROTOCOL];
	else if (version == 6 && packet->len >= V6_HEADER)
		protocol = packet->data[V6_NEXT];
	else
		return false;
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return true;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
		return version == 6;
	default:
		return false;
	}
}

static void add(struct coalesce *c, size_t i)
{
	const struct packet *packet = &c->packets[i];
	struct coalesce_frame *f;
	struct headers h;
	uint16_t slot;

	if (headers_parse(packet->data, packet->len, &h) < 0) {
		if (may_be_of_a_flow(packet))
			close_all(c);
		begin(c, i);
		return;
	}
	f = find_open(c, packet->data, &h, &slot);
	if (!may_merge(c, packet, &h)) {
		if (f)
			close_frame(c, f);
		begin(c, i);
	} else if (f && continues(c, f, packet, &h) && verify_both(c, f, packet, h.protocol)) {
		append(c, f, i, &h);
	} else {
		if (f)
			close_frame(c, f);
		begin_open(c, i, &h, slot);
	}
}

/* --- what goes to the TUN -----------------------------------------------------------------------
 */

static void build_v4(uint8_t *ip, size_t len)
{
	uint16_t checksum;

	headers_put16(ip + V4_LENGTH, (uint16_t)len);
	memset(ip + V4_CHECKSUM, 0, sizeof(checksum));
	checksum = checksum_finish(checksum_add(0, ip, V4_HEADER));
	memcpy(ip + V4_CHECKSUM, &checksum, sizeof(checksum));
}

/* The headers of a frame of several packets, and what the kernel is to do with it. */
static void build(const struct coalesce *c, struct coalesce_frame *f)
{
	uint8_t *ip = f->header, *upper = f->header + f->upper;
	const uint8_t *last = c->packets[f->last].data + f->upper;
	size_t upper_len = f->len - f->upper;
	bool v4 = f->upper == V4_HEADER;
	uint8_t protocol;
	uint16_t checksum;

	memcpy(f->header, c->packets[f->first].data, f->header_len);
	protocol = ip[v4 ? V4_PROTOCOL : V6_NEXT];
	f->hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.hdr_len = f->header_len,
		.gso_size = f->size,
		.csum_start = f->upper,
		.csum_offset = UDP_CHECKSUM,
	};
	if (protocol == IPPROTO_TCP) {
		f->hdr.gso_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		f->hdr.csum_offset = TCP_CHECKSUM;
		upper[TCP_FLAGS] |= last[TCP_FLAGS] & TCP_PSH;
	} else {
		headers_put16(upper + UDP_LENGTH, (uint16_t)upper_len);
	}
	if (v4)
		build_v4(ip, f->len);
	else
		headers_put16(ip + V6_LENGTH, (uint16_t)upper_len);
	checksum = checksum_fold(checksum_pseudo(ip, protocol, upper_len));
	memcpy(upper + f->hdr.csum_offset, &checksum, sizeof(checksum));
}

void coalesce_batch(
	struct coalesce *c, const struct packet *packets, size_t count, unsigned int takes)
{
	c->count = 0;
	c->packets = packets;
	c->takes = takes;
	close_all(c);
	for (size_t i = 0; i < count; i++)
		if (packets[i].verdict == PACKET_FORWARD)
			add(c, i);
	for (size_t i = 0; i < c->count; i++)
		if (c->frames[i].count > 1)
			build(c, &c->frames[i]);
}

int coalesce_iov(struct coalesce *c, size_t i, struct iovec iov[static COALESCE_IOV])
{
	struct coalesce_frame *f = &c->frames[i];
	size_t skip = f->count > 1 ? f->header_len : 0;
	int n = 0;

	iov[n++] = (struct iovec){&f->hdr, sizeof(f->hdr)};
	if (skip)
		iov[n++] = (struct iovec){f->header, skip};
	for (size_t at = f->first; at != COALESCE_NONE; at = c->next[at])
		iov[n++] = (struct iovec){c->packets[at].data + skip, c->packets[at].len - skip};
	return n;
}

unsigned int coalesce_kind(const struct coalesce *c, size_t i)
{
	const struct coalesce_frame *f = &c->frames[i];

	switch (f->hdr.gso_type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return COALESCE_TCP4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return COALESCE_TCP6;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return f->upper == V4_HEADER ? COALESCE_UDP4 : COALESCE_UDP6;
	default:
		return 0;
	}
}

size_t coalesce_next(const struct coalesce *c, size_t packet)
{
	return c->next[packet];
}
