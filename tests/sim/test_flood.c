/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floods of handshake messages: what they cost, and whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/sim/world.h"
#include "vpnd/proto/cookie.h"
#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"
#include "vpnd/proto/ratelimit.h"

static uint64_t seed(void)
{
	const char *given = getenv("SEED");

	return given ? strtoull(given, NULL, 10) : randombytes_random();
}

static uint64_t verdicts(struct world *w, int host, enum packet_verdict verdict)
{
	return device_verdict_counts(w->hosts[host].device)[verdict];
}

/* Who floods: anyone that knows the victim's public key. */
struct flooder {
	struct cookie_maker maker;
	struct endpoint from;
	struct message_initiation newest;
};

static struct flooder flooder_at(struct world *w, int victim, uint8_t number)
{
	struct flooder f = {
		.from = {.addr = {.family = ADDR_V4, .bytes = {198, 51, 100, number}}, .port = 9},
	};

	cookie_maker_init(&f.maker, w->hosts[victim].public_key);
	return f;
}

/* An initiation that costs the victim as much as any, for its mac1 is right. */
static enum packet_verdict flood(struct world *w, int victim, struct flooder *f)
{
	struct packet packet = {
		.data = (uint8_t *)&f->newest,
		.len = sizeof(f->newest),
		.path = {.remote = f->from},
	};

	for (size_t i = 0; i < sizeof(f->newest); i++)
		packet.data[i] = (uint8_t)world_random(w, 256);
	f->newest.type = le32_of(MESSAGE_INITIATION);
	cookie_add_macs(&f->maker, &f->newest, sizeof(f->newest), w->now);
	device_open_batch(w->hosts[victim].device, &packet, 1, w->now);
	return packet.verdict;
}

static struct world *connected(void)
{
	struct world *w = world_new(seed(), false);

	world_send(w, 0, 100);
	world_run_s(w, 6);
	assert_int_equal(w->hosts[1].delivered, 1);
	return w;
}

static void under_load_a_valid_mac1_earns_a_cookie_alone(void **state)
{
	struct world *w = connected();
	struct flooder f = flooder_at(w, 1, 1);
	unsigned int before = w->hosts[1].sent[MESSAGE_COOKIE];
	uint64_t computed;

	(void)state;
	/* As many as there may be cost a computation each; from then on there is none. */
	for (int i = 0; i < GUARD_MESSAGES; i++)
		assert_int_equal(flood(w, 1, &f), PACKET_BAD_HANDSHAKE);
	computed = verdicts(w, 1, PACKET_BAD_HANDSHAKE);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(flood(w, 1, &f), PACKET_NO_COOKIE);
		w->now = mono_add_us(w->now, 100);
	}
	assert_int_equal(verdicts(w, 1, PACKET_BAD_HANDSHAKE), computed);
	assert_int_equal(w->hosts[1].sent[MESSAGE_COOKIE], before + 100000);
	assert_int_equal(verdicts(w, 1, PACKET_NO_COOKIE), 100000);
	world_free(w);
}

static void load_is_over_a_second_after_the_flood(void **state)
{
	struct world *w = connected();
	struct flooder f = flooder_at(w, 1, 1);

	(void)state;
	for (int i = 0; i <= GUARD_MESSAGES; i++)
		flood(w, 1, &f);
	w->now = mono_add_ms(w->now, 1000 * GUARD_LASTS_S - 1);
	assert_int_equal(flood(w, 1, &f), PACKET_NO_COOKIE);
	w->now = mono_add_ms(w->now, 1);
	assert_int_equal(flood(w, 1, &f), PACKET_BAD_HANDSHAKE);
	world_free(w);
}

static void many_handshakes_that_are_spread_are_no_load(void **state)
{
	struct world *w = connected();
	struct flooder f = flooder_at(w, 1, 1);

	(void)state;
	for (int i = 0; i < 100 * GUARD_MESSAGES; i++) {
		assert_int_equal(flood(w, 1, &f), PACKET_BAD_HANDSHAKE);
		w->now = mono_add_us(w->now, GUARD_WINDOW_MS * US_PER_MS / GUARD_MESSAGES + 1);
	}
	world_free(w);
}

