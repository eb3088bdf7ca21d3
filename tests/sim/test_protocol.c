/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protocol core over hours of fake time and a bad wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/sim/world.h"
#include "vpnd/proto/messages.h"

static uint64_t seed(void)
{
	const char *given = getenv("SEED");

	return given ? strtoull(given, NULL, 10) : randombytes_random();
}

static struct peer_info info_of(struct world *w, int host)
{
	struct peer_info info;

	peer_info(w->hosts[host].peer, &info, w->now);
	return info;
}

static uint64_t verdicts(struct world *w, int host, enum packet_verdict verdict)
{
	return device_verdict_counts(w->hosts[host].device)[verdict];
}

static void handshake_from(int host, bool preshared)
{
	struct world *w = world_new(seed(), preshared);

	world_send(w, host, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[!host].delivered, 1);
	world_send(w, !host, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[host].delivered, 1);
	assert_int_equal(w->hosts[host].sent[MESSAGE_INITIATION], 1);
	assert_int_equal(w->hosts[!host].sent[MESSAGE_INITIATION], 0);
	assert_int_equal(w->hosts[!host].sent[MESSAGE_RESPONSE], 1);
	world_free(w);
}

static void either_side_can_begin(void **state)
{
	(void)state;
	handshake_from(0, false);
	handshake_from(1, false);
	handshake_from(0, true);
	handshake_from(1, true);
}

static void different_preshared_keys_never_agree(void **state)
{
	struct world *w = world_new(seed(), true);

	(void)state;
	peer_set_preshared_key(w->hosts[1].peer, NULL);
	world_send(w, 0, 100);
	world_run_s(w, 60);
	assert_int_equal(w->hosts[1].delivered, 0);
	assert_int_equal(info_of(w, 0).has_session, false);
	assert_true(verdicts(w, 0, PACKET_BAD_HANDSHAKE) > 0);
	world_free(w);
}

static void staged_packets_leave_in_order_after_the_handshake(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	for (int i = 0; i < 100; i++)
		world_send(w, 0, 28 + (size_t)i);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 100);
	assert_int_equal(w->hosts[1].backwards, 0);
	world_free(w);
}

static void stage_keeps_the_newest_and_counts_the_rest(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	for (int i = 0; i < STAGED_MAX + 7; i++)
		world_send(w, 0, 100);
	assert_int_equal(verdicts(w, 0, PACKET_STAGE_FULL), 7);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, STAGED_MAX);
	assert_int_equal(w->hosts[1].newest_sequence, STAGED_MAX + 7);
	world_free(w);
}

static void rekey_under_traffic_loses_nothing(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int sent = 0;

	(void)state;
	for (int i = 0; i < 100 * 500; i++) { /* 500 s at 100 packets a second, both ways */
		world_send(w, i & 1, 100);
		sent++;
		world_run_us(w, 10000);
	}
	world_run_s(w, 1);
	assert_int_equal(w->hosts[0].delivered + w->hosts[1].delivered, sent);
	/* 0, 120, 240, 360, 480 s: the initiator renews, and nobody else. */
	assert_int_equal(
		w->hosts[0].sent[MESSAGE_INITIATION] + w->hosts[1].sent[MESSAGE_INITIATION], 5);
	world_free(w);
}

static void receiver_alone_renews_before_the_key_expires(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int sent = 0;

	(void)state;
	/* Host 0 begins, then only host 1 sends: it is no initiator, and renews nothing by itself.
	 */
	world_send(w, 0, 100);
	world_run_s(w, 1);
	for (int i = 0; i < 10 * 400; i++) {
		world_send(w, 1, 100);
		sent++;
		world_run_us(w, 100000);
	}
	world_run_s(w, 1);
	assert_int_equal(w->hosts[0].delivered, sent);
	world_free(w);
}

static void idle_tunnel_is_silent(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int before[2];

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 30);
	before[0] = w->hosts[0].sent[MESSAGE_DATA];
	before[1] = w->hosts[1].sent[MESSAGE_DATA];
	/* The data, the confirmation, and one passive keepalive in answer. */
	assert_in_range(before[0], 1, 2);
	assert_in_range(before[1], 1, 1);
	world_run_s(w, 3 * 86400);
	assert_int_equal(w->hosts[0].sent[MESSAGE_DATA], before[0]);
	assert_int_equal(w->hosts[1].sent[MESSAGE_DATA], before[1]);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], 1);
	assert_int_equal(w->hosts[1].sent[MESSAGE_INITIATION], 0);
	assert_int_equal(info_of(w, 0).has_session, false);
	assert_int_equal(w->hosts[0].events[EVENT_SESSION_EXPIRED], 1);
	assert_int_equal(w->hosts[1].events[EVENT_SESSION_EXPIRED], 1);
	world_free(w);
}

