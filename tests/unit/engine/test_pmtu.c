/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search for the path MTU on a simulated path, on a clock that only the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vpnd/engine/pmtu.h"

enum { TIMEOUT_US = 100000, RTT_US = 10000, INTERVAL_US = 1000000 };

struct path {
	mono_t now;
	uint64_t random;
	uint32_t limit; /* bytes of an inner packet that pass */
	uint32_t local; /* bytes that the kernel takes */
	unsigned int loss_ppm;
	bool black;      /* nothing passes, small ones neither */
	mono_t answered; /* newest small probe that was */
	uint32_t flying; /* size of the large one whose reply will come; 0: none */
	mono_t arrives;
	unsigned int sent, lost, changes;
	uint32_t smallest, value; /* ever found; found last */
	struct pmtu pmtu;
};

static void begin(struct path *p, uint32_t ceiling, uint32_t limit)
{
	*p = (struct path){.now = {1000 * US_PER_S},
		.limit = limit,
		.local = UINT16_MAX,
		.smallest = UINT32_MAX,
		.random = 88172645463325252ULL};
	pmtu_init(&p->pmtu, ceiling, 0, INTERVAL_US, p->now);
}

static bool passes(struct path *p, uint32_t size)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return !p->black && size <= p->limit && p->random % 1000000 >= p->loss_ppm;
}

static void send_one(struct path *p, uint32_t size)
{
	if (size > p->local) {
		pmtu_refused(&p->pmtu, p->now);
		return;
	}
	pmtu_sent(&p->pmtu, p->now);
	p->sent++;
	p->flying = passes(p, size) ? size : 0;
	p->lost += !p->flying;
	p->arrives = mono_add_us(p->now, RTT_US);
	if (passes(p, 44))
		p->answered = p->now;
}

static void run_ms(struct path *p, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i++) {
		uint32_t size;

		p->now = mono_add_ms(p->now, 1);
		if (p->flying && !mono_before(p->now, p->arrives)) {
			size = p->flying;
			p->flying = 0;
			pmtu_answered(&p->pmtu, size, p->now);
		}
		if (!mono_before(p->now, pmtu_deadline(&p->pmtu, TIMEOUT_US))) {
			pmtu_look(&p->pmtu, TIMEOUT_US, p->answered, p->now);
			size = pmtu_due(&p->pmtu, p->now);
			if (size)
				send_one(p, size);
		}
		p->changes += p->pmtu.value != p->value;
		p->value = p->pmtu.value;
		if (p->value && p->value < p->smallest)
			p->smallest = p->value;
	}
}

/* The largest size that is tried and passes. */
static uint32_t best(uint32_t ceiling, uint32_t limit)
{
	return limit >= ceiling ? ceiling : limit / PMTU_STEP * PMTU_STEP;
}

static void good_path_takes_one_probe(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1440);
	run_ms(&p, 50);
	assert_int_equal(p.value, 1420);
	assert_int_equal(p.sent, 1);
	run_ms(&p, 3600 * 1000);
	assert_int_equal(p.changes, 1);
	assert_in_range(p.sent, 600, 722); /* one for PMTU_CONFIRM intervals */
}

static void every_limit_is_found_and_relief_comes_before_the_end(void **state)
{
	static const uint32_t ceilings[] = {576, 1280, 1420, 1500, 8920, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(*ceilings); i++) {
		for (uint32_t limit = PMTU_FLOOR; limit < ceilings[i] + 40; limit += 61) {
			struct path p;

			begin(&p, ceilings[i], limit);
			run_ms(&p, 15000);
			assert_false(p.pmtu.searching);
			assert_int_equal(p.value, best(ceilings[i], limit));
		}
	}
}

static void what_the_kernel_refuses_costs_no_time(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1340);
	p.local = 1340;
	run_ms(&p, 150);
	assert_int_equal(p.value, 1328);
}

static void black_hole_is_noticed_and_mended(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1440);
	run_ms(&p, 60000);
	p.limit = 1340;
	run_ms(&p, 5000 + PMTU_TRIES * 100 + 200);
	assert_in_range(p.value, PMTU_FLOOR, 1340);
	run_ms(&p, 5000);
	assert_int_equal(p.value, 1328);
}

