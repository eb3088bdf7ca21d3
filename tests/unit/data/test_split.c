/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames cut against golden bytes and against a byte-at-a-time oracle; and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/golden/segment_vectors.h"
#include "tests/oracle/segments.h"
#include "vpnd/data/split.h"

enum { FRAMES = sizeof(golden_frames) / sizeof(golden_frames[0]), ROUNDS = 3000 };

/* A golden frame that a test may change. */
struct changed {
	struct virtio_net_hdr hdr;
	size_t len;
	uint8_t bytes[SPLIT_FRAME_MAX];
};

static struct changed take(const char *name)
{
	struct changed c;

	for (size_t i = 0; i < FRAMES; i++) {
		if (strcmp(golden_frames[i].name, name))
			continue;
		c.hdr = golden_frames[i].hdr;
		c.len = golden_frames[i].frame.len;
		memcpy(c.bytes, golden_frames[i].frame.bytes, c.len);
		return c;
	}
	fail_msg("no golden frame %s", name);
	abort();
}

/* All reads stay inside the frame: under a sanitizer each is exactly as long as it is. */
static int begin(const struct virtio_net_hdr *hdr, const uint8_t *bytes, size_t len)
{
	struct split split;
	uint8_t *exact = malloc(len + !len);
	int r;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	r = split_begin(&split, hdr, exact, len);
	free(exact);
	return r;
}

static int refusal(const struct changed *c)
{
	return begin(&c->hdr, c->bytes, c->len);
}

static void segments_are_the_golden_bytes(void **state)
{
	uint8_t out[200];
	struct split split;

	(void)state;
	for (size_t i = 0; i < FRAMES; i++) {
		const struct golden_frame *g = &golden_frames[i];

		assert_int_equal(split_begin(&split, &g->hdr, g->frame.bytes, g->frame.len), 0);
		for (size_t n = 0; n < g->count; n++) {
			assert_int_equal(split_peek(&split), g->segments[n].len);
			assert_int_equal(split_next(&split, out, sizeof(out)), g->segments[n].len);
			assert_memory_equal(out, g->segments[n].bytes, g->segments[n].len);
		}
		assert_int_equal(split_peek(&split), 0);
		assert_int_equal(split_next(&split, out, sizeof(out)), 0);
	}
}

static void segment_that_does_not_fit_can_be_asked_for_again(void **state)
{
	struct changed c = take("tcp4");
	uint8_t out[200] = {0};
	struct split split;
	ssize_t size;

	(void)state;
	assert_int_equal(split_begin(&split, &c.hdr, c.bytes, c.len), 0);
	size = (ssize_t)split_peek(&split);
	assert_int_equal(split_next(&split, out, (size_t)size - 1), -EMSGSIZE);
	assert_int_equal(out[0], 0);
	assert_int_equal(split_next(&split, out, (size_t)size), size);
	assert_int_equal(out[0], 0x45);
}

static void hint_of_header_length_is_not_believed(void **state)
{
	struct changed c = take("tcp6");
	uint8_t out[200];
	struct split split;

	(void)state;
	for (unsigned int hint = 0; hint < 65536; hint += 13) {
		c.hdr.hdr_len = (uint16_t)hint;
		assert_int_equal(split_begin(&split, &c.hdr, c.bytes, c.len), 0);
		assert_int_equal(split_next(&split, out, sizeof(out)), 96);
	}
}

/* Anything may come out of a TUN that nothing was offloaded for. */
static void plain_frame_stays_as_it_is(void **state)
{
	static const struct virtio_net_hdr none, valid = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};
	static const uint8_t bytes[] = {0xff, 1, 2, 3, 4};
	struct split split;
	uint8_t out[sizeof(bytes)];

	(void)state;
	assert_int_equal(split_begin(&split, &none, bytes, sizeof(bytes)), 0);
	assert_int_equal(split_next(&split, out, sizeof(out) - 1), -EMSGSIZE);
	assert_int_equal(split_next(&split, out, sizeof(out)), sizeof(bytes));
	assert_memory_equal(out, bytes, sizeof(bytes));
	assert_int_equal(split_next(&split, out, sizeof(out)), 0);
	assert_int_equal(split_begin(&split, &valid, bytes, 1), 0);
	assert_int_equal(split_begin(&split, &none, bytes, 0), -EBADMSG);
}