static void persistent_keepalive_keeps_the_session_for_a_day(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	peer_set_persistent_keepalive(w->hosts[0].peer, 25, w->now);
	for (int hour = 0; hour < 24; hour++) {
		world_run_s(w, 3600);
		assert_true(info_of(w, 0).has_session);
		assert_true(mono_elapsed_us(info_of(w, 1).last_received, w->now) <= 26 * US_PER_S);
	}
	/* One handshake in 120 to 145 s, no more. */
	assert_in_range(w->hosts[0].sent[MESSAGE_INITIATION], 86400 / 150, 86400 / 120 + 1);
	assert_int_equal(w->hosts[1].sent[MESSAGE_INITIATION], 0);
	world_free(w);
}

static void gives_up_after_90_s_and_begins_again_on_traffic(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int tries;

	(void)state;
	w->wire.cut = true;
	world_send(w, 0, 100);
	world_run_s(w, 200);
	tries = w->hosts[0].sent[MESSAGE_INITIATION];
	assert_in_range(tries, 16, 20);
	assert_int_equal(w->hosts[0].events[EVENT_HANDSHAKE_FAILED], 1);
	assert_int_equal(info_of(w, 0).staged_dropped, 1);
	world_run_s(w, 3600);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], tries);
	w->wire.cut = false;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 1);
	world_free(w);
}

static void restart_of_either_side_is_overcome(void **state)
{
	(void)state;
	for (int host = 0; host < 2; host++) {
		struct world *w = world_new(seed(), false);
		unsigned int before;

		world_send(w, 0, 100);
		world_run_s(w, 10);
		world_restart(w, host);
		/* The other side notices that nothing comes back, 15 s after it has sent. */
		for (int i = 0; i < 40; i++) {
			world_send(w, !host, 100);
			world_run_s(w, 1);
		}
		before = w->hosts[host].delivered;
		world_send(w, !host, 100);
		world_send(w, host, 100);
		world_run_s(w, 1);
		assert_int_equal(w->hosts[host].delivered, before + 1);
		world_free(w);
	}
}

static void both_sides_beginning_at_once_agree(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct world *w = world_new(seed() + (uint64_t)round, false);

		w->wire.jitter_us = 20000;
		world_send(w, 0, 100);
		world_send(w, 1, 100);
		world_run_s(w, 20);
		world_send(w, 0, 100);
		world_send(w, 1, 100);
		world_run_s(w, 1);
		assert_true(w->hosts[0].delivered >= 1 && w->hosts[1].delivered >= 1);
		world_free(w);
	}
}

static void bad_wire_costs_no_more_than_it_takes(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int sent = 0, got;

	(void)state;
	w->wire = (struct world_wire){
		.loss = 100, .duplicate = 50, .corrupt = 50, .delay_us = 10000, .jitter_us = 30000};
	for (int i = 0; i < 20 * 1000; i++) {
		world_send(w, i & 1, 28 + world_random(w, 1300));
		sent++;
		world_run_us(w, 50000);
	}
	world_run_s(w, 1);
	got = w->hosts[0].delivered + w->hosts[1].delivered;
	/* 10 % lost and 5 % corrupted on the wire; nothing is delivered twice. */
	assert_in_range(got, sent * 80 / 100, sent * 89 / 100);
	assert_true(verdicts(w, 0, PACKET_REPLAYED) > 0);
	assert_true(verdicts(w, 0, PACKET_FORGED) > 0);
	world_free(w);
}

static void only_what_is_authentic_moves_an_endpoint(void **state)
{
	struct world *w = world_new(seed(), false);
	uint8_t garbage[200] = {MESSAGE_DATA};
	struct packet packet = {.data = garbage, .len = sizeof(garbage)};

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	packet.path.remote = w->hosts[0].endpoint;
	packet.path.remote.port = 666;
	device_open_batch(w->hosts[1].device, &packet, 1, w->now);
	assert_int_equal(info_of(w, 1).path.remote.port, 51820);

	w->hosts[0].endpoint.port = 40000;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(info_of(w, 1).path.remote.port, 40000);
	world_free(w);
}

static void inner_source_of_another_is_refused(void **state)
{
	struct world *w = world_new(seed(), false);
	struct prefix other = {.addr = {.family = ADDR_V4, .bytes = {10, 0, 0, 1}}, .len = 32};
	struct peer *specific;
	uint8_t key[KEY_LEN] = {9};

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(device_peer_add(w->hosts[1].device, key, &specific), 0);
	assert_int_equal(peer_allow(specific, &other), 0);
	w->hosts[0].endpoint.port = 7; /* refused, yet authentic: it roams */
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 1);
	assert_int_equal(verdicts(w, 1, PACKET_BAD_SOURCE), 1);
	assert_int_equal(info_of(w, 1).path.remote.port, 7);
	world_free(w);
}