/* What an engine before this one has found is not given up while it is found again. */
static void known_value_stands_until_it_is_found_wrong(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1340);
	pmtu_init(&p.pmtu, 1420, 1328, INTERVAL_US, p.now);
	run_ms(&p, 20000);
	assert_int_equal(p.changes, 1);
	assert_int_equal(p.value, 1328);
	begin(&p, 1420, 1000);
	pmtu_init(&p.pmtu, 1420, 1328, INTERVAL_US, p.now);
	run_ms(&p, 20000);
	assert_int_equal(p.value, 992);
	begin(&p, 1280, 9000);
	pmtu_init(&p.pmtu, 1280, 1328, INTERVAL_US, p.now);
	assert_int_equal(p.pmtu.value, 1280);
}

static void path_that_grows_is_noticed(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1340);
	run_ms(&p, 10000);
	assert_int_equal(p.value, 1328);
	p.limit = 1440;
	run_ms(&p, (PMTU_RAISE_S + 1) * 1000);
	assert_int_equal(p.value, 1420);
	assert_int_equal(p.smallest, 992);
}

/* A path that stays as it is does not move the value, and is asked ever more rarely. */
static void search_in_vain_changes_nothing(void **state)
{
	struct path p;
	unsigned int sent;

	(void)state;
	begin(&p, 1420, 1340);
	run_ms(&p, 10000);
	p.changes = p.lost = 0;
	sent = p.sent;
	run_ms(&p, 3600 * 1000);
	assert_int_equal(p.changes, 0);
	assert_in_range(p.lost, PMTU_TRIES, 10 * 6 * PMTU_TRIES);
	assert_in_range(p.sent - sent, 600, 1100);
}

static void black_way_teaches_nothing(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1440);
	run_ms(&p, 10000);
	p.black = true;
	run_ms(&p, 60000);
	assert_int_equal(p.value, 1420);
	p.black = false;
	run_ms(&p, 10000);
	assert_int_equal(p.changes, 1);
}

static void random_loss_does_not_shrink_it(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1440);
	p.loss_ppm = 97500;
	run_ms(&p, 3600 * 1000);
	assert_int_equal(p.changes, 1);
	assert_int_equal(p.value, 1420);
}

/* The far side answers small echoes alone: then nothing is known, and the configured MTU stands. */
static void unanswered_large_echoes_are_no_measurement(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 100);
	run_ms(&p, 60000);
	assert_int_equal(p.value, 0);
	assert_false(p.pmtu.searching);
	p.limit = 1440;
	run_ms(&p, (PMTU_RAISE_S + 1) * 1000);
	assert_int_equal(p.value, 1420);
}

static void another_ceiling_is_searched_anew_and_never_exceeded(void **state)
{
	struct path p;

	(void)state;
	begin(&p, 1420, 1440);
	run_ms(&p, 1000);
	pmtu_restart(&p.pmtu, 1280, p.now);
	assert_int_equal(p.pmtu.value, 1280);
	run_ms(&p, 1000);
	assert_int_equal(p.value, 1280);
	pmtu_restart(&p.pmtu, 1440, p.now);
	assert_int_equal(p.pmtu.value, 1280);
	run_ms(&p, 1000);
	assert_int_equal(p.value, 1440);
	pmtu_answered(&p.pmtu, 1500, p.now);
	assert_int_equal(p.pmtu.value, 1440);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_path_takes_one_probe),
		cmocka_unit_test(every_limit_is_found_and_relief_comes_before_the_end),
		cmocka_unit_test(what_the_kernel_refuses_costs_no_time),
		cmocka_unit_test(black_hole_is_noticed_and_mended),
		cmocka_unit_test(known_value_stands_until_it_is_found_wrong),
		cmocka_unit_test(path_that_grows_is_noticed),
		cmocka_unit_test(search_in_vain_changes_nothing),
		cmocka_unit_test(black_way_teaches_nothing),
		cmocka_unit_test(random_loss_does_not_shrink_it),
		cmocka_unit_test(unanswered_large_echoes_are_no_measurement),
		cmocka_unit_test(another_ceiling_is_searched_anew_and_never_exceeded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