static void checksum_outside_the_frame_is_refused(void **state)
{
	struct changed c = take("checksum_tcp4");

	(void)state;
	c.hdr.csum_start = (uint16_t)(c.len - 18);
	assert_int_equal(refusal(&c), 0);
	c.hdr.csum_start++;
	assert_int_equal(refusal(&c), -EBADMSG);
	c.hdr = (struct virtio_net_hdr){.flags = 1, .csum_start = 65535, .csum_offset = 65534};
	assert_int_equal(refusal(&c), -EBADMSG);
	c.hdr = (struct virtio_net_hdr){.flags = 1, .csum_start = 20, .csum_offset = 15};
	assert_int_equal(refusal(&c), -EBADMSG);
}

static void type_that_does_not_fit_the_packet_is_refused(void **state)
{
	static const char *const names[] = {"tcp4", "tcp6", "udp4", "udp6"};
	static const uint8_t fits[][3] = {{1, 0x81}, {4, 0x84}, {5}, {5}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct changed c = take(names[i]);

		for (unsigned int type = 1; type < 256; type++) {
			bool ok = memchr(fits[i], (int)type, 3) != NULL;

			c.hdr.gso_type = (uint8_t)type;
			assert_int_equal(refusal(&c), ok ? 0 : -EBADMSG);
		}
	}
}

static void segments_of_no_size_are_refused(void **state)
{
	struct changed c = take("tcp4");

	(void)state;
	c.hdr.gso_size = 0;
	assert_int_equal(refusal(&c), -EBADMSG);
}

static void checksum_elsewhere_than_the_upper_header_is_refused(void **state)
{
	struct changed c = take("tcp6_extended");

	(void)state;
	c.hdr.csum_start = 40;
	assert_int_equal(refusal(&c), -EBADMSG);
	c.hdr.csum_start = 56;
	c.hdr.csum_offset = 6;
	assert_int_equal(refusal(&c), -EBADMSG);
	/* Without the kernel's sum ours is made. */
	c.hdr = (struct virtio_net_hdr){.gso_type = c.hdr.gso_type, .gso_size = 24};
	assert_int_equal(refusal(&c), 0);
}

static void routed_frame_needs_the_kernels_pseudo_header(void **state)
{
	struct changed c = take("tcp6_routed");

	(void)state;
	assert_int_equal(refusal(&c), 0);
	c.hdr.flags = 0;
	assert_int_equal(refusal(&c), -EBADMSG);
	c.bytes[40 + 3] = 0; /* segments left: none */
	assert_int_equal(refusal(&c), 0);
}

static void fragment_is_refused(void **state)
{
	struct changed c = take("tcp4");

	(void)state;
	c.bytes[6] = 0x20;
	assert_int_equal(refusal(&c), -EBADMSG);
	c.bytes[6] = 0;
	c.bytes[7] = 1;
	assert_int_equal(refusal(&c), -EBADMSG);
	c.bytes[7] = 0;
	assert_int_equal(refusal(&c), 0);
}

static void header_that_segments_cannot_share_is_refused(void **state)
{
	struct changed c = take("tcp6_extended");

	(void)state;
	c.bytes[6] = 44; /* a fragment */
	assert_int_equal(refusal(&c), -EBADMSG);
	c.bytes[6] = 51; /* authenticated */
	assert_int_equal(refusal(&c), -EBADMSG);
	c.bytes[6] = 0;
	assert_int_equal(refusal(&c), 0);
	c.bytes[40 + 1] = 255; /* longer than the frame */
	assert_int_equal(refusal(&c), -EBADMSG);
}

static void tcp_frame_that_opens_or_resets_is_refused(void **state)
{
	struct changed c = take("tcp4");

	(void)state;
	c.bytes[20 + 13] |= 2;
	assert_int_equal(refusal(&c), -EBADMSG);
	c.bytes[20 + 13] ^= 2 | 4;
	assert_int_equal(refusal(&c), -EBADMSG);
}

static void lengths_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < FRAMES; i++) {
		const struct golden_frame *g = &golden_frames[i];
		struct changed c = take(g->name);

		if (!c.hdr.gso_type)
			continue;
		for (size_t len = 0; len < c.len; len++)
			assert_int_equal(begin(&c.hdr, c.bytes, len), -EBADMSG);
		c.bytes[c.len++] = 0;
		assert_int_equal(refusal(&c), -EBADMSG);
	}
}

