/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Days of fake time: idle, busy, on a bad wire, with clocks that jump and hosts that restart. How
 * many handshakes an hour may cost, and what every key obeys meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/sim/world.h"
#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

static uint64_t seed(void)
{
	const char *given = getenv("SEED");

	return given ? strtoull(given, NULL, 10) : randombytes_random();
}

static unsigned int initiations(const struct world *w)
{
	return w->hosts[0].sent[MESSAGE_INITIATION] + w->hosts[1].sent[MESSAGE_INITIATION];
}

static unsigned int sessions(const struct world *w)
{
	return w->hosts[0].events[EVENT_SESSION] + w->hosts[1].events[EVENT_SESSION];
}

static unsigned int datagrams(const struct world *w)
{
	return w->hosts[0].sent[MESSAGE_DATA] + w->hosts[1].sent[MESSAGE_DATA];
}

/* Age of a session in microseconds, UINT64_MAX for none; past its time it may not seal. */
static uint64_t check_session(const struct session *session, mono_t now)
{
	uint64_t age_us = session ? mono_elapsed_us(session->born, now) : UINT64_MAX;

	assert_true(age_us < REJECT_AFTER_TIME_S * US_PER_S || !session_can_send(session, now));
	return age_us;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* All go three times REJECT_AFTER_TIME after the newest came. */
static void check_keys(const struct world *w)
{
	for (int host = 0; host < 2; host++) {
		const struct peer *peer = w->hosts[host].peer;
		uint64_t newest_us = check_session(peer->previous, w->now);

		newest_us = least(newest_us, check_session(peer->current, w->now));
		newest_us = least(newest_us, check_session(peer->next_session, w->now));
		if (newest_us != UINT64_MAX)
			assert_true(newest_us <= 3 * REJECT_AFTER_TIME_S * US_PER_S);
	}
}

/* Counters of the keys that seal, to see when they do. */
struct sealed {
	const struct session *session;
	uint64_t count;
};

/* Pass a moment; nothing may have been sealed by a key that was too old when it began. */
static void pass(struct world *w, uint64_t span_us)
{
	struct sealed before[2];
	bool old[2];

	for (int host = 0; host < 2; host++) {
		const struct session *current = w->hosts[host].peer->current;

		before[host] = (struct sealed){current, current ? current->sent : 0};
		old[host] = current && !session_can_send(current, w->now);
	}
	world_run_us(w, span_us);
	for (int host = 0; host < 2; host++) {
		const struct session *current = w->hosts[host].peer->current;

		if (current && current == before[host].session && old[host])
			assert_int_equal(current->sent, before[host].count);
	}
	check_keys(w);
}

/* Nothing that could be used to read what was said is left. */
static void assert_wiped(const struct world *w, int host)
{
	const struct peer *peer = w->hosts[host].peer;

	assert_null(peer->previous);
	assert_null(peer->current);
	assert_null(peer->next_session);
	assert_null(peer->stage.first);
	assert_true(crypto_is_zero(&peer->handshake, sizeof(peer->handshake)));
	assert_null(w->hosts[host].device->indices.entries);
}

static void a_week_of_one_question_a_day_is_seven_handshakes(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	for (int day = 1; day <= 7; day++) {
		unsigned int before = datagrams(w);

		world_send(w, 0, 100);
		world_run_s(w, 1);
		world_send(w, 1, 100);
		/* Question, answer, and one keepalive at most in each direction: no ping-pong. */
		for (int minute = 0; minute < 24 * 60; minute++)
			pass(w, 60 * US_PER_S - (minute ? 0 : US_PER_S));
		assert_in_range(datagrams(w) - before, 2, 5);
		assert_int_equal(initiations(w), day);
		assert_int_equal(w->hosts[0].delivered, day);
		assert_int_equal(w->hosts[1].delivered, day);
		for (int host = 0; host < 2; host++) {
			assert_wiped(w, host);
			assert_int_equal(w->hosts[host].events[EVENT_SESSION_EXPIRED], day);
		}
	}
	world_free(w);
}

/* `s` seconds of questions and answers, `per_s` a second; returns how many were sent. */
static unsigned int converse(struct world *w, unsigned int s, unsigned int per_s)
{
	for (unsigned int i = 0; i < s * per_s; i++) {
		world_send(w, (int)(i & 1), 100);
		pass(w, US_PER_S / per_s);
	}
	return s * per_s;
}

static void a_busy_day_renews_every_two_minutes_and_loses_nothing(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int sent = 0;

	(void)state;
	for (int hour = 0; hour < 24; hour++) {
		unsigned int before = initiations(w);

		sent += converse(w, HOUR_S, 4);
		assert_in_range(initiations(w) - before, HOUR_S / (REKEY_AFTER_TIME_S + 5),
			HOUR_S / REKEY_AFTER_TIME_S + 1);
	}
	world_run_s(w, 1);
	assert_int_equal(w->hosts[0].delivered + w->hosts[1].delivered, sent);
	assert_int_equal(sessions(w), 2 * initiations(w));
	world_free(w);
}

static void traffic_in_one_direction_costs_one_keepalive_in_ten_seconds(void **state)
{
	(void)state;
	for (int from = 0; from < 2; from++) {
		struct world *w = world_new(seed(), false);
		unsigned int before;

		world_send(w, 0, 100); /* host 0 is the one that renews */
		world_run_s(w, 1);
		before = w->hosts[!from].sent[MESSAGE_DATA];
		for (int i = 0; i < HOUR_S; i++) {
			world_send(w, from, 100);
			pass(w, US_PER_S);
		}
		assert_int_equal(w->hosts[!from].delivered, HOUR_S + (from == 0));
		assert_in_range(w->hosts[!from].sent[MESSAGE_DATA] - before,
			HOUR_S / (KEEPALIVE_TIMEOUT_S + 2), HOUR_S / KEEPALIVE_TIMEOUT_S + 40);
		assert_in_range(initiations(w), HOUR_S / REJECT_AFTER_TIME_S,
			HOUR_S / REKEY_AFTER_TIME_S + 1);
		world_free(w);
	}
}

static void both_sides_renewing_at_once_for_hours_lose_nothing(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int sent = 0, before;

	(void)state;
	w->wire.jitter_us = 20000;
	for (int round = 0; round < 200; round++) {
		peer_handshake(w->hosts[0].peer, w->now);
		peer_handshake(w->hosts[1].peer, w->now);
		sent += converse(w, 60, 10);
	}
	world_run_s(w, 1);
	assert_true(sent - w->hosts[0].delivered - w->hosts[1].delivered <= sent / 1000);
	/* And it dies down once they are left alone. */
	world_run_s(w, 10);
	before = initiations(w);
	converse(w, HOUR_S, 1);
	assert_true(initiations(w) - before <= HOUR_S / REKEY_AFTER_TIME_S + 1);
	world_free(w);
}

static void host_that_restarts_every_five_minutes_is_found_again_each_time(void **state)
{
	(void)state;
	for (int host = 0; host < 2; host++) {
		struct world *w = world_new(seed(), false);

		for (int round = 0; round < 100; round++) {
			unsigned int before;

			world_restart(w, host);
			/* The other one speaks; it notices within 15 s and a retry. */
			for (int i = 0; i < 25; i++) {
				world_send(w, !host, 100);
				pass(w, US_PER_S);
			}
			before = w->hosts[host].delivered;
			for (int i = 0; i < 275; i++) {
				world_send(w, !host, 100);
				pass(w, US_PER_S);
			}
			assert_int_equal(w->hosts[host].delivered, before + 275);
		}
		/* For each restart: what was noticed, and the renewals of five minutes. */
		assert_true(initiations(w) <= 100 * 6);
		world_free(w);
	}
}

/* Labels of our hosts go in the least steps there are, as those of a clock that was set back do. */
#define LABELS_OF_A_YEAR (365ULL * DAY_S * 1000000000 / (1 << 24))

static void wall_clock_that_jumps_a_year_and_back_changes_nothing(void **state)
{
	(void)state;
	for (int host = 0; host < 2; host++) {
		struct world *w = world_new(seed(), false);
		unsigned int sent = converse(w, 600, 2), before;

		w->hosts[host].label += LABELS_OF_A_YEAR;
		sent += converse(w, 600, 2);
		world_run_s(w, 1);
		/* Back: it goes on from the year that it was in, also after a restart. */
		world_restart(w, host);
		world_send(w, host, 100);
		world_run_s(w, 1);
		sent += 1 + converse(w, HOUR_S, 2);
		world_run_s(w, 1);
		before = initiations(w);
		assert_int_equal(w->hosts[0].delivered + w->hosts[1].delivered, sent);
		assert_true(before <= (1200 + HOUR_S) / REKEY_AFTER_TIME_S + 3);
		assert_int_equal(w->hosts[!host].events[EVENT_REPLAYED], 0);
		world_free(w);
	}
}

static void hours_of_30_percent_loss_and_reorder_cost_what_is_lost(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int sent, got, before;

	(void)state;
	w->wire = (struct world_wire){.loss = 300, .delay_us = 20000, .jitter_us = 900000};
	sent = converse(w, 4 * HOUR_S, 5);
	world_run_s(w, 1);
	got = w->hosts[0].delivered + w->hosts[1].delivered;
	/* 70 % arrive; a renewal that is lost three times in a row costs nothing yet. */
	assert_in_range(got, (uint64_t)sent * 68 / 100, (uint64_t)sent * 72 / 100);
	assert_true(w->hosts[0].backwards + w->hosts[1].backwards > 0);
	/* Half of all handshakes fail (0.7 x 0.7), and are tried again. */
	assert_in_range(initiations(w), 4 * HOUR_S / REKEY_AFTER_TIME_S,
		3 * 4 * HOUR_S / REKEY_AFTER_TIME_S);
	/* The storm over, nothing of it lingers. */
	w->wire = (struct world_wire){.delay_us = 5000};
	converse(w, 200, 5);
	before = initiations(w);
	sent = w->hosts[0].delivered + w->hosts[1].delivered + converse(w, HOUR_S, 5);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[0].delivered + w->hosts[1].delivered, sent);
	assert_in_range(initiations(w) - before, 28, HOUR_S / REKEY_AFTER_TIME_S + 1);
	world_free(w);
}

