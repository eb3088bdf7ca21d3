/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/oracle/flows.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/segments.h"

enum { TCP = 6, UDP = 17, TCP_OPTIONS = 12 };

struct flow {
	uint32_t sequence, stamp;
	uint16_t id;
	size_t size;
	bool may_fragment, echo, no_options, still_id;
};

struct script {
	const uint8_t *bytes;
	size_t len;
};

static uint8_t next_byte(struct script *script)
{
	if (!script->len)
		return 0;
	script->len--;
	return *script->bytes++;
}

static void put16(uint8_t *p, size_t number)
{
	p[0] = (uint8_t)(number >> 8);
	p[1] = (uint8_t)number;
}

static void put32(uint8_t *p, uint32_t number)
{
	put16(p, number >> 16);
	put16(p + 2, number & 0xffff);
}

/* Returns where the upper header begins. */
static size_t make_v4(struct flow *flow, uint8_t *ip, enum flows_deviation how)
{
	size_t upper = how == FLOWS_IP_OPTIONS ? 24 : 20;

	memset(ip, 1, upper); /* options that do nothing */
	ip[0] = (uint8_t)(0x40 | upper / 4);
	ip[1] = how == FLOWS_OTHER_CLASS ? 2 : 0;
	put16(ip + 4, flow->id + (how == FLOWS_OTHER_ID ? 7u : 0u));
	flow->id = (uint16_t)(flow->id + !flow->still_id);
	put16(ip + 6, (flow->may_fragment ? 0 : 0x4000u) | (how == FLOWS_FRAGMENT ? 0x2000u : 0) |
			      (how == FLOWS_RESERVED_BIT ? 0x8000u : 0));
	ip[8] = how == FLOWS_OTHER_TTL ? 63 : 64;
	memcpy(ip + 12, (uint8_t[]){10, 1, 0, 1, 10, 2, 0, 1}, 8);
	return upper;
}

static size_t make_v6(uint8_t *ip, enum flows_deviation how, uint8_t protocol)
{
	size_t upper = how == FLOWS_IP_OPTIONS || how == FLOWS_FRAGMENT ? 48 : 40;

	memset(ip, 0, upper);
	ip[0] = 0x60;
	ip[1] = how == FLOWS_OTHER_CLASS ? 0x20 : 0;
	ip[3] = how == FLOWS_OTHER_ID; /* the flow label */
	ip[6] = how == FLOWS_IP_OPTIONS ? 60 : how == FLOWS_FRAGMENT ? 44 : protocol;
	ip[7] = how == FLOWS_OTHER_TTL ? 63 : 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 1;
	ip[39] = 2;
	if (upper > 40)
		memcpy(ip + 40, (uint8_t[]){protocol, 0, 1, 4}, 4);
	return upper;
}

static size_t make_tcp(
	struct flow *flow, uint8_t *tcp, enum flows_deviation how, uint8_t arg, size_t payload)
{
	size_t len = flow->no_options ? 20 : 20 + TCP_OPTIONS;

	memset(tcp, 1, len);
	flow->sequence += how == FLOWS_GAP ? 1 + arg : 0;
	put32(tcp + 4, flow->sequence);
	flow->sequence += (uint32_t)payload;
	put32(tcp + 8, how == FLOWS_OTHER_ACK ? arg : 77);
	tcp[12] = (uint8_t)(len / 4 << 4 | (how == FLOWS_RESERVED_BIT));
	tcp[13] = (uint8_t)(0x10 | (flow->echo ? 0x40 : 0) | (how == FLOWS_PUSHED ? 8 : 0) |
			    (how == FLOWS_OTHER_FLAG ? 1u << arg % 8 : 0));
	put16(tcp + 14, how == FLOWS_OTHER_WINDOW ? arg : 500);
	put16(tcp + 18, how == FLOWS_URGENT_POINTER ? 1 : 0);
	if (!flow->no_options) {
		flow->stamp += how == FLOWS_OTHER_OPTIONS;
		memcpy(tcp + 20, (uint8_t[]){1, 1, 8, 10}, 4);
		put32(tcp + 24, flow->stamp);
	}
	return len;
}

