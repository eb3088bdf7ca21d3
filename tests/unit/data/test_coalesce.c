/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which packets become one frame and which do not, and that no frame can be told from its packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/golden/segment_vectors.h"
#include "tests/oracle/flows.h"
#include "tests/oracle/segments.h"

enum { ALL = COALESCE_TCP4 | COALESCE_TCP6 | COALESCE_UDP4 | COALESCE_UDP6, ROUNDS = 400 };
enum { TCP4, TCP6, UDP4, UDP6, OTHER_PORT = 4 }; /* flows */

static struct coalesce coalesce;
static struct flows flows;

struct script {
	size_t len;
	uint8_t bytes[4 * FLOWS_PACKETS];
};

static void next(struct script *s, int flow, int count)
{
	while (count--) {
		s->bytes[s->len++] = (uint8_t)flow;
		s->bytes[s->len++] = 0;
	}
}

static void next_sized(struct script *s, int flow, uint8_t size)
{
	s->bytes[s->len++] = (uint8_t)flow;
	s->bytes[s->len++] = size;
}

static void next_unusual(struct script *s, int flow, enum flows_deviation how, uint8_t arg)
{
	s->bytes[s->len++] = (uint8_t)(flow + FLOWS * (int)how);
	s->bytes[s->len++] = FLOWS_DEVIATE;
	s->bytes[s->len++] = arg;
}

/* Coalesce what the script makes; `frames` says how many packets each frame shall have. */
static void expect_taking(unsigned int takes, const struct script *s, const char *frames)
{
	char got[4 * COALESCE_PACKETS] = "";
	size_t at = 0;

	flows_make(&flows, s->bytes, s->len);
	coalesce_batch(&coalesce, flows.packets, flows.count, takes);
	flows_check(&coalesce, flows.packets, flows.count);
	for (size_t i = 0; i < coalesce.count; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%u", i ? " " : "",
			(unsigned int)coalesce.frames[i].count);
	assert_string_equal(got, frames);
}

static void expect(const struct script *s, const char *frames)
{
	expect_taking(ALL, s, frames);
}

/* Two ordinary packets, an unusual one, and two more. */
static void expect_around(int flow, enum flows_deviation how, uint8_t arg, const char *frames)
{
	struct script s = {0};

	next(&s, flow, 2);
	next_unusual(&s, flow, how, arg);
	next(&s, flow, 2);
	expect(&s, frames);
}

/* Two unusual packets that are alike, which do not merge with each other either. */
static void expect_alone(int flow, enum flows_deviation how, uint8_t arg)
{
	struct script s = {0};

	next(&s, flow, 2);
	next_unusual(&s, flow, how, arg);
	next_unusual(&s, flow, how, arg);
	next(&s, flow, 2);
	expect(&s, "2 1 1 2");
}

static void consecutive_packets_become_one_frame(void **state)
{
	static const unsigned int KINDS[] = {
		COALESCE_TCP4, COALESCE_TCP6, COALESCE_UDP4, COALESCE_UDP6};

	(void)state;
	for (int flow = 0; flow < FLOWS; flow++) {
		struct script s = {0};

		next(&s, flow, 1);
		expect(&s, "1");
		assert_int_equal(coalesce_kind(&coalesce, 0), 0);
		next(&s, flow, 8);
		expect(&s, "9");
		assert_int_equal(coalesce_kind(&coalesce, 0), KINDS[flow % OTHER_PORT]);
	}
}

static void interleaved_flows_still_merge(void **state)
{
	struct script s = {0};

	(void)state;
	for (int i = 0; i < 5; i++)
		for (int flow = 0; flow < FLOWS; flow++)
			next(&s, flow, 1 + flow % 2);
	expect(&s, "5 10 5 10 5 10 5 10");
}