static void silence_on_a_wire_that_loses_is_silence(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int before;

	(void)state;
	w->wire = (struct world_wire){.loss = 300, .delay_us = 20000, .jitter_us = 900000};
	converse(w, 60, 5);
	world_run_s(w, 200);
	before = datagrams(w) + initiations(w);
	for (int minute = 0; minute < 24 * 60; minute++)
		pass(w, 60 * US_PER_S);
	assert_int_equal(datagrams(w) + initiations(w), before);
	assert_wiped(w, 0);
	assert_wiped(w, 1);
	world_free(w);
}

enum { BUCKETS = 8 };

static void retries_are_jittered_evenly(void **state)
{
	struct world *w = world_new(seed(), false);
	unsigned int bucket[BUCKETS] = {0};

	(void)state;
	w->wire.cut = true;
	world_send(w, 0, 100);
	for (int i = 0; i < 100 * BUCKETS; i++) {
		unsigned int tries = initiations(w);
		mono_t last = w->now;
		uint64_t over_ms;

		world_send(w, 0, 100); /* so that it does not give up */
		while (initiations(w) == tries)
			world_run_us(w, US_PER_MS);
		over_ms = mono_elapsed_us(last, w->now) / US_PER_MS - REKEY_TIMEOUT_S * 1000;
		assert_true(over_ms <= REKEY_TIMEOUT_JITTER_MAX_MS);
		bucket[over_ms * BUCKETS / (REKEY_TIMEOUT_JITTER_MAX_MS + 1)]++;
	}
	/* 100 in each; a fair one is out of this range once in ten million runs. */
	for (int i = 0; i < BUCKETS; i++)
		assert_in_range(bucket[i], 50, 155);
	world_free(w);
}