/* The fields that depend on the length, and the checksums, right or wrong. */
static void finish(
	uint8_t *bytes, size_t len, size_t upper, uint8_t protocol, enum flows_deviation how)
{
	uint8_t *field = bytes + upper + (protocol == TCP ? 16 : 6);

	if (protocol == UDP)
		put16(bytes + upper + 4, len - upper);
	segments_finish_upper(bytes, len, upper, protocol);
	if (how == FLOWS_BAD_CHECKSUM)
		field[1] ^= 1;
	if (how == FLOWS_NO_CHECKSUM || (how == FLOWS_OTHER_ZERO && !field[0] && !field[1]))
		put16(field, how == FLOWS_NO_CHECKSUM ? 0 : 0xffff);
	if (bytes[0] >> 4 == 6) {
		put16(bytes + 4, len - 40);
		return;
	}
	put16(bytes + 2, len);
	segments_finish_ip(bytes);
	if (how == FLOWS_OTHER_ZERO && !bytes[10] && !bytes[11])
		put16(bytes + 10, 0xffff);
	if (how == FLOWS_BAD_IP_CHECKSUM)
		bytes[10] ^= 1;
}

static size_t choose_payload(struct flow *flow, enum flows_deviation how, uint8_t sizes)
{
	if (how == FLOWS_EMPTY)
		return 0;
	if (how == FLOWS_LARGER)
		return flow->size + 1;
	if (sizes == FLOWS_RESIZE)
		flow->size = flow->size == 1380 ? 90 : 1380;
	if (sizes < FLOWS_SHORTEST || sizes == FLOWS_RESIZE)
		return flow->size;
	return 1 + flow->size * (sizes - (size_t)FLOWS_SHORTEST) / 5;
}

static void make_packet(struct flow *flow, unsigned int number, struct packet *packet,
	uint8_t sizes, enum flows_deviation how, struct script *script)
{
	uint8_t protocol = number & 2 ? UDP : TCP,
		arg = how < FLOWS_DEVIATIONS ? next_byte(script) : 0;
	uint8_t *bytes = packet->data;
	size_t payload = choose_payload(flow, how, sizes), upper, at;

	flow->may_fragment ^= how == FLOWS_OTHER_FRAGMENTING;
	flow->echo ^= how == FLOWS_ECHO;
	flow->no_options ^= how == FLOWS_NO_OPTIONS;
	flow->still_id ^= how == FLOWS_STILL_ID;
	upper = number & 1 ? make_v6(bytes, how, protocol) : make_v4(flow, bytes, how);
	at = upper + (protocol == UDP ? 8 : make_tcp(flow, bytes + upper, how, arg, payload));
	put16(bytes + upper, 5000 + number);
	put16(bytes + upper + 2, 80);
	if (bytes[0] >> 4 == 4)
		bytes[9] = protocol;
	for (size_t i = 0; i < payload; i++)
		bytes[at + i] = (uint8_t)(flow->sequence + flow->id + i);
	packet->len = at + payload;
	if (how == FLOWS_OTHER_ZERO && payload >= 2) {
		/* The payload that makes the checksum 0. */
		memset(bytes + at, 0, 2);
		finish(bytes, packet->len, upper, protocol, FLOWS_EMPTY);
		memcpy(bytes + at + payload % 1, bytes + upper + (protocol == TCP ? 16 : 6), 2);
	}
	finish(bytes, packet->len, upper, protocol, how);
	if (how == FLOWS_OTHER_PROTOCOL)
		bytes[bytes[0] >> 4 == 4 ? 9 : 6] = arg;
	if (how == FLOWS_FLIPPED)
		bytes[arg % packet->len] ^= next_byte(script);
	if (how == FLOWS_TRUNCATED)
		packet->len = arg % packet->len;
	packet->verdict = how == FLOWS_NOT_FORWARDED ? PACKET_STAGED : PACKET_FORWARD;
}