static void established_traffic_goes_on_under_a_flood(void **state)
{
	struct world *w = connected();
	struct flooder f = flooder_at(w, 1, 1);
	unsigned int before[2] = {w->hosts[0].delivered, w->hosts[1].delivered};

	(void)state;
	/* Over a renewal, which has to pass the flood itself. */
	for (int i = 0; i < 150 * 100; i++) {
		for (int n = 0; n < 20; n++)
			flood(w, 1, &f);
		world_send(w, i & 1, 100);
		world_run_us(w, 10000);
	}
	world_run_s(w, 1);
	assert_int_equal(
		w->hosts[0].delivered + w->hosts[1].delivered - before[0] - before[1], 150 * 100);
	world_free(w);
}

/* Load from elsewhere all the time, whatever else happens. */
static void press(struct world *w, int victim, uint64_t span_us)
{
	struct flooder other = flooder_at(w, victim, 200);

	for (uint64_t t = 0; t < span_us; t += 500) {
		flood(w, victim, &other);
		world_run_us(w, 500);
	}
}

static void peer_that_proves_its_address_comes_through(void **state)
{
	struct world *w = world_new(seed(), false);

	(void)state;
	press(w, 1, US_PER_S);
	world_send(w, 0, 100);
	press(w, 1, 7 * US_PER_S);
	assert_int_equal(w->hosts[0].sent[MESSAGE_INITIATION], 2);
	assert_int_equal(w->hosts[1].delivered, 1);
	assert_int_equal(verdicts(w, 0, PACKET_COOKIE), 1);
	world_free(w);
}

/* What a cookie reply would tell it. */
static void give_cookie(struct world *w, int victim, struct flooder *f)
{
	struct {
		uint8_t addr[16], port[2];
	} source = {.port = {(uint8_t)(f->from.port >> 8), (uint8_t)f->from.port}};

	memcpy(source.addr, f->from.addr.bytes, sizeof(source.addr));
	crypto_mac(f->maker.cookie, w->hosts[victim].device->checker.secret, KEY_LEN, &source,
		sizeof(source));
	f->maker.cookie_born = w->now;
}

/* How many of the initiations that each source sends in turn for 10 s are let through. */
static unsigned int let_through(struct world *w, struct flooder *sources, size_t count)
{
	struct flooder other = flooder_at(w, 1, 200);
	unsigned int passed = 0;

	for (int i = 0; i <= GUARD_MESSAGES; i++)
		flood(w, 1, &other);
	for (size_t i = 0; i < count; i++)
		give_cookie(w, 1, &sources[i]);
	for (int ms = 0; ms < 10000; ms++) {
		flood(w, 1, &other); /* so that there is load all the time */
		for (size_t i = 0; i < count; i++) {
			enum packet_verdict verdict = flood(w, 1, &sources[i]);

			assert_true(verdict == PACKET_FLOODED || verdict == PACKET_BAD_HANDSHAKE);
			passed += verdict == PACKET_BAD_HANDSHAKE;
		}
		w->now = mono_add_ms(w->now, 1);
	}
	return passed;
}

enum { OF_ONE_SOURCE = RATELIMIT_BURST + 10 * RATELIMIT_PER_S };

static void source_with_a_cookie_is_limited_and_no_other_by_it(void **state)
{
	struct world *w = connected();
	struct flooder one = flooder_at(w, 1, 1);
	struct flooder three[] = {flooder_at(w, 1, 2), flooder_at(w, 1, 3), flooder_at(w, 1, 4)};

	(void)state;
	assert_in_range(let_through(w, &one, 1), OF_ONE_SOURCE - 2, OF_ONE_SOURCE);
	assert_in_range(let_through(w, three, 3), 3 * (OF_ONE_SOURCE - 2), 3 * OF_ONE_SOURCE);
	world_free(w);
}