static void what_the_tun_does_not_take_goes_alone(void **state)
{
	struct script s = {0};

	(void)state;
	for (int flow = TCP4; flow <= UDP6; flow++)
		next(&s, flow, 2);
	expect_taking(0, &s, "1 1 1 1 1 1 1 1");
	expect_taking(COALESCE_TCP4, &s, "2 1 1 1 1 1 1");
	expect_taking(COALESCE_TCP6, &s, "1 1 2 1 1 1 1");
	expect_taking(COALESCE_UDP4, &s, "1 1 1 1 2 1 1");
	expect_taking(COALESCE_UDP6, &s, "1 1 1 1 1 1 2");
}

static void packet_of_other_ttl_class_or_fragmenting_starts_anew(void **state)
{
	(void)state;
	for (int flow = TCP4; flow <= UDP6; flow++) {
		expect_around(flow, FLOWS_OTHER_TTL, 0, "2 1 2");
		expect_around(flow, FLOWS_OTHER_CLASS, 0, "2 1 2");
	}
	expect_around(TCP4, FLOWS_OTHER_FRAGMENTING, 0, "2 3");
	expect_around(UDP4, FLOWS_OTHER_FRAGMENTING, 0, "2 3");
	expect_around(TCP6, FLOWS_OTHER_ID, 0, "2 1 2"); /* another flow label */
	expect_around(UDP6, FLOWS_OTHER_ID, 0, "2 1 2");
	expect_alone(TCP4, FLOWS_RESERVED_BIT, 0);
	expect_alone(UDP4, FLOWS_RESERVED_BIT, 0);
}

static void ip_options_and_fragments_go_alone_in_their_place(void **state)
{
	struct script s = {0};

	(void)state;
	for (int flow = TCP4; flow <= UDP6; flow++) {
		expect_around(flow, FLOWS_IP_OPTIONS, 0, "2 1 2");
		expect_around(flow, FLOWS_FRAGMENT, 0, "2 1 2");
		expect_around(flow, FLOWS_TRUNCATED, 60, "2 1 2");
	}
	/* A fragment that is of any flow between these hosts, for all one can see. */
	next(&s, UDP4, 2);
	next_unusual(&s, UDP4 | OTHER_PORT, FLOWS_FRAGMENT, 0);
	next(&s, UDP4, 2);
	expect(&s, "2 1 2");
}

static void other_protocols_hold_nothing_up(void **state)
{
	(void)state;
	expect_around(UDP6, FLOWS_OTHER_PROTOCOL, 58, "4 1");
}

static void identifications_that_do_not_count_up_start_anew(void **state)
{
	struct script s = {0};

	(void)state;
	expect_around(TCP4, FLOWS_OTHER_ID, 0, "2 1 2");
	expect_around(UDP4, FLOWS_OTHER_ID, 0, "2 1 2");
	expect_around(UDP4, FLOWS_STILL_ID, 0, "3 2");
	/* Equal ones merge where they have no meaning, */
	next_unusual(&s, UDP4, FLOWS_STILL_ID, 0);
	next(&s, UDP4, 3);
	next_unusual(&s, UDP4, FLOWS_STILL_ID, 0); /* this one has the same, the next counts up */
	next(&s, UDP4, 2);
	expect(&s, "5 2");
	/* and else do not. */
	s.len = 0;
	next_unusual(&s, UDP4, FLOWS_OTHER_FRAGMENTING, 0);
	next_unusual(&s, UDP4, FLOWS_STILL_ID, 0);
	next(&s, UDP4, 2);
	expect(&s, "2 1 1");
}

static void wrong_checksum_is_never_merged(void **state)
{
	struct script s = {0};

	(void)state;
	for (int flow = TCP4; flow <= UDP6; flow++) {
		expect_around(flow, FLOWS_BAD_CHECKSUM, 0, "2 1 2");
		expect_around(flow, FLOWS_NO_CHECKSUM, 0, "2 1 2");
	}
	expect_around(TCP4, FLOWS_BAD_IP_CHECKSUM, 0, "2 1 2");
	expect_around(UDP4, FLOWS_BAD_IP_CHECKSUM, 0, "2 1 2");
	next_unusual(&s, TCP6, FLOWS_BAD_CHECKSUM, 0);
	next_unusual(&s, TCP6, FLOWS_BAD_CHECKSUM, 0);
	next(&s, TCP6, 2);
	expect(&s, "1 1 2");
}

