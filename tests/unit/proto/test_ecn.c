/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Congestion marks across the tunnel, every combination of them, in both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vpnd/proto/ecn.h"

enum { V4_HEADER = 20 };

static uint16_t header_sum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < V4_HEADER; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* A header of that class whose checksum is right; `salt` makes checksums of all kinds. */
static void make_v4(uint8_t *packet, uint8_t class, uint16_t salt)
{
	uint16_t sum;

	memset(packet, 0, V4_HEADER);
	packet[0] = 0x45;
	packet[1] = class;
	packet[4] = (uint8_t)(salt >> 8);
	packet[5] = (uint8_t)salt;
	sum = (uint16_t)~header_sum(packet);
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
}

static void make_v6(uint8_t *packet, uint8_t class)
{
	memset(packet, 0, 40);
	packet[0] = (uint8_t)(0x60 | class >> 4);
	packet[1] = (uint8_t)(class << 4 | 0xf); /* and a flow label, which stays */
}

static uint8_t class_v6(const uint8_t *packet)
{
	return (uint8_t)(packet[0] << 4 | packet[1] >> 4);
}

static void outer_header_has_the_mark_but_neither_dscp_nor_congestion(void **state)
{
	static const uint8_t OUTER[] = {ECN_NOT_ECT, ECN_ECT_1, ECN_ECT_0, ECN_ECT_0};
	uint8_t packet[40];

	(void)state;
	for (unsigned int class = 0; class < 256; class ++) {
		make_v4(packet, (uint8_t) class, 0);
		assert_int_equal(ecn_encapsulate(packet), OUTER[class & ECN_MASK]);
		make_v6(packet, (uint8_t) class);
		assert_int_equal(ecn_encapsulate(packet), OUTER[class & ECN_MASK]);
	}
}

/* [inner][outer], RFC 6040 figure 4; the last of the first row goes on, see ecn.h. */
static const uint8_t DECAPSULATED[4][4] = {
	[ECN_NOT_ECT] = {ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT},
	[ECN_ECT_1] = {ECN_ECT_1, ECN_ECT_1, ECN_ECT_1, ECN_CE},
	[ECN_ECT_0] = {ECN_ECT_0, ECN_ECT_1, ECN_ECT_0, ECN_CE},
	[ECN_CE] = {ECN_CE, ECN_CE, ECN_CE, ECN_CE},
};

static void mark_of_the_datagram_reaches_the_packet_in_it(void **state)
{
	uint8_t packet[40], expected[40];

	(void)state;
	for (unsigned int class = 0; class < 256; class ++) {
		for (unsigned int outer = 0; outer < 256; outer++) {
			uint8_t mark = DECAPSULATED[class & ECN_MASK][outer & ECN_MASK];

			make_v6(packet, (uint8_t) class);
			make_v6(expected, (uint8_t)((class & ~ECN_MASK) | mark));
			ecn_decapsulate((uint8_t)outer, packet);
			assert_memory_equal(packet, expected, sizeof(packet));
			assert_int_equal(class_v6(packet), (class & ~ECN_MASK) | mark);
			make_v4(packet, (uint8_t) class, (uint16_t)(class * 257));
			ecn_decapsulate((uint8_t)outer, packet);
			assert_int_equal(packet[1], (class & ~ECN_MASK) | mark);
			assert_int_equal(header_sum(packet), 0xffff);
		}
	}
}

static void checksum_stays_right_whatever_it_is(void **state)
{
	uint8_t packet[V4_HEADER];

	(void)state;
	for (unsigned int salt = 0; salt < 65536; salt++) {
		make_v4(packet, ECN_ECT_0, (uint16_t)salt);
		ecn_decapsulate(ECN_CE, packet);
		assert_int_equal(packet[1], ECN_CE);
		assert_int_equal(header_sum(packet), 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outer_header_has_the_mark_but_neither_dscp_nor_congestion),
		cmocka_unit_test(mark_of_the_datagram_reaches_the_packet_in_it),
		cmocka_unit_test(checksum_stays_right_whatever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