void flows_make(struct flows *flows, const uint8_t *bytes, size_t len)
{
	struct script script = {bytes, len};
	struct flow each[FLOWS];

	for (unsigned int i = 0; i < FLOWS; i++)
		each[i] = (struct flow){.sequence = 0xffffff00u * i, .id = 65500, .size = 90};
	for (flows->count = 0; script.len && flows->count < FLOWS_PACKETS; flows->count++) {
		struct packet *packet = &flows->packets[flows->count];
		uint8_t what = next_byte(&script), sizes = next_byte(&script);
		/* A quarter of the packets may be unusual. */
		enum flows_deviation how = sizes >= FLOWS_DEVIATE
						   ? (enum flows_deviation)(what / FLOWS)
						   : FLOWS_DEVIATIONS;

		*packet = (struct packet){.data = flows->bytes[flows->count]};
		make_packet(&each[what % FLOWS], what % FLOWS, packet, sizes % 64, how, &script);
	}
}

/* --- what must hold -----------------------------------------------------------------------------
 */

static void must(bool holds, const char *what, size_t packet)
{
	if (holds)
		return;
	fprintf(stderr, "coalesce: packet %zu: %s\n", packet, what);
	abort();
}

static size_t addresses_end(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 ? 20 : 40;
}

static uint8_t protocol_of(const uint8_t *packet)
{
	return packet[packet[0] >> 4 == 4 ? 9 : 6];
}

/* A protocol after which, in IPv6, TCP or UDP may come. */
static bool leads_on(const uint8_t *packet)
{
	uint8_t p = protocol_of(packet);

	return p == TCP || p == UDP ||
	       (packet[0] >> 4 == 6 && (p == 0 || p == 43 || p == 44 || p == 51 || p == 60));
}

static bool may_share_flow(const struct packet *a, const struct packet *b)
{
	struct segments_shape as, bs;
	bool a_known = segments_shape(a->data, a->len, &as);
	bool b_known = segments_shape(b->data, b->len, &bs);
	size_t end, addresses;

	if (a->len < 20 || b->len < 20 || a->data[0] >> 4 != b->data[0] >> 4)
		return false;
	end = addresses_end(a->data);
	addresses = end == 20 ? 8 : 32;
	if (a->len < end || b->len < end ||
		memcmp(a->data + end - addresses, b->data + end - addresses, addresses))
		return false;
	if (a_known && b_known)
		return as.protocol == bs.protocol &&
		       !memcmp(a->data + as.upper, b->data + bs.upper, 4);
	if (end == 40 && leads_on(a->data) && leads_on(b->data))
		return true;
	return protocol_of(a->data) == protocol_of(b->data);
}

static void check_order(const size_t *place, const struct packet *packets, size_t count)
{
	for (size_t j = 0; j < count; j++)
		for (size_t i = 0; i < j; i++)
			if (packets[i].verdict == PACKET_FORWARD &&
				packets[j].verdict == PACKET_FORWARD && place[i] > place[j])
				must(!may_share_flow(&packets[i], &packets[j]), "overtakes", j);
}

static uint8_t *assemble(const struct iovec *iov, int n, size_t *len)
{
	uint8_t *bytes;

	*len = 0;
	for (int i = 0; i < n; i++)
		*len += iov[i].iov_len;
	bytes = malloc(*len + 1);
	if (!bytes)
		abort();
	*len = 0;
	for (int i = 0; i < n; i++) {
		memcpy(bytes + *len, iov[i].iov_base, iov[i].iov_len);
		*len += iov[i].iov_len;
	}
	return bytes;
}

/* Where all identifications are equal and without meaning, those that the kernel made count too. */
static void forgive_id(const struct coalesce *c, const struct coalesce_frame *f,
	const uint8_t *packet, uint8_t *cut)
{
	if (packet[0] >> 4 == 6 || !(packet[6] & 0x40) || !memcmp(packet + 4, cut + 4, 2))
		return;
	for (size_t i = f->first; i != COALESCE_NONE; i = coalesce_next(c, i))
		must(!memcmp(c->packets[i].data + 4, packet + 4, 2), "identification", i);
	memcpy(cut + 4, packet + 4, 2);
	segments_finish_ip(cut);
}