static void checksum_that_the_kernel_writes_otherwise_is_left_alone(void **state)
{
	(void)state;
	expect_around(TCP4, FLOWS_OTHER_ZERO, 0, "2 1 2");
	expect_around(TCP6, FLOWS_OTHER_ZERO, 0, "2 1 2");
	expect_around(UDP4, FLOWS_OTHER_ZERO, 0, "5"); /* UDP has it so */
	expect_around(UDP6, FLOWS_OTHER_ZERO, 0, "5");
}

static void zero_where_udp_has_no_checksum_is_left_alone(void **state)
{
	struct script s = {0};

	(void)state;
	next_unusual(&s, UDP4, FLOWS_OTHER_ZERO, 0);
	next_unusual(&s, UDP4, FLOWS_OTHER_ZERO, 0);
	expect(&s, "2");
	/* The sum is right all the same, but the kernel would write 0xffff. */
	for (size_t i = 0; i < 2; i++)
		memset(flows.packets[i].data + 26, 0, 2);
	coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
	assert_int_equal(coalesce.count, 2);
}

static void tcp_and_udp_of_equal_ports_are_two_flows(void **state)
{
	struct script s = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		next(&s, TCP4, 1);
		next(&s, UDP4, 1);
	}
	flows_make(&flows, s.bytes, s.len);
	for (size_t i = 1; i < flows.count; i += 2) {
		memcpy(flows.packets[i].data + 20, flows.packets[0].data + 20, 4);
		segments_finish_upper(flows.packets[i].data, flows.packets[i].len, 20, 17);
	}
	coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
	flows_check(&coalesce, flows.packets, flows.count);
	assert_int_equal(coalesce.count, 2);
}

static void other_zero_of_an_ip_checksum_is_left_alone(void **state)
{
	struct script s = {0};
	uint8_t *ip[2];

	(void)state;
	next(&s, UDP4, 2);
	expect(&s, "2");
	for (size_t i = 0; i < 2; i++)
		ip[i] = flows.packets[i].data;
	/* The identification that makes the checksum 0. */
	for (unsigned int id = 0; ip[0][10] || ip[0][11]; id++) {
		memcpy(ip[0] + 4, (uint8_t[]){(uint8_t)(id >> 8), (uint8_t)id}, 2);
		segments_finish_ip(ip[0]);
		memcpy(ip[1] + 4, (uint8_t[]){(uint8_t)((id + 1) >> 8), (uint8_t)(id + 1)}, 2);
		segments_finish_ip(ip[1]);
	}
	coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
	assert_int_equal(coalesce.count, 1);
	memset(ip[0] + 10, 0xff, 2);
	coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
	flows_check(&coalesce, flows.packets, flows.count);
	assert_int_equal(coalesce.count, 2);
}

static void empty_packet_goes_alone_in_its_place(void **state)
{
	(void)state;
	for (int flow = TCP4; flow <= UDP6; flow++)
		expect_around(flow, FLOWS_EMPTY, 0, "2 1 2");
}

static void shorter_packet_ends_a_frame_and_larger_begins_one(void **state)
{
	(void)state;
	for (int flow = TCP4; flow <= UDP6; flow++) {
		struct script s = {0};

		next(&s, flow, 2);
		next_sized(&s, flow, FLOWS_SHORT);
		next(&s, flow, 2);
		expect(&s, "3 2");
		expect_around(flow, FLOWS_LARGER, 0, "2 2 1");
	}
}

