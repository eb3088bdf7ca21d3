/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who a peer is: what its timestamps say of its clock, and whether there are two of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/sim/world.h"

enum { LABELS_PER_S = 1000000000 / (1 << 24) };
#define LABELS_OF_A_YEAR (365ULL * 86400 * 1000000000 / (1 << 24))

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

static void clock_that_went_back_is_seen_by_the_peer(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	w->hosts[0].label = 3600 * LABELS_PER_S;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].events[EVENT_INITIATION], 1);
	assert_int_equal(info_of(w, 1).replays, 0);
	w->hosts[0].label = 0; /* and all that was known of it */
	world_restart(w, 0);
	world_send(w, 0, 100);
	world_run_s(w, 12);
	assert_int_equal(w->hosts[1].events[EVENT_INITIATION], 1);
	assert_in_range(info_of(w, 1).replays, 2, 3);
	assert_int_equal(w->hosts[1].events[EVENT_REPLAYED], info_of(w, 1).replays);
	assert_true(mono_elapsed_us(info_of(w, 1).replayed, w->now) < 6 * US_PER_S);
	/* Once the clock is right the next handshake is one that the count begins anew with. */
	w->hosts[0].label = 3600 * LABELS_PER_S + 1;
	world_run_s(w, 12);
	assert_int_equal(info_of(w, 1).replays, 0);
	assert_true(info_of(w, 0).has_session);
	world_free(w);
}

static void clock_that_is_ahead_is_seen_by_the_peer(void **state)
{
	struct world *w = world_new(seed(), false);
	int64_t before;

	(void)state;
	assert_int_equal(info_of(w, 1).label_s, 0);
	world_send(w, 0, 100);
	world_run_s(w, 1);
	before = info_of(w, 1).label_s;
	w->hosts[0].label += LABELS_OF_A_YEAR;
	world_restart(w, 0);
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_in_range(info_of(w, 1).label_s - before, 365 * 86400 - 1, 365 * 86400 + 1);
	assert_int_equal(w->hosts[1].delivered, 2);
	world_free(w);
}

/* Another host with host 0's key, and as right a clock: each change is a handshake of its own. */
static void become(struct world *w, uint16_t port)
{
	w->hosts[0].endpoint.port = port;
	world_restart(w, 0);
	world_send(w, 0, 100);
	world_run_s(w, 1);
}

static bool fight(struct world *w)
{
	return info_of(w, 1).rivals[0].addr.family != ADDR_NONE;
}

static void two_hosts_with_one_key_are_named(void **state)
{
	struct world *w = world_new(seed(), false);
	struct peer_info info;

	(void)state;
	/* There and there, and then four turns. */
	for (int i = 0; i < 6; i++) {
		assert_false(fight(w));
		become(w, i & 1 ? 1001 : 1000);
		world_run_s(w, 9);
	}
	assert_int_equal(w->hosts[1].events[EVENT_RIVALS], 1);
	info = info_of(w, 1);
	assert_int_equal(info.rivals[0].port, 1001);
	assert_int_equal(info.rivals[1].port, 1000);
	/* Peace is seen as well. */
	world_run_s(w, 90);
	assert_false(fight(w));
	world_free(w);
}

static void slow_turns_are_no_fight(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	for (int turn = 0; turn < 20; turn++) {
		become(w, turn & 1 ? 1001 : 1000);
		world_run_s(w, 39); /* four turns take 120 s */
	}
	assert_int_equal(w->hosts[1].events[EVENT_RIVALS], 0);
	world_free(w);
}

static void host_that_roams_is_no_rival_of_itself(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	/* Ever new places, by handshakes; then two places in turn, within one session. */
	for (uint16_t i = 0; i < 30; i++)
		become(w, (uint16_t)(1000 + i));
	for (uint16_t i = 0; i < 30; i++) {
		w->hosts[0].endpoint.port = 1000 + (i & 1);
		world_send(w, 0, 100);
		world_run_s(w, 1);
	}
	assert_int_equal(w->hosts[1].events[EVENT_RIVALS], 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_that_went_back_is_seen_by_the_peer),
		cmocka_unit_test(clock_that_is_ahead_is_seen_by_the_peer),
		cmocka_unit_test(two_hosts_with_one_key_are_named),
		cmocka_unit_test(slow_turns_are_no_fight),
		cmocka_unit_test(host_that_roams_is_no_rival_of_itself),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
