/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract between monitor and engine: what passes, and everything near it that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "vpnd/privsep.h"

/* One good message of each type. */
struct sample {
	union privsep_message m;
	size_t len;
	bool fd;
	enum privsep_side side;
	bool slot; /* its second word is a slot */
};

#define PLAIN(type_, side_, fd_)                                                       \
	{                                                                              \
		{.type = (type_)}, sizeof(struct privsep_plain), (fd_), (side_), false \
	}
#define SLOT(type_, side_, fd_)                                                           \
	{                                                                                 \
		{.slot = {(type_), 3}}, sizeof(struct privsep_slot), (fd_), (side_), true \
	}
#define OF(field, side_, fd_, ...)                                                            \
	{                                                                                     \
		{.field = {__VA_ARGS__}}, sizeof(((union privsep_message *)0)->field), (fd_), \
			(side_), true                                                         \
	}
#define M PRIVSEP_FROM_MONITOR
#define E PRIVSEP_FROM_ENGINE
#define NET10                                                        \
	{                                                            \
		.addr = {.family = ADDR_V4, .bytes = {10}}, .len = 8 \
	}

static const struct sample samples[] = {
	{{.start = {PRIVSEP_START, LOG_LEVEL_INFO, .config_file = "/etc/x", .config_hash = "00"}},
		sizeof(struct privsep_start), false, M, false},
	PLAIN(PRIVSEP_CONTROL_FD, M, true),
	OF(tunnel, M, false, PRIVSEP_TUNNEL, 3, .ifindex = 7, .mtu = 1420, .name = "city-a"),
	OF(tun, M, true, PRIVSEP_TUN_FD, 3, PRIVSEP_TAKES_ALL, 1),
	SLOT(PRIVSEP_UAPI_FD, M, true),
	OF(udp, M, true, PRIVSEP_UDP_FD, 3, ADDR_V6, true, 51820),
	SLOT(PRIVSEP_KEYS_FD, M, true),
	OF(peer, M, false, PRIVSEP_PEER, 3, .name = "noc-1", .host = "gate.example:1"),
	OF(allowed_ip, M, false, PRIVSEP_ALLOWED_IP, 3, NET10),
	SLOT(PRIVSEP_STATE_FD, M, true),
	SLOT(PRIVSEP_TUNNEL_DONE, M, false),
	SLOT(PRIVSEP_TUNNEL_GONE, M, false),
	PLAIN(PRIVSEP_SYNCED, M, false),
	OF(link, M, false, PRIVSEP_LINK, 3, 1420, true, false),
	OF(bound, M, false, PRIVSEP_BOUND, 3, 0, 51820),
	OF(result, M, false, PRIVSEP_MARKED, 3, 1),
	OF(endpoint, M, false, PRIVSEP_ENDPOINT, 3, .reason = "no such name"),
	PLAIN(PRIVSEP_ROUTES, M, false),
	{{.route = {PRIVSEP_ROUTE, NET10, 3, PRIVSEP_TUNNELS, .installed = 1}},
		sizeof(struct privsep_route), false, M, false},
	{{.kernel = {PRIVSEP_KERNEL, 1, 2, 3}}, sizeof(struct privsep_kernel), false, M, false},
	{{.reloaded = {PRIVSEP_RELOADED, 22, "00", "f:1: no"}}, sizeof(struct privsep_reloaded),
		false, M, false},
	{{.label = {PRIVSEP_LABEL_FLOOR, .newest_s = 7}}, sizeof(struct privsep_label), false, M,
		false},
	PLAIN(PRIVSEP_REROUTED, M, false),
	OF(path, M, false, PRIVSEP_PATH_STALE, 3, .remote.addr = {ADDR_V4, {1}},
		.local = {ADDR_V4, {2}}, .ifindex = 7),
	PLAIN(PRIVSEP_PING, M, false),
	{{.event = {PRIVSEP_EVENT, PRIVSEP_EVENT_ROUTE, 1, .subject = "prefix 10.0.0.0/8"}},
		sizeof(struct privsep_event), false, M, false},
	PLAIN(PRIVSEP_STOP, M, false),
	PLAIN(PRIVSEP_READY, E, false),
	PLAIN(PRIVSEP_PONG, E, false),
	OF(bind, E, false, PRIVSEP_BIND, 3, .port = 51820),
	OF(mark, E, false, PRIVSEP_MARK, 3, 7),
	SLOT(PRIVSEP_STATE, E, true),
	PLAIN(PRIVSEP_RELOAD, E, false),
	OF(failed, E, false, PRIVSEP_TUNNEL_FAILED, 3, 22, "no key"),
	{{.label = {PRIVSEP_LABEL, .newest_s = 7}}, sizeof(struct privsep_label), false, E, false},
	OF(peer_state, E, false, PRIVSEP_PEER_STATE, 3, .up = true),
	SLOT(PRIVSEP_TUN_LOST, E, false),
	OF(path, E, false, PRIVSEP_PATH, 3, .remote.addr = {ADDR_V4, {1}}, .local = {ADDR_V4, {2}},
		.ifindex = 7),
	OF(path_mtu, E, false, PRIVSEP_PATH_MTU, 3, .mtu = 1328),
};
#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static const union privsep_message *sample_of(uint32_t type, size_t *len)
{
	for (size_t i = 0; i < N_SAMPLES; i++)
		if (samples[i].m.type == type) {
			*len = samples[i].len;
			return &samples[i].m;
		}
	fail();
	return NULL;
}