static void tcp_flags_end_a_frame_or_go_alone(void **state)
{
	/* By bit: FIN, SYN, RST, PSH, ACK (which all have), URG, ECE, CWR. */
	static const char *const frames[] = {
		"2 1 2", "2 1 2", "2 1 2", "3 2", "5", "2 1 2", "2 1 2", "2 1 2"};

	(void)state;
	for (uint8_t bit = 0; bit < 8; bit++) {
		expect_around(TCP4, FLOWS_OTHER_FLAG, bit, frames[bit]);
		expect_around(TCP6, FLOWS_OTHER_FLAG, bit, frames[bit]);
		if (strchr(frames[bit], '1') && bit != 6)
			expect_alone(TCP4, FLOWS_OTHER_FLAG, bit);
	}
	expect_around(TCP4, FLOWS_ECHO, 0, "2 3");
	expect_around(TCP6, FLOWS_RESERVED_BIT, 0, "2 1 2");
}

static void tcp_fields_must_be_equal(void **state)
{
	(void)state;
	for (int flow = TCP4; flow <= TCP6; flow++) {
		expect_around(flow, FLOWS_OTHER_ACK, 9, "2 1 2");
		expect_around(flow, FLOWS_OTHER_WINDOW, 9, "2 1 2");
		expect_around(flow, FLOWS_URGENT_POINTER, 0, "2 1 2");
		expect_around(flow, FLOWS_OTHER_OPTIONS, 0, "2 3");
		expect_around(flow, FLOWS_NO_OPTIONS, 0, "2 3");
	}
}

static void tcp_sequence_must_go_on(void **state)
{
	(void)state;
	expect_around(TCP4, FLOWS_GAP, 0, "2 3");
	expect_around(TCP6, FLOWS_GAP, 200, "2 3");
	expect_around(TCP4, FLOWS_NOT_FORWARDED, 0, "2 2");
	expect_around(UDP6, FLOWS_NOT_FORWARDED, 0, "4");
}

/* One that is pushed ends what it begins, and what was open before must not grow past it. */
static void packet_that_comes_again_keeps_its_place(void **state)
{
	struct script s = {0};

	(void)state;
	next(&s, TCP6, 1);
	next_unusual(&s, TCP6, FLOWS_PUSHED, 0);
	next(&s, TCP6, 1);
	flows_make(&flows, s.bytes, s.len);
	for (size_t i = 2; i > 0; i--) {
		struct packet *packet = &flows.packets[i];

		memcpy(packet->data + 44, flows.packets[i - 1].data + 44, 4); /* its sequence */
		segments_finish_upper(packet->data, packet->len, 40, 6);
	}
	coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
	flows_check(&coalesce, flows.packets, flows.count);
	assert_int_equal(coalesce.count, 3);
}

static void frame_is_no_longer_than_the_kernel_takes(void **state)
{
	(void)state;
	for (int flow = TCP4; flow <= UDP6; flow++) {
		struct script s = {0};

		next_sized(&s, flow, FLOWS_RESIZE);
		next(&s, flow, 99);
		expect(&s, "47 47 6");
		s.len = 0;
		next(&s, flow, FLOWS_PACKETS);
		expect(&s, "128 128");
	}
}

static void more_flows_than_the_table_holds_keep_their_order(void **state)
{
	struct script s = {0};

	(void)state;
	next(&s, UDP6, FLOWS_PACKETS);
	flows_make(&flows, s.bytes, s.len);
	for (size_t i = 0; i < flows.count; i++) {
		struct packet *packet = &flows.packets[i];

		packet->data[40] = (uint8_t)(i % 100);
		packet->data[41] = (uint8_t)(i % 100 * 77);
		segments_finish_upper(packet->data, packet->len, 40, 17);
	}
	coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
	flows_check(&coalesce, flows.packets, flows.count);
	assert_in_range(coalesce.count, 100, 220);
}

