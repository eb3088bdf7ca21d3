/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is configured changes while the device runs, and messages are lost at the worst moment. */
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

static void same_private_key_again_costs_no_session(void **state)
{
	struct world *w = world_new(seed(), false);
	uint8_t unclamped[KEY_LEN];

	(void)state;
	/* As a key file may have it: the bits that clamping decides are set the other way. */
	memcpy(unclamped, w->hosts[0].private_key, KEY_LEN);
	unclamped[0] |= 7;
	unclamped[31] ^= 0xc0;
	device_set_private_key(w->hosts[0].device, unclamped, w->now);
	world_send(w, 0, 100);
	world_run_s(w, 10);
	assert_true(info_of(w, 0).has_session);
	device_set_private_key(w->hosts[0].device, unclamped, w->now);
	assert_true(info_of(w, 0).has_session);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], 1);
	world_free(w);
}

static void keepalive_set_before_the_endpoint_begins_once_there_is_one(void **state)
{
	struct world *w = world_new(seed(), false);
	struct endpoint none = {0};

	(void)state;
	peer_set_endpoint(w->hosts[0].peer, &none);
	peer_set_persistent_keepalive(w->hosts[0].peer, 25, w->now);
	world_run_s(w, 10);
	peer_set_endpoint(w->hosts[0].peer, &w->hosts[1].endpoint);
	world_run_s(w, 26);
	assert_true(info_of(w, 0).has_session);
	world_free(w);
}

static void keepalive_works_after_up_without_an_endpoint(void **state)
{
	struct world *w = world_new(seed(), false);
	struct endpoint none = {0};

	(void)state;
	peer_set_endpoint(w->hosts[0].peer, &none);
	device_set_up(w->hosts[0].device, false, w->now);
	peer_set_persistent_keepalive(w->hosts[0].peer, 25, w->now);
	device_set_up(w->hosts[0].device, true, w->now);
	peer_set_endpoint(w->hosts[0].peer, &w->hosts[1].endpoint);
	world_run_s(w, 26);
	assert_true(info_of(w, 0).has_session);
	world_free(w);
}

static void shorter_keepalive_counts_at_once(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	peer_set_persistent_keepalive(w->hosts[0].peer, 65535, w->now);
	world_run_s(w, 60);
	peer_set_persistent_keepalive(w->hosts[0].peer, 10, w->now);
	world_run_s(w, 60);
	assert_true(mono_elapsed_us(info_of(w, 1).last_received, w->now) <= 11 * US_PER_S);
	world_free(w);
}

static void low_order_key_is_named_and_never_spoken_to(void **state)
{
	struct world *w = world_new(seed(), false);
	struct prefix inner = {.addr = {.family = ADDR_V4, .bytes = {10, 1, 0, 0}}, .len = 16};
	uint8_t one[KEY_LEN] = {1};
	struct peer_info info;
	struct peer *peer;

	(void)state;
	assert_int_equal(device_peer_add(w->hosts[0].device, one, &peer), 0);
	peer_set_endpoint(peer, &w->hosts[1].endpoint);
	assert_int_equal(peer_allow(peer, &inner), 0);
	peer_set_persistent_keepalive(peer, 1, w->now);
	world_send(w, 0, 100);
	world_run_s(w, 30);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], 0);
	peer_info(peer, &info, w->now);
	assert_true(info.low_order);
	assert_false(info_of(w, 0).low_order);
	world_free(w);
}

/* We answered the peer, so for REKEY_TIMEOUT_S we may not begin; then it dies. */
static void packet_is_sent_when_the_rate_limit_lets_it(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	peer_handshake(w->hosts[1].peer, w->now);
	world_run_us(w, 7000); /* our response is on its way */
	assert_int_equal(w->hosts[0].sent[MESSAGE_RESPONSE], 1);
	world_restart(w, 1);
	world_run_s(w, 1);
	world_send(w, 0, 100);
	world_run_s(w, 6);
	assert_int_equal(w->hosts[1].delivered, 1);
	world_free(w);
}

static void retry_that_the_rate_limit_forbids_is_made_later(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	w->wire.cut = true;
	world_send(w, 0, 100);
	world_run_s(w, 3);
	w->wire.cut = false;
	peer_handshake(w->hosts[1].peer, w->now);
	world_run_us(w, 7000);
	assert_int_equal(w->hosts[0].sent[MESSAGE_RESPONSE], 1);
	world_restart(w, 1);
	world_run_s(w, 12);
	assert_int_equal(w->hosts[1].delivered, 1);
	world_free(w);
}