static enum privsep_side other(enum privsep_side side)
{
	return side == M ? E : M;
}

static void every_type_passes_from_its_side_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct sample *s = &samples[i];

		assert_non_null(privsep_check(&s->m, s->len, s->fd, s->side));
		assert_null(privsep_check(&s->m, s->len, s->fd, other(s->side)));
	}
}

static void every_other_size_is_refused(void **state)
{
	unsigned char bytes[sizeof(union privsep_message) + 8] = {0};

	(void)state;
	for (size_t i = 0; i < N_SAMPLES; i++) {
		memcpy(bytes, &samples[i].m, sizeof(samples[i].m));
		for (size_t len = 0; len < sizeof(bytes); len++)
			assert_int_equal(
				privsep_check(bytes, len, samples[i].fd, samples[i].side) != NULL,
				len == samples[i].len);
	}
}

static void missing_and_superfluous_descriptors_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SAMPLES; i++)
		assert_null(privsep_check(
			&samples[i].m, samples[i].len, !samples[i].fd, samples[i].side));
}

static void unknown_types_are_refused(void **state)
{
	size_t known = 0;

	(void)state;
	for (uint32_t type = 0; type < 300; type++) {
		union privsep_message m = {.type = type};

		for (size_t i = 0; i < N_SAMPLES; i++)
			known += samples[i].m.type == type;
		if (type == 0 || (type > PRIVSEP_STOP && type < PRIVSEP_READY) ||
			type > PRIVSEP_PATH_MTU)
			for (size_t len = 0; len <= sizeof(m); len++) {
				assert_null(privsep_check(&m, len, false, M));
				assert_null(privsep_check(&m, len, true, E));
			}
	}
	/* The samples above are all there are. */
	assert_int_equal(known, PRIVSEP_STOP + PRIVSEP_PATH_MTU - PRIVSEP_READY + 1);
}

static void slot_out_of_range_is_refused(void **state)
{
	static const uint32_t bad[] = {PRIVSEP_TUNNELS, PRIVSEP_TUNNELS + 1, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < N_SAMPLES; i++) {
		union privsep_message m = samples[i].m;

		if (!samples[i].slot)
			continue;
		m.slot.slot = PRIVSEP_TUNNELS - 1;
		assert_non_null(privsep_check(&m, samples[i].len, samples[i].fd, samples[i].side));
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
			m.slot.slot = bad[j];
			assert_null(
				privsep_check(&m, samples[i].len, samples[i].fd, samples[i].side));
		}
	}
}

