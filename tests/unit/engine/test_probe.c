/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes over a simulated way, on a clock that only the test moves; random tests print their seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "vpnd/engine/probe.h"

enum { IN_FLIGHT = 4096 };

/* The way to a peer and back, with its prober. */
struct way {
	mono_t now;
	uint64_t random;
	unsigned int loss_ppm; /* in each direction */
	uint64_t rtt_us;
	uint64_t data_every_us;    /* data of the peer's own; 0: none */
	bool black, deaf;          /* nothing passes; nothing passes from us to the peer */
	mono_t arrives[IN_FLIGHT]; /* replies by sequence, MONO_UNSET: none */
	unsigned int changes, sent;
	struct probe probe;
};

static uint64_t draw(struct way *w, uint64_t n)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random % n;
}

static void begin(struct way *w, unsigned int interval_ms, uint64_t rtt_us)
{
	*w = (struct way){
		.now = {1000 * US_PER_S}, .rtt_us = rtt_us, .random = 88172645463325252ULL};
	probe_init(&w->probe, interval_ms * US_PER_MS, w->now);
}

static bool passes(struct way *w)
{
	return !w->black && !w->deaf && draw(w, 1000000) >= w->loss_ppm &&
	       draw(w, 1000000) >= w->loss_ppm;
}

/* Replies that have arrived. */
static void deliver(struct way *w)
{
	for (uint16_t back = 1; back <= PROBE_FLYING; back++) {
		uint16_t sequence = (uint16_t)(w->probe.sequence - back);
		mono_t *at = &w->arrives[sequence % IN_FLIGHT];

		if (!mono_is_set(*at) || mono_before(w->now, *at))
			continue;
		*at = MONO_UNSET;
		if (!w->black)
			assert_true(probe_answered(&w->probe, sequence, w->now));
	}
}

static mono_t next_arrival(const struct way *w)
{
	mono_t next = MONO_NEVER;

	for (uint16_t back = 1; back <= PROBE_FLYING; back++) {
		mono_t at = w->arrives[(uint16_t)(w->probe.sequence - back) % IN_FLIGHT];

		if (mono_is_set(at))
			next = mono_min(next, at);
	}
	return next;
}

static void send_one(struct way *w)
{
	w->arrives[w->probe.sequence % IN_FLIGHT] =
		passes(w) ? mono_add_us(w->now, w->rtt_us) : MONO_UNSET;
	probe_sent(&w->probe, w->now);
	w->sent++;
}

/* Go on to the next thing that happens, but not past `end`. */
static void step(struct way *w, mono_t end)
{
	const uint64_t every = w->data_every_us;
	mono_t data = every ? (mono_t){(w->now.us / every + 1) * every} : MONO_NEVER;
	mono_t at = mono_min(mono_min(probe_deadline(&w->probe), next_arrival(w)), data);

	if (mono_before(w->now, at))
		w->now = mono_min(at, end);
	deliver(w);
	if (w->now.us == data.us && !w->black)
		probe_heard(&w->probe, w->now);
	w->changes += probe_look(&w->probe, w->now);
	if (probe_is_due(&w->probe, w->now))
		send_one(w);
}

static void run_us(struct way *w, uint64_t span_us)
{
	mono_t end = mono_add_us(w->now, span_us);

	while (mono_before(w->now, end))
		step(w, end);
}

/* Microseconds until the verdict is that, 60 s at most. */
static uint64_t until(struct way *w, enum probe_verdict verdict)
{
	mono_t since = w->now;

	while (w->probe.verdict != verdict && mono_elapsed_us(since, w->now) < 60 * US_PER_S)
		step(w, MONO_NEVER);
	assert_int_equal(w->probe.verdict, verdict);
	return mono_elapsed_us(since, w->now);
}

static void first_reply_is_enough(void **state)
{
	struct way w;

	(void)state;
	begin(&w, 1000, 30000);
	assert_true(until(&w, PROBE_WORKS) < 1100000);
}

