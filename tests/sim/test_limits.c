/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limits of keys and of retries, which no test reaches by sending: counters are set through the
 * core's own header, as is what must be gone from memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/oracle/leftovers.h"
#include "tests/sim/world.h"
#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"

static uint64_t seed(void)
{
	const char *given = getenv("SEED");

	return given ? strtoull(given, NULL, 10) : randombytes_random();
}

static uint64_t verdicts(struct world *w, int host, enum packet_verdict verdict)
{
	return device_verdict_counts(w->hosts[host].device)[verdict];
}

/* Two hosts with a session that host 0 began. */
static struct world *connected(void)
{
	struct world *w = world_new(seed(), false);

	world_send(w, 0, 100);
	world_run_s(w, 1);
	world_send(w, 1, 100);
	world_run_s(w, 6);
	assert_non_null(w->hosts[0].peer->current);
	assert_non_null(w->hosts[1].peer->current);
	return w;
}

static void too_many_messages_renew_the_key_in_either_role(void **state)
{
	(void)state;
	for (int host = 0; host < 2; host++) {
		struct world *w = connected();
		unsigned int before = w->hosts[host].sent[MESSAGE_INITIATION];

		w->hosts[host].peer->current->sent = REKEY_AFTER_MESSAGES - 1;
		world_send(w, host, 100);
		world_run_us(w, 1);
		assert_int_equal(w->hosts[host].sent[MESSAGE_INITIATION], before);
		world_send(w, host, 100);
		world_run_s(w, 1);
		assert_int_equal(w->hosts[host].sent[MESSAGE_INITIATION], before + 1);
		assert_true(w->hosts[host].peer->current->sent < 10);
		world_free(w);
	}
}

static void last_counter_is_used_and_none_after_it(void **state)
{
	struct world *w = connected();
	unsigned int before = w->hosts[1].delivered;

	(void)state;
	w->hosts[0].peer->current->sent = REJECT_AFTER_MESSAGES - 1;
	world_send(w, 0, 100);
	assert_int_equal(w->hosts[0].peer->current->sent, REJECT_AFTER_MESSAGES);
	world_send(w, 0, 100);
	assert_int_equal(w->hosts[0].peer->current->sent, REJECT_AFTER_MESSAGES);
	assert_int_equal(verdicts(w, 0, PACKET_STAGED), 2); /* the first one ever, and this one */
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, before + 2);
	world_free(w);
}

static void keepalive_does_not_pass_the_last_counter(void **state)
{
	struct world *w = connected();

	(void)state;
	w->hosts[0].peer->current->sent = REJECT_AFTER_MESSAGES;
	stage_send(w->hosts[0].peer, true, w->now);
	assert_int_equal(w->hosts[0].peer->current->sent, REJECT_AFTER_MESSAGES);
	world_free(w);
}

static void counter_past_the_limit_is_refused_though_authentic(void **state)
{
	struct world *w = connected();
	uint8_t room[PACKET_HEADROOM + PACKET_TAILROOM] = {0};
	struct packet packet = {.data = room + PACKET_HEADROOM};

	(void)state;
	w->hosts[0].peer->current->sent = REJECT_AFTER_MESSAGES;
	session_seal(w->hosts[0].peer->current, &packet.data, &packet.len, 0);
	packet.path.remote = w->hosts[0].endpoint;
	device_open_batch(w->hosts[1].device, &packet, 1, w->now);
	assert_int_equal(packet.verdict, PACKET_EXPIRED);
	world_free(w);
}

static void no_key_is_used_past_180_s(void **state)
{
	struct world *w = connected();
	mono_t born = w->hosts[0].peer->current->born, newest[2] = {MONO_UNSET, MONO_UNSET};
	uint8_t other[KEY_LEN] = {1};

	(void)state;
	/* From now on no handshake succeeds, while both sides keep sending. */
	peer_set_preshared_key(w->hosts[0].peer, other);
	for (int i = 0; i < 300 * 10; i++) {
		unsigned int before[2] = {w->hosts[0].delivered, w->hosts[1].delivered};

		world_send(w, 0, 100);
		world_send(w, 1, 100);
		world_run_us(w, 100000);
		for (int host = 0; host < 2; host++)
			if (w->hosts[host].delivered != before[host])
				newest[host] = w->now;
	}
	for (int host = 0; host < 2; host++) {
		uint64_t age_us = mono_elapsed_us(born, newest[host]);

		assert_in_range(age_us, 179 * US_PER_S, 180 * US_PER_S + 100000);
	}
	world_free(w);
}

static void receiver_refuses_an_old_key_whatever_the_sender_does(void **state)
{
	struct world *w = connected();
	mono_t born = w->hosts[1].peer->current->born;

	(void)state;
	world_run_us(w, mono_elapsed_us(w->now, mono_add_s(born, 179)));
	w->hosts[0].peer->current->born = w->now; /* its clock is wrong */
	world_send(w, 0, 100);
	world_run_us(w, 900000);
	assert_int_equal(verdicts(w, 1, PACKET_EXPIRED), 0);
	w->wire.delay_us = 200000;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(verdicts(w, 1, PACKET_EXPIRED), 1);
	world_free(w);
}

static void all_is_wiped_after_540_s(void **state)
{
	struct world *w = connected();

	(void)state;
	world_run_s(w, 3 * REJECT_AFTER_TIME_S - 10);
	for (int host = 0; host < 2; host++)
		assert_non_null(w->hosts[host].peer->current);
	world_run_s(w, 10);
	for (int host = 0; host < 2; host++) {
		const struct peer *peer = w->hosts[host].peer;

		assert_null(peer->previous);
		assert_null(peer->current);
		assert_null(peer->next_session);
		assert_true(crypto_is_zero(&peer->handshake, sizeof(peer->handshake)));
		assert_null(w->hosts[host].device->indices.entries);
	}
	world_free(w);
}