/* True if the sample of `type` passes once `size` bytes at `offset` are `fill`. */
static bool passes(uint32_t type, size_t offset, size_t size, int fill)
{
	size_t len;
	union privsep_message m = *sample_of(type, &len);

	memset((unsigned char *)&m + offset, fill, size);
	for (size_t i = 0; i < N_SAMPLES; i++)
		if (samples[i].m.type == type)
			return privsep_check(&m, len, samples[i].fd, samples[i].side) != NULL;
	return false;
}

#define FIELD(type, field) \
	offsetof(struct privsep_##type, field), sizeof(((struct privsep_##type *)0)->field)

static void unterminated_text_is_refused(void **state)
{
	(void)state;
	assert_false(passes(PRIVSEP_START, FIELD(start, config_file), 'x'));
	assert_false(passes(PRIVSEP_START, FIELD(start, config_hash), 'x'));
	assert_false(passes(PRIVSEP_TUNNEL, FIELD(tunnel, name), 'x'));
	assert_false(passes(PRIVSEP_PEER, FIELD(peer, name), 'x'));
	assert_false(passes(PRIVSEP_PEER, FIELD(peer, host), 'x'));
	assert_false(passes(PRIVSEP_ENDPOINT, FIELD(endpoint, reason), 'x'));
	assert_false(passes(PRIVSEP_RELOADED, FIELD(reloaded, config_hash), 'x'));
	assert_false(passes(PRIVSEP_RELOADED, FIELD(reloaded, reason), 'x'));
	assert_false(passes(PRIVSEP_TUNNEL_FAILED, FIELD(failed, reason), 'x'));
	assert_false(passes(PRIVSEP_PEER_STATE, FIELD(peer_state, reason), 'x'));
	assert_false(passes(PRIVSEP_EVENT, FIELD(event, subject), 'x'));
	assert_false(passes(PRIVSEP_EVENT, FIELD(event, what), 'x'));
	assert_false(passes(PRIVSEP_EVENT, FIELD(event, why), 'x'));
}

static void booleans_are_zero_or_one(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool good = byte <= 1;

		assert_int_equal(passes(PRIVSEP_START, FIELD(start, uapi_only), byte), good);
		assert_int_equal(passes(PRIVSEP_TUNNEL, FIELD(tunnel, from_config), byte), good);
		assert_int_equal(passes(PRIVSEP_TUNNEL, FIELD(tunnel, up), byte), good);
		assert_int_equal(passes(PRIVSEP_UDP_FD, FIELD(udp, segments), byte), good);
		assert_int_equal(passes(PRIVSEP_LINK, FIELD(link, up), byte), good);
		assert_int_equal(passes(PRIVSEP_LINK, FIELD(link, gone), byte), good);
		assert_int_equal(passes(PRIVSEP_ROUTE, FIELD(route, installed), byte), good);
		assert_int_equal(passes(PRIVSEP_PEER_STATE, FIELD(peer_state, up), byte), good);
		assert_int_equal(passes(PRIVSEP_PEER_STATE, FIELD(peer_state, proven), byte), good);
	}
}

static void families_and_prefixes_are_in_range(void **state)
{
	size_t at = offsetof(struct privsep_allowed_ip, prefix);
	size_t len_at = at + offsetof(struct prefix, len);

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		assert_int_equal(passes(PRIVSEP_UDP_FD, FIELD(udp, family), byte),
			byte == ADDR_V4 || byte == ADDR_V6);
		/* A probe has a source of its family. */
		assert_int_equal(
			passes(PRIVSEP_PEER, offsetof(struct privsep_peer, probe), 1, byte),
			byte == ADDR_NONE);
		assert_int_equal(
			passes(PRIVSEP_PEER, offsetof(struct privsep_peer, probe_source), 1, byte),
			byte == ADDR_NONE);
		assert_int_equal(passes(PRIVSEP_ALLOWED_IP, at, 1, byte),
			byte == ADDR_V4 || byte == ADDR_V6);
		/* 10.0.0.0 is a prefix of 7 bits and more: its last set bit is the seventh. */
		assert_int_equal(
			passes(PRIVSEP_ALLOWED_IP, len_at, 1, byte), byte >= 7 && byte <= 32);
	}
	assert_false(passes(PRIVSEP_ALLOWED_IP, at + offsetof(struct addr, bytes) + 4, 1, 1));
}