static void check_right(const struct packet *packet, size_t i)
{
	struct segments_shape shape;

	must(segments_shape(packet->data, packet->len, &shape), "no flow's", i);
	must(packet->data[0] >> 4 == 6 || segments_sum(packet->data, shape.upper) == 0,
		"wrong IP checksum merged", i);
	must((segments_pseudo(packet->data, shape.protocol, packet->len - shape.upper) +
		     segments_sum(packet->data + shape.upper, packet->len - shape.upper)) %
				65535 ==
			0,
		"wrong checksum merged", i);
}

/* A frame of several packets: the kernel takes it, and makes the same packets of it. */
static void check_merged(
	const struct coalesce *c, const struct coalesce_frame *f, const uint8_t *frame, size_t len)
{
	struct segments cut;
	size_t n = 0;

	must(len <= 65535 && f->hdr.flags == VIRTIO_NET_HDR_F_NEEDS_CSUM, "frame", f->first);
	must(f->hdr.hdr_len == f->header_len && f->header_len <= COALESCE_HEADER_MAX, "header",
		f->first);
	must(frame[0] >> 4 == 6 || segments_sum(frame, 20) == 0, "IP checksum of frame", f->first);
	must(segments_cut(&f->hdr, frame, len, &cut), "no frame to cut", f->first);
	must(cut.count == f->count, "packets in frame", f->first);
	for (size_t i = f->first; i != COALESCE_NONE; i = coalesce_next(c, i), n++) {
		const struct packet *packet = &c->packets[i];
		uint8_t *again = cut.bytes + cut.at[n];

		check_right(packet, i);
		must(cut.at[n + 1] - cut.at[n] == packet->len, "length", i);
		forgive_id(c, f, packet->data, again);
		must(!memcmp(again, packet->data, packet->len), "bytes", i);
	}
	segments_free(&cut);
}

static void check_frame(struct coalesce *c, size_t i)
{
	static const struct virtio_net_hdr none;
	const struct coalesce_frame *f = &c->frames[i];
	struct iovec iov[COALESCE_IOV];
	int n = coalesce_iov(c, i, iov);
	size_t len;
	uint8_t *frame;

	must(n >= 2 && n <= COALESCE_IOV && f->count <= COALESCE_SEGMENTS, "elements", f->first);
	must(iov[0].iov_base == &f->hdr && iov[0].iov_len == sizeof(f->hdr), "element 0", f->first);
	frame = assemble(iov + 1, n - 1, &len);
	if (f->count > 1) {
		check_merged(c, f, frame, len);
	} else {
		must(!memcmp(&f->hdr, &none, sizeof(none)), "header of a single packet", f->first);
		must(len == c->packets[f->first].len &&
				!memcmp(frame, c->packets[f->first].data, len),
			"bytes of a single packet", f->first);
	}
	free(frame);
}

void flows_check(struct coalesce *c, const struct packet *packets, size_t count)
{
	size_t place[FLOWS_PACKETS] = {0}, next = 0;

	for (size_t i = 0; i < c->count; i++) {
		size_t in_frame = 0;

		for (size_t at = c->frames[i].first; at != COALESCE_NONE;
			at = coalesce_next(c, at)) {
			must(at < count && packets[at].verdict == PACKET_FORWARD, "not to go", at);
			must(place[at] == 0, "twice", at);
			place[at] = ++next;
			in_frame++;
		}
		must(in_frame == c->frames[i].count, "count", c->frames[i].first);
		check_frame(c, i);
	}
	for (size_t i = 0; i < count; i++)
		must(packets[i].verdict != PACKET_FORWARD || place[i], "lost", i);
	check_order(place, packets, count);
}