/* Whenever in an interval it happens; half of what remains to the promise is for the routes. */
static void black_way_is_noticed_in_time(void **state)
{
	static const struct {
		unsigned int interval_ms;
		uint64_t rtt_us, promise_us;
	} cases[] = {
		{100, 1000, 500000},
		{200, 1000, 700000},
		{200, 20000, 750000},
		{200, 100000, 900000},
		{1000, 1000, 3000000},
		{1000, 200000, 3500000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (unsigned int phase = 0; phase < 20; phase++) {
			const uint64_t interval_us = cases[i].interval_ms * US_PER_MS;
			struct way w;

			begin(&w, cases[i].interval_ms, cases[i].rtt_us);
			run_us(&w, 60 * interval_us + phase * interval_us / 20);
			assert_int_equal(w.probe.verdict, PROBE_WORKS);
			w.black = true;
			assert_true(until(&w, PROBE_BLACK) < cases[i].promise_us);
		}
	}
}

static void nothing_flaps_at_five_percent_loss(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct probe_stats stats;
		struct way w;

		print_message("seed %llu\n", (unsigned long long)seed);
		begin(&w, seed % 2 ? 200 : 1000, 20000);
		w.random ^= seed << 32;
		w.loss_ppm = 50000;
		run_us(&w, 3600 * US_PER_S);
		assert_int_equal(w.changes, 1);
		assert_int_equal(w.probe.verdict, PROBE_WORKS);
		/* What is lost is made up for by a few probes more, not by a flood of them. */
		assert_in_range(w.sent, 3600 * (seed % 2 ? 5 : 1), 3600 * (seed % 2 ? 7 : 2));
		probe_stats(&w.probe, &stats, w.now);
		assert_in_range(stats.window_lost * 100 / stats.windowed, 2, 25);
	}
}

static void way_is_good_again_after_some_replies_in_a_row(void **state)
{
	struct way w;

	(void)state;
	begin(&w, 200, 1000);
	run_us(&w, (PROBE_STEADY_S + 1) * US_PER_S);
	w.black = true;
	until(&w, PROBE_BLACK);
	run_us(&w, 5 * US_PER_S);
	w.black = false;
	assert_in_range(until(&w, PROBE_WORKS), 400000, 650000);
}

static void way_that_comes_and_goes_is_trusted_later_each_time(void **state)
{
	uint64_t last = 0;
	struct way w;

	(void)state;
	begin(&w, 200, 1000);
	until(&w, PROBE_WORKS);
	for (int i = 0; i < 5; i++) {
		uint64_t took;

		w.black = true;
		until(&w, PROBE_BLACK);
		w.black = false;
		took = until(&w, PROBE_WORKS);
		assert_true(took + 250000 >= last);
		assert_true(took <= (PROBE_GOOD_MAX + 1) * 200000);
		last = took;
	}
	assert_int_equal(w.probe.good_needed, PROBE_GOOD_MAX);
	run_us(&w, (PROBE_STEADY_S + 1) * US_PER_S);
	w.black = true;
	until(&w, PROBE_BLACK);
	assert_int_equal(w.probe.good_needed, PROBE_GOOD);
}

static void data_of_the_peer_keeps_the_way_but_not_for_ever(void **state)
{
	struct way w;

	(void)state;
	begin(&w, 200, 1000);
	run_us(&w, US_PER_S);
	w.deaf = true;
	w.data_every_us = 50000;
	run_us(&w, (PROBE_ONE_WAY_S - 1) * US_PER_S);
	assert_int_equal(w.probe.verdict, PROBE_WORKS);
	assert_true(until(&w, PROBE_ONE_WAY) < 2 * US_PER_S);
	w.deaf = false;
	assert_true(until(&w, PROBE_WORKS) < 2 * US_PER_S);
}