static void interface_names_that_are_paths_are_refused(void **state)
{
	static const char *const bad[] = {"", ".", "..", "../x", "a/b", "a b", "a\nb"};
	size_t len;
	union privsep_message m = *sample_of(PRIVSEP_TUNNEL, &len);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(m.tunnel.name, bad[i]);
		assert_null(privsep_check(&m, len, false, M));
	}
}

static void negative_errors_are_refused(void **state)
{
	(void)state;
	assert_false(passes(PRIVSEP_BOUND, FIELD(bound, error), 0xff));
	assert_false(passes(PRIVSEP_MARKED, FIELD(result, error), 0xff));
	assert_false(passes(PRIVSEP_RELOADED, FIELD(reloaded, error), 0xff));
	assert_false(passes(PRIVSEP_TUNNEL_FAILED, FIELD(failed, error), 0xff));
}

static void labels_without_a_time_are_refused(void **state)
{
	(void)state;
	assert_false(passes(PRIVSEP_LABEL, FIELD(label, newest_s), 0xff));
	assert_false(passes(PRIVSEP_LABEL_FLOOR, FIELD(label, newest_s), 0x7f));
}

static void unknown_offloads_and_endless_polling_are_refused(void **state)
{
	(void)state;
	assert_false(passes(PRIVSEP_TUN_FD, FIELD(tun, takes), 0x10));
	assert_false(passes(PRIVSEP_TUN_FD, FIELD(tun, queue), PRIVSEP_QUEUES));
	assert_false(passes(PRIVSEP_TUNNEL, FIELD(tunnel, busy_poll_us), 0xff));
}

static void events_without_kind_number_or_time_are_refused(void **state)
{
	(void)state;
	assert_false(passes(PRIVSEP_EVENT, FIELD(event, kind), PRIVSEP_EVENT_KINDS));
	assert_false(passes(PRIVSEP_EVENT, FIELD(event, number), 0));
	assert_false(passes(PRIVSEP_EVENT, FIELD(event, time_ms), 0xff));
}

static void random_bytes_at_any_address_are_survived(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	unsigned char bytes[sizeof(union privsep_message) + 1];

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 20000; round++) {
		const struct sample *s = &samples[(size_t)rand() % N_SAMPLES];

		memcpy(bytes + 1, &s->m, sizeof(s->m));
		for (int flips = rand() % 8; flips > 0; flips--)
			bytes[1 + (size_t)rand() % s->len] = (unsigned char)rand();
		privsep_check(bytes + 1, s->len, rand() & 1, rand() & 1 ? M : E);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_passes_from_its_side_alone),
		cmocka_unit_test(every_other_size_is_refused),
		cmocka_unit_test(missing_and_superfluous_descriptors_are_refused),
		cmocka_unit_test(unknown_types_are_refused),
		cmocka_unit_test(slot_out_of_range_is_refused),
		cmocka_unit_test(unterminated_text_is_refused),
		cmocka_unit_test(booleans_are_zero_or_one),
		cmocka_unit_test(families_and_prefixes_are_in_range),
		cmocka_unit_test(interface_names_that_are_paths_are_refused),
		cmocka_unit_test(negative_errors_are_refused),
		cmocka_unit_test(labels_without_a_time_are_refused),
		cmocka_unit_test(unknown_offloads_and_endless_polling_are_refused),
		cmocka_unit_test(events_without_kind_number_or_time_are_refused),
		cmocka_unit_test(random_bytes_at_any_address_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
