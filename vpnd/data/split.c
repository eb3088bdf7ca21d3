/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every segment starts as a copy of the frame's headers, in which what differs is then put right.
 * The payload is copied and summed in one pass. Fields and their rules: TCP, RFC 9293 section 3.1;
 * CWR, RFC 3168 section 6.1.2; UDP, RFC 768; identifications count up as the kernel has them.
 */
#include "vpnd/data/split.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "vpnd/data/checksum.h"

/* A whole frame whose checksum the kernel left to us, pseudo header already in its field. */
static int begin_checksum(struct split *s, const struct virtio_net_hdr *hdr)
{
	s->kind = SPLIT_CHECKSUM;
	s->csum_start = hdr->csum_start;
	s->csum_at = s->csum_start + hdr->csum_offset;
	if (hdr->csum_offset % 2 || s->csum_at + sizeof(uint16_t) > s->len)
		return -EBADMSG;
	return 0;
}

/* Whether the headers are those that the type of segmentation is for. */
static bool is_meant(const struct headers *h, uint8_t gso_type)
{
	switch (gso_type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN:
		return h->version == 4 && h->protocol == IPPROTO_TCP;
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN:
		return h->version == 6 && h->protocol == IPPROTO_TCP;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return h->protocol == IPPROTO_UDP;
	default:
		return false;
	}
}

static size_t checksum_offset(const struct headers *h)
{
	return h->protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
}

/*
 * The sum of the pseudo header but for the length. The kernel's own, if it left one, knows the
 * destination that is in a routing header.
 */
static int find_pseudo(struct split *s, const struct virtio_net_hdr *hdr)
{
	const struct headers *h = &s->headers;
	uint16_t kernels;

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)) {
		s->pseudo = checksum_pseudo(s->frame, h->protocol, 0);
		return h->routed ? -EBADMSG : 0;
	}
	if (hdr->csum_start != h->upper || hdr->csum_offset != checksum_offset(h))
		return -EBADMSG;
	memcpy(&kernels, s->frame + h->upper + hdr->csum_offset, sizeof(kernels));
	/* One's complement: adding the complement of the length takes it away. */
	s->pseudo = checksum_add16(kernels, (uint16_t) ~(s->len - h->upper));
	return 0;
}

static int begin_segments(struct split *s, const struct virtio_net_hdr *hdr)
{
	const uint8_t *upper;

	s->kind = SPLIT_SEGMENTS;
	s->size = hdr->gso_size;
	if (!s->size || headers_parse(s->frame, s->len, &s->headers) < 0 ||
		!is_meant(&s->headers, hdr->gso_type))
		return -EBADMSG;
	upper = s->frame + s->headers.upper;
	if (s->headers.protocol == IPPROTO_TCP && upper[TCP_FLAGS] & (TCP_SYN | TCP_RST))
		return -EBADMSG;
	return find_pseudo(s, hdr);
}

int split_begin(
	struct split *split, const struct virtio_net_hdr *hdr, const uint8_t *frame, size_t len)
{
	struct split s = {.frame = frame, .len = len, .kind = SPLIT_PLAIN};
	int r = len ? 0 : -EBADMSG;

	if (r == 0 && hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		r = begin_segments(&s, hdr);
	else if (r == 0 && hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		r = begin_checksum(&s, hdr);
	if (r == 0)
		*split = s;
	return r;
}

size_t split_peek(const struct split *split)
{
	size_t left = split->len - split->headers.len - split->given;

	if (split->done)
		return 0;
	if (split->kind != SPLIT_SEGMENTS)
		return split->len;
	return split->headers.len + (left < split->size ? left : split->size);
}

static void make_checksum(const struct split *s, uint8_t *out)
{
	uint64_t sum;
	uint16_t checksum;

	memcpy(out, s->frame, s->csum_start);
	sum = checksum_copy(
		0, out + s->csum_start, s->frame + s->csum_start, s->len - s->csum_start);
	checksum = checksum_finish(sum);
	/* The same number, but in UDP 0 means that there is none. */
	if (!checksum)
		checksum = 0xffff;
	memcpy(out + s->csum_at, &checksum, sizeof(checksum));
}

static void fix_v4(const struct split *s, uint8_t *ip, size_t len)
{
	uint16_t checksum;

	headers_put16(ip + V4_LENGTH, (uint16_t)len);
	headers_put16(ip + V4_ID, (uint16_t)(headers_get16(ip + V4_ID) + s->made));
	memset(ip + V4_CHECKSUM, 0, sizeof(checksum));
	checksum = checksum_finish(checksum_add(0, ip, s->headers.upper));
	memcpy(ip + V4_CHECKSUM, &checksum, sizeof(checksum));
}

static void fix_tcp(const struct split *s, uint8_t *tcp, bool last)
{
	headers_put32(tcp + TCP_SEQUENCE, headers_get32(tcp + TCP_SEQUENCE) + (uint32_t)s->given);
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (s->given)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

/* Finish the checksum of the header at `upper`, over a payload whose sum is known. */
static void fix_checksum(const struct split *s, uint8_t *upper, size_t len, uint64_t payload)
{
	const struct headers *h = &s->headers;
	uint8_t *field = upper + checksum_offset(h);
	uint64_t sum = checksum_add16(s->pseudo + payload, (uint16_t)len);
	uint16_t checksum;

	memset(field, 0, sizeof(checksum));
	checksum = checksum_finish(checksum_add(sum, upper, h->len - h->upper));
	if (!checksum && h->protocol == IPPROTO_UDP)
		checksum = 0xffff;
	memcpy(field, &checksum, sizeof(checksum));
}

static void make_segment(struct split *s, uint8_t *out, size_t len)
{
	const struct headers *h = &s->headers;
	size_t payload = len - h->len;
	uint8_t *upper = out + h->upper;
	bool last = h->len + s->given + payload == s->len;
	uint64_t sum;

	memcpy(out, s->frame, h->len);
	sum = checksum_copy(0, out + h->len, s->frame + h->len + s->given, payload);
	if (h->version == 4)
		fix_v4(s, out, len);
	else
		headers_put16(out + V6_LENGTH, (uint16_t)(len - V6_HEADER));
	if (h->protocol == IPPROTO_TCP)
		fix_tcp(s, upper, last);
	else
		headers_put16(upper + UDP_LENGTH, (uint16_t)(len - h->upper));
	fix_checksum(s, upper, len - h->upper, sum);
	s->given += payload;
	s->made++;
	s->done = last;
}

ssize_t split_next(struct split *split, uint8_t *out, size_t out_size)
{
	size_t len = split_peek(split);

	if (len > out_size)
		return -EMSGSIZE;
	if (!len)
		return 0;
	if (split->kind == SPLIT_SEGMENTS) {
		make_segment(split, out, len);
		return (ssize_t)len;
	}
	if (split->kind == SPLIT_CHECKSUM)
		make_checksum(split, out);
	else
		memcpy(out, split->frame, len);
	split->done = true;
	return (ssize_t)len;
}