/* A route that is longer all at once: replies are late, not lost, and the time-out learns. */
static void late_replies_are_no_loss(void **state)
{
	struct probe_stats stats;
	struct way w;

	(void)state;
	begin(&w, 200, 5000);
	run_us(&w, 10 * US_PER_S);
	w.rtt_us = 400000;
	run_us(&w, 10 * US_PER_S);
	assert_int_equal(w.changes, 1);
	probe_stats(&w.probe, &stats, w.now);
	assert_int_equal(stats.window_lost, 0);
	assert_int_equal(stats.rtt_min_us / 1000, 5);
	assert_int_equal(stats.rtt_max_us / 1000, 400);
	assert_in_range(stats.rtt_us, 380000, 400500);
	assert_true(probe_timeout_us(&w.probe) > 400000);
}

static void reply_counts_once_and_only_if_it_is_waited_for(void **state)
{
	struct probe p;
	mono_t now = {US_PER_S};
	uint16_t sequence;

	(void)state;
	probe_init(&p, 200 * US_PER_MS, now);
	assert_true(probe_is_due(&p, now));
	assert_false(probe_answered(&p, 0, now));
	sequence = probe_sent(&p, now);
	assert_false(probe_is_due(&p, now));
	assert_false(probe_answered(&p, (uint16_t)(sequence + 1), now));
	assert_false(probe_answered(&p, (uint16_t)(sequence + PROBE_FLYING), now));
	assert_true(probe_answered(&p, sequence, now));
	assert_false(probe_answered(&p, sequence, now));
	for (int i = 0; i < PROBE_FLYING; i++)
		probe_sent(&p, now);
	assert_false(probe_answered(&p, sequence, now));
}

static void stats_are_of_their_windows(void **state)
{
	struct probe_stats stats;
	struct way w;

	(void)state;
	begin(&w, 200, 10000);
	run_us(&w, 30 * US_PER_S);
	probe_stats(&w.probe, &stats, w.now);
	assert_true(stats.measured);
	assert_int_equal(stats.recent, PROBE_RECENT);
	assert_int_equal(stats.recent_lost + stats.window_lost, 0);
	assert_in_range(stats.rtt_us, 10000, 10600);
	assert_true(stats.jitter_us < 1000);
	w.black = true;
	run_us(&w, 10 * US_PER_S);
	probe_stats(&w.probe, &stats, w.now);
	assert_int_equal(stats.recent_lost, PROBE_RECENT);
	assert_in_range(stats.window_lost * 100 / stats.windowed, 23, 30);
	assert_true(stats.unanswered >= 40);
	w.black = false;
	run_us(&w, (PROBE_WINDOW_S + 1) * US_PER_S);
	probe_stats(&w.probe, &stats, w.now);
	assert_int_equal(stats.window_lost + stats.recent_lost + stats.unanswered, 0);
}

/* While the process stood still replies came in: one probe more, not a way that is black. */
static void pause_of_ours_is_not_taken_for_a_black_way(void **state)
{
	struct way w;

	(void)state;
	begin(&w, 200, 1000);
	run_us(&w, 10 * US_PER_S);
	w.now = mono_add_s(w.now, 30);
	run_us(&w, 10 * US_PER_S);
	assert_int_equal(w.changes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_reply_is_enough),
		cmocka_unit_test(black_way_is_noticed_in_time),
		cmocka_unit_test(nothing_flaps_at_five_percent_loss),
		cmocka_unit_test(way_is_good_again_after_some_replies_in_a_row),
		cmocka_unit_test(way_that_comes_and_goes_is_trusted_later_each_time),
		cmocka_unit_test(data_of_the_peer_keeps_the_way_but_not_for_ever),
		cmocka_unit_test(late_replies_are_no_loss),
		cmocka_unit_test(reply_counts_once_and_only_if_it_is_waited_for),
		cmocka_unit_test(stats_are_of_their_windows),
		cmocka_unit_test(pause_of_ours_is_not_taken_for_a_black_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