/* Host 0 seals with the first of them and opens with the second; host 1 has them the other way. */
static void note_keys(const struct world *w, struct leftovers keys[static 2])
{
	leftovers_note(&keys[0], w->hosts[0].peer->current->send.secret);
	leftovers_note(&keys[1], w->hosts[0].peer->current->receive.secret);
	assert_true(leftovers_count(&keys[0]) > 0 && leftovers_count(&keys[1]) > 0);
}

static bool any_left(const struct leftovers *keys, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += leftovers_count(&keys[i]);
	return found > 0;
}

/* The stack is looked into as well, and what libraries left there. */
static void no_secret_of_a_handshake_stays_in_memory(void **state)
{
	struct world *w = world_new(seed(), false);
	const struct noise_handshake *handshake = &w->hosts[0].peer->handshake;
	struct leftovers secrets[2];

	(void)state;
	w->wire.delay_us = 1000;
	world_send(w, 0, 100);
	leftovers_note(&secrets[0], handshake->ephemeral_private);
	leftovers_note(&secrets[1], handshake->chain);
	assert_true(any_left(&secrets[0], 1) && any_left(&secrets[1], 1));
	for (int ms = 0; ms < 3; ms++)
		world_run_us(w, 1000);
	for (int host = 0; host < 2; host++)
		assert_true(crypto_is_zero(&w->hosts[host].peer->handshake, sizeof(*handshake)));
	assert_non_null(w->hosts[0].peer->current);
	assert_false(any_left(secrets, 2));
	world_free(w);
}

static void no_key_of_a_session_stays_in_memory(void **state)
{
	struct leftovers keys[2];
	struct world *w = connected();

	(void)state;
	note_keys(w, keys);
	world_run_s(w, 3 * REJECT_AFTER_TIME_S);
	assert_false(any_left(keys, 2));

	world_send(w, 0, 100);
	world_run_s(w, 1);
	note_keys(w, keys);
	for (int host = 0; host < 2; host++)
		device_peer_remove(w->hosts[host].device, w->hosts[host].peer);
	assert_false(any_left(keys, 2));
	world_free(w);
}

static void unanswered_handshake_is_wiped_as_well(void **state)
{
	struct world *w = world_new(seed(), false);
	const struct peer *peer = w->hosts[0].peer;

	(void)state;
	w->wire.cut = true;
	world_send(w, 0, 100);
	world_run_s(w, 100 + 3 * REJECT_AFTER_TIME_S);
	assert_true(crypto_is_zero(&peer->handshake, sizeof(peer->handshake)));
	assert_null(w->hosts[0].device->indices.entries);
	assert_int_equal(device_deadline(w->hosts[0].device).us, MONO_NEVER.us);
	world_free(w);
}

static void keepalive_to_a_dead_peer_is_bounded_and_finds_it_again(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int tries;

	(void)state;
	peer_set_persistent_keepalive(w->hosts[0].peer, 25, w->now);
	world_run_s(w, 10);
	w->wire.cut = true;
	world_run_s(w, 2 * 86400);
	tries = w->hosts[0].sent[MESSAGE_INITIATION];
	assert_in_range(tries, 2 * 86400 / 25, 2 * 86400 / REKEY_TIMEOUT_S);
	w->wire.cut = false;
	world_run_s(w, 26);
	assert_true(session_can_send(w->hosts[0].peer->current, w->now));
	world_free(w);
}

static void retries_are_spread_by_jitter(void **state)
{
	struct world *w = world_new(seed(), false);
	mono_t last = w->now;
	uint64_t shortest = UINT64_MAX, longest = 0;
	unsigned int tries = 1;

	(void)state;
	w->wire.cut = true;
	world_send(w, 0, 100);
	while (mono_elapsed_us(last, w->now) < 6 * US_PER_S) {
		uint64_t span_us;

		world_run_us(w, 1000);
		if (w->hosts[0].sent[MESSAGE_INITIATION] == tries)
			continue;
		tries = w->hosts[0].sent[MESSAGE_INITIATION];
		span_us = mono_elapsed_us(last, w->now);
		shortest = span_us < shortest ? span_us : shortest;
		longest = span_us > longest ? span_us : longest;
		last = w->now;
	}
	assert_in_range(shortest, 5000000, 5335000);
	assert_in_range(longest, 5000000, 5335000);
	assert_true(longest - shortest > 50000);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_messages_renew_the_key_in_either_role),
		cmocka_unit_test(last_counter_is_used_and_none_after_it),
		cmocka_unit_test(keepalive_does_not_pass_the_last_counter),
		cmocka_unit_test(counter_past_the_limit_is_refused_though_authentic),
		cmocka_unit_test(no_key_is_used_past_180_s),
		cmocka_unit_test(receiver_refuses_an_old_key_whatever_the_sender_does),
		cmocka_unit_test(all_is_wiped_after_540_s),
		cmocka_unit_test(no_secret_of_a_handshake_stays_in_memory),
		cmocka_unit_test(no_key_of_a_session_stays_in_memory),
		cmocka_unit_test(unanswered_handshake_is_wiped_as_well),
		cmocka_unit_test(keepalive_to_a_dead_peer_is_bounded_and_finds_it_again),
		cmocka_unit_test(retries_are_spread_by_jitter),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