static void any_bytes_of_any_length_change_nothing(void **state)
{
	struct world *w = world_new(seed(), false);
	struct peer_info before, after;

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 12);
	before = info_of(w, 1);
	for (int i = 0; i < 50000; i++) {
		uint8_t bytes[400];
		struct packet packet = {.data = bytes, .len = world_random(w, sizeof(bytes))};

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (uint8_t)world_random(w, 256);
		if (world_random(w, 2)) /* half of them get past the first look */
			memcpy(bytes, (uint8_t[]){(uint8_t)world_random(w, 6), 0, 0, 0}, 4);
		packet.path.remote = w->hosts[0].endpoint;
		device_open_batch(w->hosts[1].device, &packet, 1, w->now);
		assert_true(packet.verdict >= PACKET_BAD_LENGTH);
	}
	after = info_of(w, 1);
	assert_true(endpoint_equal(&before.path.remote, &after.path.remote));
	assert_true(before.has_session && after.has_session);
	assert_int_equal(before.last_session.us, after.last_session.us);
	assert_int_equal(before.last_received.us, after.last_received.us);
	assert_int_equal(before.handshake_attempts, after.handshake_attempts);
	assert_int_equal(before.rx_bytes, after.rx_bytes);
	assert_int_equal(before.rx_packets, after.rx_packets);
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 2);
	world_free(w);
}

static void flood_of_initiations_is_answered_with_cookies(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int taken;

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	/* Host 0 forgets itself again and again: every initiation is valid. */
	for (int i = 0; i < 1000; i++) {
		world_restart(w, 0);
		peer_handshake(w->hosts[0].peer, w->now);
		world_run_us(w, 100);
	}
	world_run_s(w, 1);
	taken = w->hosts[1].sent[MESSAGE_RESPONSE];
	assert_true(w->hosts[1].sent[MESSAGE_COOKIE] > 500);
	assert_true(taken < 150);
	/* With its cookie it is heard. */
	world_run_s(w, 10);
	world_send(w, 0, 100);
	world_run_s(w, 10);
	assert_true(info_of(w, 0).has_session);
	world_free(w);
}

static void down_device_sends_and_takes_nothing(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	device_set_up(w->hosts[0].device, false, w->now);
	assert_int_equal(device_deadline(w->hosts[0].device).us, MONO_NEVER.us);
	world_send(w, 0, 100);
	world_send(w, 1, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[0].delivered, 0);
	assert_int_equal(w->hosts[1].delivered, 1);
	assert_int_equal(verdicts(w, 0, PACKET_DOWN), 1);
	world_free(w);
}

/* The interface is up and used before the one who watches links has said so. */
static void packets_before_word_of_up_are_not_lost(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	device_set_up(w->hosts[0].device, false, w->now);
	world_send(w, 0, 100);
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], 0);
	device_set_up(w->hosts[0].device, true, w->now);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 2);
	world_free(w);
}

static void new_private_key_shakes_hands_at_once(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int before;

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	before = w->hosts[0].sent[MESSAGE_INITIATION];
	w->hosts[1].private_key[8] ^= 1;
	device_set_private_key(w->hosts[0].device, w->hosts[1].private_key, w->now);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], before + 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_side_can_begin),
		cmocka_unit_test(different_preshared_keys_never_agree),
		cmocka_unit_test(staged_packets_leave_in_order_after_the_handshake),
		cmocka_unit_test(stage_keeps_the_newest_and_counts_the_rest),
		cmocka_unit_test(rekey_under_traffic_loses_nothing),
		cmocka_unit_test(receiver_alone_renews_before_the_key_expires),
		cmocka_unit_test(idle_tunnel_is_silent),
		cmocka_unit_test(persistent_keepalive_keeps_the_session_for_a_day),
		cmocka_unit_test(gives_up_after_90_s_and_begins_again_on_traffic),
		cmocka_unit_test(restart_of_either_side_is_overcome),
		cmocka_unit_test(both_sides_beginning_at_once_agree),
		cmocka_unit_test(bad_wire_costs_no_more_than_it_takes),
		cmocka_unit_test(only_what_is_authentic_moves_an_endpoint),
		cmocka_unit_test(inner_source_of_another_is_refused),
		cmocka_unit_test(any_bytes_of_any_length_change_nothing),
		cmocka_unit_test(flood_of_initiations_is_answered_with_cookies),
		cmocka_unit_test(down_device_sends_and_takes_nothing),
		cmocka_unit_test(packets_before_word_of_up_are_not_lost),
		cmocka_unit_test(new_private_key_shakes_hands_at_once),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