static void hosts_of_one_ipv6_network_are_one_source(void **state)
{
	struct world *w = connected();
	struct flooder near[2], far[2];

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		near[i] = far[i] = flooder_at(w, 1, 0);
		near[i].from.addr =
			(struct addr){.family = ADDR_V6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = i}};
		far[i].from.addr =
			(struct addr){.family = ADDR_V6, .bytes = {0x20, 1, 0xd, 0xb9, [7] = i}};
	}
	assert_in_range(let_through(w, near, 2), OF_ONE_SOURCE - 2, OF_ONE_SOURCE);
	assert_in_range(let_through(w, far, 2), 2 * (OF_ONE_SOURCE - 2), 2 * OF_ONE_SOURCE);
	world_free(w);
}

static void cookie_of_another_source_is_none(void **state)
{
	struct world *w = connected();
	struct flooder f = flooder_at(w, 1, 1);

	(void)state;
	for (int i = 0; i <= GUARD_MESSAGES; i++)
		flood(w, 1, &f);
	give_cookie(w, 1, &f);
	f.from.port++;
	assert_int_equal(flood(w, 1, &f), PACKET_NO_COOKIE);
	world_free(w);
}

static const struct device_upcalls *upcalls_of(const struct world_host *host)
{
	return host->device->upcalls;
}

static void load_on_one_device_is_load_on_all_that_share_the_guard(void **state)
{
	struct world *w = connected();
	struct world_host *host = &w->hosts[1];
	struct device *second = device_new(upcalls_of(host), host, host->guard), *first;
	struct flooder f = flooder_at(w, 1, 1);

	(void)state;
	assert_non_null(second);
	device_set_private_key(second, host->private_key, w->now);
	device_set_up(second, true, w->now);
	for (int i = 0; i <= GUARD_MESSAGES; i++)
		flood(w, 1, &f);
	first = host->device;
	host->device = second;
	assert_int_equal(flood(w, 1, &f), PACKET_NO_COOKIE);
	host->device = first;
	device_free(second);
	world_free(w);
}

static void replayed_flood_makes_no_handshake(void **state)
{
	struct world *w = connected();
	struct flooder f = flooder_at(w, 1, 1);
	unsigned int before = w->hosts[1].sent[MESSAGE_RESPONSE];
	struct message_initiation recorded;

	(void)state;
	/* Host 0's next initiation, which arrives, and then again and again. */
	peer_handshake(w->hosts[0].peer, w->now);
	for (size_t i = 0; i < WORLD_IN_FLIGHT; i++)
		if (w->flight[i].used)
			memcpy(&recorded, w->flight[i].bytes, sizeof(recorded));
	world_run_s(w, 2);
	assert_int_equal(w->hosts[1].sent[MESSAGE_RESPONSE], before + 1);
	for (int i = 0; i < 10000; i++) {
		struct message_initiation again = recorded;
		struct packet packet = {.data = (uint8_t *)&again,
			.len = sizeof(again),
			.path = {.remote = f.from}};

		device_open_batch(w->hosts[1].device, &packet, 1, w->now);
		assert_true(
			packet.verdict == PACKET_REPLAYED || packet.verdict == PACKET_NO_COOKIE);
	}
	assert_in_range(verdicts(w, 1, PACKET_REPLAYED), 1, GUARD_MESSAGES + 1);
	assert_int_equal(w->hosts[1].sent[MESSAGE_RESPONSE], before + 1);
	world_send(w, 0, 100);
	world_run_s(w, 1);
	assert_int_equal(w->hosts[1].delivered, 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(under_load_a_valid_mac1_earns_a_cookie_alone),
		cmocka_unit_test(load_is_over_a_second_after_the_flood),
		cmocka_unit_test(many_handshakes_that_are_spread_are_no_load),
		cmocka_unit_test(established_traffic_goes_on_under_a_flood),
		cmocka_unit_test(peer_that_proves_its_address_comes_through),
		cmocka_unit_test(source_with_a_cookie_is_limited_and_no_other_by_it),
		cmocka_unit_test(hosts_of_one_ipv6_network_are_one_source),
		cmocka_unit_test(cookie_of_another_source_is_none),
		cmocka_unit_test(load_on_one_device_is_load_on_all_that_share_the_guard),
		cmocka_unit_test(replayed_flood_makes_no_handshake),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