static void what_waits_for_a_handshake_that_never_comes_is_dropped_and_counted(void **state)
{
	struct world *w = world_new(seed(), false);
	struct peer_info info;

	(void)state;
	w->wire.cut = true;
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 50; i++)
			world_send(w, 0, 100);
		world_run_s(w, 300);
		peer_info(w->hosts[0].peer, &info, w->now);
		assert_int_equal(info.staged_dropped, round * 50);
		assert_int_equal(
			device_verdict_counts(w->hosts[0].device)[PACKET_STAGE_FULL], round * 50);
		assert_int_equal(w->hosts[0].events[EVENT_HANDSHAKE_FAILED], round);
		assert_null(w->hosts[0].peer->stage.first);
	}
	w->wire.cut = false;
	world_run_s(w, HOUR_S);
	assert_int_equal(w->hosts[1].delivered, 0); /* too old to be of use */
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 1);
	world_free(w);
}

/* One probe and its reply, like an echo. */
static void probe_once(struct world *w, uint64_t interval_us)
{
	unsigned int before = w->hosts[1].delivered;

	world_probe(w, 0, 36);
	pass(w, interval_us / 2);
	if (w->hosts[1].delivered > before)
		world_send(w, 1, 36);
	pass(w, interval_us - interval_us / 2);
}

