/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams that come back as packets to send: ours are found, others pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/sim/world.h"

enum { V4 = 20, UDP = 8 };

static uint64_t seed(void)
{
	const char *given = getenv("SEED");

	return given ? strtoull(given, NULL, 10) : randombytes_random();
}

/* The datagram that is under way to `to`; there must be one. */
static const struct world_datagram *under_way(const struct world *w, int to)
{
	for (size_t i = 0; i < WORLD_IN_FLIGHT; i++)
		if (w->flight[i].used && w->flight[i].to == to)
			return &w->flight[i];
	fail();
	return NULL;
}

/* What becomes of `d` when the host's routes lead it into the tunnel. `at` changes one byte. */
static enum packet_verdict route_into(
	struct world *w, int host, const struct world_datagram *d, size_t at)
{
	uint8_t room[PACKET_HEADROOM + V4 + UDP + WORLD_DATAGRAM + PACKET_TAILROOM] = {0};
	struct packet packet = {.data = room + PACKET_HEADROOM, .len = V4 + UDP + d->len};
	const struct endpoint *to = &w->hosts[!host].endpoint;
	uint8_t *ip = packet.data;

	ip[0] = 0x45;
	ip[2] = (uint8_t)(packet.len >> 8);
	ip[3] = (uint8_t)packet.len;
	ip[9] = 17;
	memcpy(ip + 12, w->hosts[host].endpoint.addr.bytes, 4);
	memcpy(ip + 16, to->addr.bytes, 4);
	ip[V4 + 2] = (uint8_t)(to->port >> 8);
	ip[V4 + 3] = (uint8_t)to->port;
	memcpy(ip + V4 + UDP, d->bytes, d->len);
	ip[at] ^= at ? 1 : 0;
	device_seal_batch(w->hosts[host].device, &packet, 1, WORLD_MTU, w->now);
	return packet.verdict;
}

/* A world whose tunnel leads everywhere. */
static struct world *begin(void)
{
	struct world *w = world_new(seed(), false);
	const struct prefix everywhere = {.addr = {.family = ADDR_V4}};

	for (int i = 0; i < 2; i++)
		assert_int_equal(peer_allow(w->hosts[i].peer, &everywhere), 0);
	return w;
}

static void handshake_that_comes_back_is_dropped_and_told(void **state)
{
	struct world *w = begin();

	(void)state;
	world_send(w, 0, 100);
	assert_int_equal(under_way(w, 1)->bytes[0], MESSAGE_INITIATION);
	assert_int_equal(route_into(w, 0, under_way(w, 1), 0), PACKET_LOOPED);
	assert_int_equal(w->hosts[0].events[EVENT_LOOPED], 1);
	world_run_us(w, 5500);
	assert_int_equal(under_way(w, 0)->bytes[0], MESSAGE_RESPONSE);
	assert_int_equal(route_into(w, 1, under_way(w, 0), 0), PACKET_LOOPED);
	world_free(w);
}

static void data_that_comes_back_is_dropped(void **state)
{
	struct world *w = begin();

	(void)state;
	world_send(w, 0, 100);
	world_run_s(w, 1);
	for (int host = 0; host < 2; host++) {
		world_send(w, host, 100);
		assert_int_equal(under_way(w, !host)->bytes[0], MESSAGE_DATA);
		assert_int_equal(route_into(w, host, under_way(w, !host), 0), PACKET_LOOPED);
		assert_int_equal(w->hosts[host].events[EVENT_LOOPED], 1);
		world_run_s(w, 1);
	}
	world_free(w);
}

static void wireguard_of_others_to_the_same_endpoint_passes(void **state)
{
	static const size_t OTHER[] = {17, V4 + 2, V4 + UDP, V4 + UDP + 4};
	struct world *w = begin(), *stranger = begin();

	(void)state;
	world_send(w, 0, 100);
	world_send(stranger, 0, 100);
	assert_int_equal(route_into(w, 0, under_way(stranger, 1), 0), PACKET_STAGED);
	world_run_s(w, 1);
	world_run_s(stranger, 1);
	world_send(w, 0, 100);
	world_send(stranger, 0, 100);
	assert_int_equal(route_into(w, 0, under_way(stranger, 1), 0), PACKET_FORWARD);
	/* Another address, port, type or index. */
	for (size_t i = 0; i < sizeof(OTHER) / sizeof(OTHER[0]); i++)
		assert_int_equal(route_into(w, 0, under_way(w, 1), OTHER[i]), PACKET_FORWARD);
	assert_int_equal(w->hosts[0].events[EVENT_LOOPED], 0);
	world_free(w);
	world_free(stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_that_comes_back_is_dropped_and_told),
		cmocka_unit_test(data_that_comes_back_is_dropped),
		cmocka_unit_test(wireguard_of_others_to_the_same_endpoint_passes),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
