/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <netinet/udp.h>

#include "base/clock.h"
#include "tests/unit/engine/rig.h"
#include "vpnd/engine/status.h"
#include "vpnd/engine/watch.h"

static struct rig *watched(void)
{
	struct rig *rig = rig_new();

	assert_int_equal(watch_new(&rig->engine, &rig->engine.watch), 0);
	strcpy(rig->engine.host, "gw-a");
	rig->engine.monitor_pid = 41;
	rig->engine.start = (struct privsep_start){
		.started_us = clock_mono().us - 5 * US_PER_S,
		.engine_restarts = 2,
		.config_file = "/etc/gatehouse/vpnd.conf",
		.config_hash = "0123456789abcdef",
	};
	return rig;
}

static void unwatch(struct rig *rig)
{
	watch_free(rig->engine.watch);
	rig_free(rig);
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static json_int_t number(const json_t *object, const char *key)
{
	assert_true(json_is_integer(json_object_get(object, key)));
	return json_integer_value(json_object_get(object, key));
}

static json_t *look(struct rig *rig)
{
	json_t *status = status_json(&rig->engine, clock_mono(), (struct wall){1795342483, 0});

	assert_non_null(status);
	return status;
}

static void status_tells_all_that_the_contract_names(void **state)
{
	static const char *const of_tunnel[] = {"name", "state", "since", "since_s", "reason",
		"advice", "public_key", "listen_port", "fwmark", "mtu", "endpoint",
		"handshake_age_s", "rtt_ms", "loss", "pmtu", "rx_bytes", "tx_bytes", "rx_packets",
		"tx_packets", "drops", "offloads", "fallbacks", "peers"};
	static const char *const of_peer[] = {"name", "public_key", "state", "reason", "endpoint",
		"allowed_ips", "persistent_keepalive", "handshake_age_s", "handshake_attempts",
		"rx_bytes", "tx_bytes"};
	struct rig *rig = watched();
	json_t *status, *tunnel, *peer;

	(void)state;
	free(rig_ask(rig, "set=1\nprivate_key=" RIG_KEY_A "\npublic_key=" RIG_PEER_1
			  "\nendpoint=192.0.2.1:7\nallowed_ip=10.0.0.0/8\n\n"));
	tunnel_set_link(rig->tunnel, true, 1420);
	status = look(rig);
	assert_string_equal(text(status, "program"), "vpnd");
	assert_string_equal(text(status, "config_hash"), "0123456789abcdef");
	assert_int_equal(number(status, "started_s"), 5);
	assert_string_equal(text(status, "host"), "gw-a");
	assert_int_equal(number(status, "pid"), 41);
	assert_int_equal(number(json_object_get(status, "engine"), "restarts"), 2);
	tunnel = json_array_get(json_object_get(status, "tunnels"), 0);
	for (size_t i = 0; i < sizeof(of_tunnel) / sizeof(*of_tunnel); i++)
		assert_non_null(json_object_get(tunnel, of_tunnel[i]));
	assert_string_equal(text(tunnel, "name"), "city-a");
	assert_string_equal(text(tunnel, "state"), "degraded");
	assert_string_equal(text(tunnel, "since"), "2026-11-22T10:14:43Z");
	assert_string_equal(text(tunnel, "endpoint"), "192.0.2.1:7");
	assert_int_equal(number(tunnel, "pmtu"), 1420);
	assert_int_equal(json_object_size(json_object_get(tunnel, "drops")),
		PACKET_VERDICTS - PACKET_BAD_LENGTH + 3);
	peer = json_array_get(json_object_get(tunnel, "peers"), 0);
	for (size_t i = 0; i < sizeof(of_peer) / sizeof(*of_peer); i++)
		assert_non_null(json_object_get(peer, of_peer[i]));
	assert_true(json_is_null(json_object_get(peer, "handshake_age_s")));
	json_decref(status);
	unwatch(rig);
}

static bool in_use(const json_t *tunnel, const char *name)
{
	const json_t *list = json_object_get(tunnel, "offloads");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (!strcmp(json_string_value(json_array_get(list, i)), name))
			return true;
	return false;
}

/* What the kernel refused shows beside what is left, and what it lost by it. */
static void offloads_are_those_that_are_left(void **state)
{
	struct rig *rig = watched();
	struct lane *lane = &rig->tunnel->lane;
	json_t *status, *tunnel;

	(void)state;
	lane_set_udp(lane, ADDR_V4, socket(AF_INET, SOCK_DGRAM, 0), true);
	lane_set_tun(lane, socket(AF_INET, SOCK_DGRAM, 0), COALESCE_TCP4 | COALESCE_UDP6);
	assert_int_equal(setsockopt(lane->udp.v4.fd, IPPROTO_UDP, UDP_GRO, &(int){1}, 4), 0);
	lane->tun.fallbacks = 3;
	lane->tun.refused = 4;
	lane->udp_errors.fallbacks = 5;
	lane->udp_errors.dropped = 6;
	status = look(rig);
	tunnel = json_array_get(json_object_get(status, "tunnels"), 0);
	assert_int_equal(json_array_size(json_object_get(tunnel, "offloads")), 4);
	assert_true(in_use(tunnel, "tun_tcp4") && in_use(tunnel, "tun_udp6"));
	assert_true(in_use(tunnel, "udp4_segmentation") && in_use(tunnel, "udp4_coalescing"));
	assert_int_equal(number(json_object_get(tunnel, "fallbacks"), "tun"), 3);
	assert_int_equal(number(json_object_get(tunnel, "fallbacks"), "udp"), 5);
	assert_int_equal(number(json_object_get(tunnel, "drops"), "tun_refused"), 4);
	assert_int_equal(number(json_object_get(tunnel, "drops"), "udp_refused"), 6);
	json_decref(status);
	unwatch(rig);
}

static void a_huge_peer_is_counted_but_not_listed(void **state)
{
	struct rig *rig = watched();
	json_t *status, *peer;
	struct peer *made;
	uint8_t key[KEY_LEN] = {9};

	(void)state;
	assert_int_equal(tunnel_peer_get(rig->tunnel, key, &made), 0);
	for (uint32_t n = 0; n < 1000; n++) {
		struct prefix prefix = {{ADDR_V4, {10, 0, (uint8_t)(n >> 8), (uint8_t)n}}, 32};

		assert_int_equal(peer_allow(made, &prefix), 0);
	}
	status = look(rig);
	peer = json_array_get(json_object_get(status, "tunnels"), 0);
	peer = json_array_get(json_object_get(peer, "peers"), 0);
	assert_int_equal(number(peer, "allowed_ips_count"), 1000);
	assert_int_equal(json_array_size(json_object_get(peer, "allowed_ips")), STATUS_ALLOWED_IPS);
	json_decref(status);
	unwatch(rig);
}

static void a_route_is_reachable_by_a_tunnel_that_is_not_down(void **state)
{
	struct rig *rig = watched();
	struct privsep_route routes[] = {
		{.prefix = {{ADDR_V4, {10, 241}}, 16},
			.slot = 3,
			.backup_slot = PRIVSEP_TUNNELS,
			.installed = true},
		{.prefix = {{ADDR_V4, {140, 241}}, 16},
			.slot = 3,
			.backup_slot = 3,
			.installed = false},
	};
	json_t *status, *route;

	(void)state;
	rig->engine.routes.all = routes;
	rig->engine.routes.count = 2;
	status = look(rig); /* no peers: down */
	route = json_array_get(json_object_get(status, "routes"), 0);
	assert_string_equal(text(route, "prefix"), "10.241.0.0/16");
	assert_string_equal(text(route, "state"), "unreachable");
	json_decref(status);

	free(rig_ask(rig, "set=1\nprivate_key=" RIG_KEY_A "\npublic_key=" RIG_PEER_1
			  "\nendpoint=192.0.2.1:7\n\n"));
	tunnel_set_link(rig->tunnel, true, 1420);
	status = look(rig);
	route = json_array_get(json_object_get(status, "routes"), 0);
	assert_string_equal(text(route, "state"), "unreachable");
	assert_string_equal(text(route, "reason"), "no peer of its tunnel has it in allowed_ips");
	json_decref(status);

	free(rig_ask(rig, "set=1\npublic_key=" RIG_PEER_1 "\nallowed_ip=10.241.0.0/17\n"
			  "allowed_ip=10.241.128.0/17\n\n"));
	status = look(rig);
	route = json_array_get(json_object_get(status, "routes"), 0);
	assert_string_equal(text(route, "via"), "city-a");
	assert_true(json_is_null(json_object_get(route, "reason")));
	assert_true(json_is_null(json_object_get(route, "backup")));
	assert_true(json_is_null(json_object_get(route, "backup_state")));
	assert_string_equal(text(route, "state"), "reachable");
	assert_true(json_is_false(json_object_get(route, "answered")));
	route = json_array_get(json_object_get(status, "routes"), 1);
	assert_string_equal(text(route, "state"), "unreachable");
	assert_string_equal(text(route, "backup"), "city-a");
	assert_string_equal(text(route, "backup_state"), "up");
	json_decref(status);
	rig->engine.routes.count = 0;
	unwatch(rig);
}

static void the_monitor_hears_of_each_change_once(void **state)
{
	struct rig *rig = watched();
	union privsep_message msg;

	(void)state;
	free(rig_ask(rig, "set=1\nprivate_key=" RIG_KEY_A "\npublic_key=" RIG_PEER_1 "\n\n"));
	tunnel_set_link(rig->tunnel, true, 1420);
	watch_look(rig->engine.watch, clock_mono());
	assert_true(rig_was_told(rig, PRIVSEP_PEER_STATE, &msg));
	assert_false(msg.peer_state.up);
	assert_int_equal(msg.peer_state.slot, 3);
	assert_string_equal(msg.peer_state.reason, "no endpoint; waiting for the peer to call");
	watch_look(rig->engine.watch, clock_mono());
	assert_false(rig_was_told(rig, PRIVSEP_PEER_STATE, &msg));

	free(rig_ask(rig, "set=1\npublic_key=" RIG_PEER_1 "\nendpoint=192.0.2.1:7\n\n"));
	watch_look(rig->engine.watch, clock_mono());
	assert_true(rig_was_told(rig, PRIVSEP_PEER_STATE, &msg));
	assert_true(msg.peer_state.up);

	rig->engine.start.uapi_only = true;
	tunnel_set_link(rig->tunnel, false, 1420);
	watch_look(rig->engine.watch, clock_mono());
	assert_false(rig_was_told(rig, PRIVSEP_PEER_STATE, &msg));
	unwatch(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_tells_all_that_the_contract_names),
		cmocka_unit_test(offloads_are_those_that_are_left),
		cmocka_unit_test(a_huge_peer_is_counted_but_not_listed),
		cmocka_unit_test(a_route_is_reachable_by_a_tunnel_that_is_not_down),
		cmocka_unit_test(the_monitor_hears_of_each_change_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
