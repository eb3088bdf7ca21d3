/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/oracle/segments.h"

#include <stdlib.h>
#include <string.h>

enum { TCP = 6, UDP = 17, GSO_TCP4 = 1, GSO_TCP6 = 4, GSO_UDP = 5, GSO_ECN = 128 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, CWR = 128 };

static unsigned int be(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

static void put(uint8_t *p, unsigned int number)
{
	p[0] = (uint8_t)(number / 256);
	p[1] = (uint8_t)number;
}

unsigned int segments_sum(const uint8_t *bytes, size_t len)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : bytes[i] * 256ul;
	return (unsigned int)(sum % 65535);
}

unsigned int segments_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
	unsigned int addresses =
		ip[0] / 16 == 4 ? segments_sum(ip + 12, 8) : segments_sum(ip + 8, 32);

	return (unsigned int)((addresses + protocol + len) % 65535);
}

/* The checksum that makes a sum right. Of the two zeros, 0. */
static unsigned int complement(unsigned long sum)
{
	return sum % 65535 ? (unsigned int)(65535 - sum % 65535) : 0;
}

void segments_finish_ip(uint8_t *ip)
{
	put(ip + 10, 0);
	put(ip + 10, complement(segments_sum(ip, ip[0] % 16 * 4u)));
}

static void finish(uint8_t *upper, size_t len, uint8_t protocol, unsigned long pseudo)
{
	uint8_t *field = upper + (protocol == TCP ? 16 : 6);
	unsigned int checksum;

	put(field, 0);
	checksum = complement(pseudo + segments_sum(upper, len));
	put(field, protocol == UDP && !checksum ? 65535 : checksum);
}

void segments_finish_upper(uint8_t *packet, size_t len, size_t upper, uint8_t protocol)
{
	finish(packet + upper, len - upper, protocol,
		segments_pseudo(packet, protocol, len - upper));
}

/* --- one frame ----------------------------------------------------------------------------------
 */

/* Finds IPv6's upper header, past what may stand before it in every segment. */
static bool walk_v6(const uint8_t *frame, size_t len, struct segments_shape *shape)
{
	uint8_t type = frame[6];
	size_t at = 40;

	for (; type == 0 || type == 43 || type == 60; at += 8 + 8 * frame[at + 1]) {
		if (at + 8 > len || at + 8 + 8 * (size_t)frame[at + 1] > len)
			return false;
		shape->routed = shape->routed || (type == 43 && frame[at + 3] != 0);
		type = frame[at];
	}
	shape->protocol = type;
	shape->upper = at;
	return true;
}

bool segments_shape(const uint8_t *frame, size_t len, struct segments_shape *shape)
{
	unsigned int version = len ? frame[0] / 16 : 0;
	const uint8_t *upper;

	*shape = (struct segments_shape){0};
	if (version == 4) {
		if (len < 20 || be(frame + 2) != len || be(frame + 6) % 0x4000)
			return false;
		shape->protocol = frame[9];
		shape->upper = frame[0] % 16 * 4u;
		if (shape->upper < 20 || shape->upper > len)
			return false;
	} else if (version != 6 || len < 40 || 40 + be(frame + 4) != len ||
		   !walk_v6(frame, len, shape)) {
		return false;
	}
	upper = frame + shape->upper;
	if (shape->protocol == TCP) {
		if (shape->upper + 20 > len)
			return false;
		shape->payload = shape->upper + upper[12] / 16 * 4u;
		return shape->payload >= shape->upper + 20 && shape->payload <= len;
	}
	shape->payload = shape->upper + 8;
	return shape->protocol == UDP && shape->payload <= len &&
	       be(upper + 4) == len - shape->upper;
}

static bool may_cut(
	const struct virtio_net_hdr *hdr, const uint8_t *frame, const struct segments_shape *shape)
{
	unsigned int type = hdr->gso_type, tcp_type = frame[0] / 16 == 4 ? GSO_TCP4 : GSO_TCP6;

	if (hdr->gso_size == 0)
		return false;
	if (hdr->flags & 1) {
		if (hdr->csum_start != shape->upper ||
			hdr->csum_offset != (shape->protocol == TCP ? 16 : 6))
			return false;
	} else if (shape->routed) {
		return false;
	}
	if (shape->protocol == UDP)
		return type == GSO_UDP;
	return type % GSO_ECN == tcp_type && !(frame[shape->upper + 13] & (SYN | RST));
}

