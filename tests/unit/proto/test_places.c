/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at an endpoint, against a look at every peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/unit/proto/dice.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/peer.h"

enum { ROUNDS = 20000, KEYS = 64, ENDPOINTS = 48 };

static void on_event(void *arg, struct peer *peer, enum device_event event)
{
	(void)arg, (void)peer, (void)event;
}

static void random_bytes(void *arg, void *out, size_t len)
{
	(void)arg;
	randombytes_buf(out, len);
}

static const struct device_upcalls upcalls = {.random = random_bytes, .event = on_event};

/* One of few, so that peers share them: both families, zones, and none. */
static struct endpoint endpoint(uint32_t i)
{
	struct endpoint e = {.addr = {.family = i % 3 ? ADDR_V4 : ADDR_V6,
				     .bytes = {i % 3 ? 10 : 0xfe, 0x80, [3] = (uint8_t)(i / 12)}},
		.port = (uint16_t)(51820 + i % 4)};

	if (i == 0)
		return (struct endpoint){0};
	if (e.addr.family == ADDR_V6)
		e.scope_id = i % 2;
	return e;
}

static bool somebody_is_at(const struct device *dev, const struct endpoint *at)
{
	struct peer *peer = NULL;
	struct peer_info info;

	while ((peer = device_peer_next(dev, peer))) {
		peer_info(peer, &info, MONO_UNSET);
		if (endpoint_equal(&info.path.remote, at))
			return true;
	}
	return false;
}

static void check_all(const struct device *dev)
{
	for (uint32_t i = 1; i < ENDPOINTS; i++) {
		struct endpoint at = endpoint(i);
		struct peer *found = device_peer_at(dev, &at);
		struct peer_info info;

		assert_true((found != NULL) == somebody_is_at(dev, &at));
		if (!found)
			continue;
		peer_info(found, &info, MONO_UNSET);
		assert_true(endpoint_equal(&info.path.remote, &at));
	}
}

static void peers_are_found_where_they_are(void **state)
{
	struct device *dev = device_new(&upcalls, NULL, NULL);
	struct dice dice = dice_new();
	uint8_t key[KEY_LEN] = {0};
	struct endpoint to;
	struct peer *peer;

	(void)state;
	assert_non_null(dev);
	for (int i = 0; i < ROUNDS; i++) {
		key[0] = (uint8_t)(2 + dice_below(&dice, KEYS));
		to = endpoint(dice_below(&dice, ENDPOINTS));
		peer = device_peer(dev, key);
		if (!peer)
			assert_int_equal(device_peer_add(dev, key, &peer), 0);
		if (dice_below(&dice, 4) == 0)
			device_peer_remove(dev, peer);
		else
			peer_set_endpoint(peer, &to);
		if (i % 100 == 0)
			check_all(dev);
	}
	device_free(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_are_found_where_they_are),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