/* Lengths that fit each other, but have no room for the headers. */
static void headers_past_the_frame_are_refused(void **state)
{
	static const struct virtio_net_hdr tcp4 = {.gso_type = 1, .gso_size = 1};
	static const struct virtio_net_hdr tcp6 = {.gso_type = 4, .gso_size = 1};
	uint8_t v4[60] = {0x45, [9] = 6}, v6[60] = {0x60, [6] = 0, [40] = 6};

	(void)state;
	for (size_t offset = 12; offset <= 32; offset += 4)
		v4[offset] = 0x50; /* of TCP, wherever that may be taken to begin */
	for (uint8_t len = 20; len <= 60; len++) {
		v4[3] = len;
		for (uint8_t words = 0; words < 16; words++) {
			bool fits = words == 5 && len >= 40;

			v4[0] = (uint8_t)(0x40 | words);
			assert_int_equal(begin(&tcp4, v4, len), fits ? 0 : -EBADMSG);
		}
	}
	for (uint8_t len = 40; len <= 60; len++) {
		v6[5] = len - 40;
		assert_int_equal(begin(&tcp6, v6, len), -EBADMSG);
	}
}

/* Cut as the oracle does, or refused where it refuses. */
static void compare(const struct virtio_net_hdr *hdr, const uint8_t *bytes, size_t len)
{
	static uint8_t out[SPLIT_FRAME_MAX];
	struct segments expected;
	struct split split;

	if (!segments_cut(hdr, bytes, len, &expected)) {
		assert_int_equal(split_begin(&split, hdr, bytes, len), -EBADMSG);
		return;
	}
	assert_int_equal(split_begin(&split, hdr, bytes, len), 0);
	for (size_t i = 0; i < expected.count; i++) {
		size_t size = expected.at[i + 1] - expected.at[i];

		assert_int_equal(split_next(&split, out, size), size);
		assert_memory_equal(out, expected.bytes + expected.at[i], size);
	}
	assert_int_equal(split_peek(&split), 0);
	segments_free(&expected);
}

static void flipped_frame_is_cut_as_the_oracle_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < FRAMES; i++) {
		struct changed c = take(golden_frames[i].name);

		for (size_t at = 0; at < c.len; at++) {
			for (int bit = 0; bit < 8; bit++) {
				c.bytes[at] ^= (uint8_t)(1 << bit);
				compare(&c.hdr, c.bytes, c.len);
				c.bytes[at] ^= (uint8_t)(1 << bit);
			}
		}
	}
}

static void put_len(struct changed *c, size_t upper)
{
	size_t field = c->bytes[0] >> 4 == 4 ? 2 : 4,
	       ip = c->bytes[0] >> 4 == 4 ? c->len : c->len - 40;

	c->bytes[field] = (uint8_t)(ip >> 8);
	c->bytes[field + 1] = (uint8_t)ip;
	if (c->hdr.gso_type == 5) {
		c->bytes[upper + 4] = (uint8_t)((c->len - upper) >> 8);
		c->bytes[upper + 5] = (uint8_t)(c->len - upper);
	}
}

/* Sizes up to the largest frame, segment sizes from 1 up, payload at random. */
static void random_frame_is_cut_as_the_oracle_does(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	printf("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < ROUNDS; round++) {
		const struct golden_frame *g = &golden_frames[(size_t)rand() % FRAMES];
		struct changed c = take(g->name);
		size_t most = (c.bytes[0] >> 4 == 4 ? 65535 : SPLIT_FRAME_MAX) - c.len;
		size_t more = (size_t)rand() % (round % 16 ? 3000 : most + 1);

		for (size_t i = 0; i < more; i++)
			c.bytes[c.len++] = (uint8_t)(rand() >> 7);
		put_len(&c, c.hdr.csum_start);
		if (c.hdr.gso_type)
			c.hdr.gso_size =
				(uint16_t)(round % 8 ? 1 + rand() % 2000 : 1 + rand() % 20);
		compare(&c.hdr, c.bytes, c.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_the_golden_bytes),
		cmocka_unit_test(segment_that_does_not_fit_can_be_asked_for_again),
		cmocka_unit_test(hint_of_header_length_is_not_believed),
		cmocka_unit_test(plain_frame_stays_as_it_is),
		cmocka_unit_test(checksum_outside_the_frame_is_refused),
		cmocka_unit_test(type_that_does_not_fit_the_packet_is_refused),
		cmocka_unit_test(segments_of_no_size_are_refused),
		cmocka_unit_test(checksum_elsewhere_than_the_upper_header_is_refused),
		cmocka_unit_test(routed_frame_needs_the_kernels_pseudo_header),
		cmocka_unit_test(fragment_is_refused),
		cmocka_unit_test(header_that_segments_cannot_share_is_refused),
		cmocka_unit_test(tcp_frame_that_opens_or_resets_is_refused),
		cmocka_unit_test(lengths_that_do_not_fit_are_refused),
		cmocka_unit_test(headers_past_the_frame_are_refused),
		cmocka_unit_test(flipped_frame_is_cut_as_the_oracle_does),
		cmocka_unit_test(random_frame_is_cut_as_the_oracle_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