static void what_waits_goes_once_there_is_a_key_again(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	w->wire.cut = true;
	world_send(w, 0, 100);
	device_set_private_key(w->hosts[0].device, NULL, w->now);
	world_run_s(w, 20);
	w->wire.cut = false;
	device_set_private_key(w->hosts[0].device, w->hosts[0].private_key, w->now);
	world_run_s(w, 6);
	assert_int_equal(w->hosts[1].delivered, 1);
	world_free(w);
}

static void what_waits_without_a_key_is_given_up(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	w->wire.cut = true;
	world_send(w, 0, 100);
	device_set_private_key(w->hosts[0].device, NULL, w->now);
	world_run_s(w, 110);
	assert_int_equal(info_of(w, 0).staged_dropped, 1);
	world_free(w);
}

static void session_of_the_old_key_completes_no_handshake(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	world_send(w, 0, 100);
	world_run_us(w, 11000); /* host 0 has the session, and host 1 is about to hear it */
	world_send(w, 1, 100);
	device_set_private_key(w->hosts[1].device, NULL, w->now);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 1);
	assert_int_equal(w->hosts[1].events[EVENT_SESSION], 0);
	world_run_s(w, 110);
	assert_int_equal(info_of(w, 1).staged_dropped, 1);
	world_free(w);
}

static void other_preshared_key_amid_a_handshake_costs_one_retry(void **state)
{
	struct world *w = world_new(seed(), true);
	uint8_t other[KEY_LEN] = {7};

	(void)state;
	world_send(w, 0, 100);
	world_run_us(w, 7000); /* the response, under the old key, is on its way */
	peer_set_preshared_key(w->hosts[0].peer, other);
	peer_set_preshared_key(w->hosts[1].peer, other);
	world_run_s(w, 1);
	assert_false(info_of(w, 0).has_session);
	world_run_s(w, 6);
	assert_int_equal(w->hosts[1].delivered, 1);
	world_free(w);
}

static void other_private_key_amid_a_handshake_voids_it(void **state)
{
	struct world *w = world_new(seed(), false);
	uint8_t key[KEY_LEN] = {3};

	(void)state;
	world_send(w, 0, 100);
	world_run_us(w, 7000);
	device_set_private_key(w->hosts[0].device, key, w->now);
	world_run_s(w, 1);
	assert_false(info_of(w, 0).has_session);
	device_set_private_key(w->hosts[0].device, w->hosts[0].private_key, w->now);
	world_run_s(w, 6);
	assert_int_equal(w->hosts[1].delivered, 1);
	world_free(w);
}

static void removed_peer_leaves_nothing_that_finds_it(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	peer_set_persistent_keepalive(w->hosts[1].peer, 1, w->now);
	world_run_s(w, 3);
	for (int i = 0; i < 200; i++) /* some are in flight, to its sessions and handshake */
		world_send(w, 0, 100);
	device_peer_remove(w->hosts[1].device, w->hosts[1].peer);
	assert_int_equal(device_deadline(w->hosts[1].device).us, MONO_NEVER.us);
	world_run_s(w, 1);
	world_send(w, 0, 100);
	world_run_s(w, 60);
	assert_int_equal(w->hosts[1].delivered, 1);
	assert_true(device_verdict_counts(w->hosts[1].device)[PACKET_BAD_INDEX] >= 200);
	assert_true(device_verdict_counts(w->hosts[1].device)[PACKET_UNKNOWN_PEER] > 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_private_key_again_costs_no_session),
		cmocka_unit_test(keepalive_set_before_the_endpoint_begins_once_there_is_one),
		cmocka_unit_test(keepalive_works_after_up_without_an_endpoint),
		cmocka_unit_test(shorter_keepalive_counts_at_once),
		cmocka_unit_test(low_order_key_is_named_and_never_spoken_to),
		cmocka_unit_test(packet_is_sent_when_the_rate_limit_lets_it),
		cmocka_unit_test(retry_that_the_rate_limit_forbids_is_made_later),
		cmocka_unit_test(what_waits_goes_once_there_is_a_key_again),
		cmocka_unit_test(what_waits_without_a_key_is_given_up),
		cmocka_unit_test(session_of_the_old_key_completes_no_handshake),
		cmocka_unit_test(other_preshared_key_amid_a_handshake_costs_one_retry),
		cmocka_unit_test(other_private_key_amid_a_handshake_voids_it),
		cmocka_unit_test(removed_peer_leaves_nothing_that_finds_it),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