/* Whoever began the session renews it, and nothing is said but probes and replies. */
static void probes_renew_keys_in_time_and_cost_no_keepalives(void **state)
{
	static const uint64_t intervals_ms[] = {200, 1000, 9000};

	(void)state;
	for (int starter = 0; starter < 2; starter++) {
		for (size_t i = 0; i < 3; i++) {
			const unsigned int probes = (unsigned int)(HOUR_S * 1000 / intervals_ms[i]);
			struct world *w = world_new(seed(), false);

			world_send(w, starter, 100);
			world_run_s(w, 1);
			for (unsigned int n = 0; n < probes; n++)
				probe_once(w, intervals_ms[i] * US_PER_MS);
			assert_in_range(initiations(w), HOUR_S / 130, HOUR_S / 118);
			assert_int_equal(sessions(w), 2 * initiations(w));
			assert_int_equal(
				w->hosts[1].delivered + w->hosts[0].delivered, 2 * probes + 1);
			/* An initiator confirms a new session by an empty message, and the first.
			 */
			assert_in_range(
				datagrams(w), 2 * probes + 1, 2 * probes + 2 + initiations(w));
			world_free(w);
		}
	}
}

/* No session, no probe: nothing is kept for later, and no handshake is begun by it. */
static void probe_without_a_session_does_nothing(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_false(world_probe(w, 0, 36));
		world_run_s(w, 1);
	}
	assert_int_equal(initiations(w) + datagrams(w), 0);
	assert_int_equal(w->hosts[0].peer->stage.count, 0);
	world_free(w);
}

/* A wire that is cut: probes are data that is not answered, and begin handshakes as the paper has.
 */
static void unanswered_probes_begin_handshakes_as_data_does(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	w->wire.cut = true;
	for (int i = 0; i < 14 * 5; i++)
		probe_once(w, 200000);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], 1);
	for (int i = 0; i < 46 * 5; i++)
		probe_once(w, 200000);
	assert_in_range(w->hosts[0].sent[MESSAGE_INITIATION], 8, 11);
	w->wire.cut = false;
	for (int i = 0; i < 6 * 5; i++)
		probe_once(w, 200000);
	assert_int_equal(w->hosts[0].events[EVENT_SESSION], 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_renew_keys_in_time_and_cost_no_keepalives),
		cmocka_unit_test(probe_without_a_session_does_nothing),
		cmocka_unit_test(unanswered_probes_begin_handshakes_as_data_does),
		cmocka_unit_test(a_week_of_one_question_a_day_is_seven_handshakes),
		cmocka_unit_test(a_busy_day_renews_every_two_minutes_and_loses_nothing),
		cmocka_unit_test(traffic_in_one_direction_costs_one_keepalive_in_ten_seconds),
		cmocka_unit_test(both_sides_renewing_at_once_for_hours_lose_nothing),
		cmocka_unit_test(host_that_restarts_every_five_minutes_is_found_again_each_time),
		cmocka_unit_test(wall_clock_that_jumps_a_year_and_back_changes_nothing),
		cmocka_unit_test(hours_of_30_percent_loss_and_reorder_cost_what_is_lost),
		cmocka_unit_test(silence_on_a_wire_that_loses_is_silence),
		cmocka_unit_test(retries_are_jittered_evenly),
		cmocka_unit_test(
			what_waits_for_a_handshake_that_never_comes_is_dropped_and_counted),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