static void golden_segments_become_the_golden_frame(void **state)
{
	struct packet packets[3];
	uint8_t bytes[3][200];

	(void)state;
	for (size_t i = 0; i < sizeof(golden_frames) / sizeof(golden_frames[0]); i++) {
		const struct golden_frame *g = &golden_frames[i];
		struct virtio_net_hdr hdr = g->hdr;
		size_t skip;

		for (size_t n = 0; n < g->count; n++) {
			packets[n] = (struct packet){.data = bytes[n], .len = g->segments[n].len};
			memcpy(bytes[n], g->segments[n].bytes, g->segments[n].len);
		}
		coalesce_batch(&coalesce, packets, g->count, ALL);
		flows_check(&coalesce, packets, g->count);
		assert_int_equal(coalesce.count == 1 && g->count > 1, g->merges);
		if (!g->merges)
			continue;
		skip = coalesce.frames[0].header_len;
		hdr.hdr_len = (uint16_t)skip;
		assert_memory_equal(&coalesce.frames[0].hdr, &hdr, sizeof(hdr));
		assert_memory_equal(coalesce.frames[0].header, g->frame.bytes, skip);
	}
}

static void random_batches_keep_all_promises(void **state)
{
	static struct flows before;
	unsigned int seed = (unsigned int)time(NULL);
	size_t packets = 0, frames = 0;

	(void)state;
	printf("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < ROUNDS; round++) {
		struct script s = {.len = (size_t)rand() % sizeof(s.bytes)};
		int few = rand() % 8; /* flows, else hardly anything follows anything */

		for (size_t i = 0; i < s.len; i++)
			s.bytes[i] = (uint8_t)(rand() >> 7 & ~few);
		flows_make(&flows, s.bytes, s.len);
		memcpy(before.bytes, flows.bytes, sizeof(before.bytes));
		coalesce_batch(&coalesce, flows.packets, flows.count, ALL);
		flows_check(&coalesce, flows.packets, flows.count);
		assert_memory_equal(before.bytes, flows.bytes, sizeof(before.bytes));
		packets += flows.count;
		frames += coalesce.count;
	}
	printf("%zu packets in %zu frames\n", packets, frames);
	assert_true(frames < packets * 3 / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consecutive_packets_become_one_frame),
		cmocka_unit_test(interleaved_flows_still_merge),
		cmocka_unit_test(what_the_tun_does_not_take_goes_alone),
		cmocka_unit_test(packet_of_other_ttl_class_or_fragmenting_starts_anew),
		cmocka_unit_test(ip_options_and_fragments_go_alone_in_their_place),
		cmocka_unit_test(other_protocols_hold_nothing_up),
		cmocka_unit_test(identifications_that_do_not_count_up_start_anew),
		cmocka_unit_test(wrong_checksum_is_never_merged),
		cmocka_unit_test(checksum_that_the_kernel_writes_otherwise_is_left_alone),
		cmocka_unit_test(zero_where_udp_has_no_checksum_is_left_alone),
		cmocka_unit_test(tcp_and_udp_of_equal_ports_are_two_flows),
		cmocka_unit_test(other_zero_of_an_ip_checksum_is_left_alone),
		cmocka_unit_test(empty_packet_goes_alone_in_its_place),
		cmocka_unit_test(shorter_packet_ends_a_frame_and_larger_begins_one),
		cmocka_unit_test(tcp_flags_end_a_frame_or_go_alone),
		cmocka_unit_test(tcp_fields_must_be_equal),
		cmocka_unit_test(tcp_sequence_must_go_on),
		cmocka_unit_test(packet_that_comes_again_keeps_its_place),
		cmocka_unit_test(frame_is_no_longer_than_the_kernel_takes),
		cmocka_unit_test(more_flows_than_the_table_holds_keep_their_order),
		cmocka_unit_test(golden_segments_become_the_golden_frame),
		cmocka_unit_test(random_batches_keep_all_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