static void begin(struct segments *out, size_t count, size_t bytes)
{
	out->count = 0;
	out->at = calloc(count + 1, sizeof(*out->at));
	out->bytes = calloc(1, bytes);
	if (!out->at || !out->bytes)
		abort();
}

void segments_free(struct segments *segments)
{
	free(segments->at);
	free(segments->bytes);
}

static bool whole(
	const struct virtio_net_hdr *hdr, const uint8_t *frame, size_t len, struct segments *out)
{
	size_t field = (size_t)hdr->csum_start + hdr->csum_offset;
	unsigned int checksum;

	if (!len || ((hdr->flags & 1) && (field + 2 > len || hdr->csum_offset % 2)))
		return false;
	begin(out, 1, len);
	memcpy(out->bytes, frame, len);
	out->count = 1;
	out->at[1] = len;
	if (hdr->flags & 1) {
		checksum = complement(segments_sum(frame + hdr->csum_start, len - hdr->csum_start));
		put(out->bytes + field, checksum ? checksum : 65535);
	}
	return true;
}

static void fix_tcp(uint8_t *tcp, size_t before, bool last)
{
	unsigned long sequence = be(tcp + 4) * 65536ul + be(tcp + 6) + before;

	put(tcp + 4, (unsigned int)(sequence / 65536));
	put(tcp + 6, (unsigned int)(sequence % 65536));
	tcp[13] &= (uint8_t)(last ? 255 : 255 - FIN - PSH);
	tcp[13] &= (uint8_t)(before ? 255 - CWR : 255);
}

/* One segment: `payload` bytes, `before` of which came in segments before. */
static void cut_one(const struct segments_shape *shape, const uint8_t *frame, size_t len,
	size_t before, size_t payload, unsigned long pseudo, struct segments *out)
{
	uint8_t *packet = out->bytes + out->at[out->count], *upper = packet + shape->upper;
	size_t size = shape->payload + payload;

	memcpy(packet, frame, shape->payload);
	memcpy(packet + shape->payload, frame + shape->payload + before, payload);
	if (frame[0] / 16 == 4) {
		put(packet + 2, (unsigned int)size);
		put(packet + 4, (unsigned int)(be(packet + 4) + out->count));
		segments_finish_ip(packet);
	} else {
		put(packet + 4, (unsigned int)(size - 40));
	}
	if (shape->protocol == TCP)
		fix_tcp(upper, before, shape->payload + before + payload == len);
	else
		put(upper + 4, (unsigned int)(8 + payload));
	finish(upper, size - shape->upper, shape->protocol, pseudo + size - shape->upper);
	out->at[++out->count] = (size_t)(packet - out->bytes) + size;
}

bool segments_cut(
	const struct virtio_net_hdr *hdr, const uint8_t *frame, size_t len, struct segments *out)
{
	struct segments_shape shape;
	size_t payload, count;
	unsigned long pseudo;

	if (hdr->gso_type == 0)
		return whole(hdr, frame, len, out);
	if (!segments_shape(frame, len, &shape) || !may_cut(hdr, frame, &shape))
		return false;
	payload = len - shape.payload;
	count = payload ? (payload + hdr->gso_size - 1) / hdr->gso_size : 1;
	begin(out, count, payload + count * shape.payload);
	/* Without the length, which each segment has its own of. */
	pseudo = hdr->flags & 1 ? be(frame + hdr->csum_start + hdr->csum_offset) + 2 * 65535 -
					  (len - shape.upper)
				: segments_pseudo(frame, shape.protocol, 0);
	for (size_t i = 0; i < count; i++) {
		size_t before = i * hdr->gso_size, left = payload - before;

		cut_one(&shape, frame, len, before, left < hdr->gso_size ? left : hdr->gso_size,
			pseudo, out);
	}
	return true;
}
