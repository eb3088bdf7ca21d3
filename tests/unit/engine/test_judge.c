/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vpnd/engine/judge.h"

/* 2026-11-22 10:14:43 UTC is second 1000 of the host. */
enum { NOW_S = 1000, WALL_S = 1795342483 };

/* What makes a case differ from a tunnel that is up, whose peer has an endpoint and no keys. */
struct peer_case {
	const char *what;
	bool is_down, no_key, low_order, no_endpoint, has_session;
	unsigned int attempts;
	unsigned int unanswered_s; /* since the first of them */
	unsigned int session_s;    /* age of the newest handshake; 0: none */
	const char *host, *resolve_reason;
	bool rivals;
	unsigned int replays, replayed_s; /* refused initiations, and since when */
	int ahead_s;                      /* their newest initiation, of our clock */
	unsigned int bad_handshakes, bad_macs, strangers, looped, cookies;
	enum probe_verdict probed; /* of probes of 169.254.10.1 from 169.254.10.2 */
	unsigned int lost, lost_s; /* probes, and when the first of them was sent; 0: not probed */
	unsigned int refused;      /* datagrams, a second ago */
	int error;                 /* why */
	unsigned int icmp;         /* errors from 198.51.100.1, a second ago */
	uint8_t icmp_type, icmp_code;
	bool icmp_v6;    /* from 2001:db8::1 */
	bool icmp_stale; /* they are of an endpoint that the peer had before */
	enum judge_state state;
	const char *reason;
	const char *advice; /* a part of it; NULL: none */
};

static const struct peer_case peer_cases[] = {
	{.what = "a fresh session",
		.has_session = true,
		.session_s = 1,
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "a session in its last second",
		.has_session = true,
		.session_s = 179,
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "a rekey that is not answered yet",
		.has_session = true,
		.session_s = 134,
		.attempts = 3,
		.unanswered_s = 14,
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "a rekey that is not answered for too long",
		.has_session = true,
		.session_s = 135,
		.attempts = 4,
		.unanswered_s = 15,
		.state = JUDGE_DOWN,
		.reason =
			"we send (4 handshakes since 10:14:28 UTC), nothing returns, no ICMP error",
		.advice = "check its udp port"},
	{.what = "idle after a session",
		.session_s = 412,
		.state = JUDGE_UP,
		.reason = "idle; the last handshake was 412 s ago"},
	{.what = "idle, and traffic asks for a handshake",
		.session_s = 412,
		.attempts = 2,
		.unanswered_s = 6,
		.state = JUDGE_UP,
		.reason = "idle; the last handshake was 412 s ago"},
	{.what = "idle, and the handshake is not answered",
		.session_s = 412,
		.attempts = 2,
		.unanswered_s = 7,
		.state = JUDGE_DOWN,
		.reason =
			"we send (2 handshakes since 10:14:36 UTC), nothing returns, no ICMP error",
		.advice = "check its udp port"},
	{.what = "never tried",
		.state = JUDGE_DEGRADED,
		.reason = "not tried yet: there was no traffic for the peer",
		.advice = "ping an address behind it"},
	{.what = "the first handshake",
		.attempts = 1,
		.unanswered_s = 0,
		.state = JUDGE_DEGRADED,
		.reason = "the first handshake is under way"},
	{.what = "nothing ever came back",
		.attempts = 41,
		.unanswered_s = 245,
		.state = JUDGE_DOWN,
		.reason = "we send (41 handshakes since 10:10:38 UTC), nothing returns, no ICMP "
			  "error",
		.advice = "check its udp port"},
	{.what = "one handshake, long ago",
		.attempts = 1,
		.unanswered_s = 7,
		.state = JUDGE_DOWN,
		.reason =
			"we send (1 handshake since 10:14:36 UTC), nothing returns, no ICMP error",
		.advice = "check its udp port"},
	{.what = "its endpoint is routed into the tunnel",
		.attempts = 3,
		.unanswered_s = 12,
		.strangers = 1,
		.looped = 3,
		.state = JUDGE_DOWN,
		.reason =
			"we send (3 handshakes since 10:14:31 UTC), nothing returns, no ICMP error",
		.advice = "give the endpoint a route outside of it"},
	{.what = "answers under another preshared key",
		.attempts = 3,
		.unanswered_s = 12,
		.bad_handshakes = 3,
		.bad_macs = 1,
		.state = JUDGE_DOWN,
		.reason =
			"we send (3 handshakes since 10:14:31 UTC), nothing returns, no ICMP error",
		.advice = "3 handshake messages did not authenticate: compare the preshared keys"},
	{.what = "the peer has another public key of ours",
		.attempts = 3,
		.unanswered_s = 12,
		.bad_macs = 5,
		.strangers = 1,
		.state = JUDGE_DOWN,
		.reason =
			"we send (3 handshakes since 10:14:31 UTC), nothing returns, no ICMP error",
		.advice = "5 handshake messages were for another public key than ours"},
	{.what = "we have another public key of the peer",
		.attempts = 3,
		.unanswered_s = 12,
		.strangers = 2,
		.state = JUDGE_DOWN,
		.reason =
			"we send (3 handshakes since 10:14:31 UTC), nothing returns, no ICMP error",
		.advice = "2 handshakes came from keys that are no peer's"},
	{.what = "handshakes that are refused as old, from a peer that is not called",
		.session_s = 412,
		.replays = 3,
		.replayed_s = 5,
		.state = JUDGE_DEGRADED,
		.reason = "3 handshakes of the peer were refused as older than one before: did its "
			  "clock go back?",
		.advice = "wg set city-a peer KEY remove"},
	{.what = "the same, and ours are not answered",
		.session_s = 412,
		.attempts = 2,
		.unanswered_s = 7,
		.replays = 3,
		.replayed_s = 5,
		.state = JUDGE_DOWN,
		.reason =
			"we send (2 handshakes since 10:14:36 UTC), nothing returns, no ICMP error",
		.advice = "set the peer's clock"},
	{.what = "old handshakes that a stranger plays back while all is well",
		.has_session = true,
		.session_s = 20,
		.replays = 3,
		.replayed_s = 5,
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "handshakes that were refused long ago",
		.session_s = 412,
		.replays = 3,
		.replayed_s = 60,
		.state = JUDGE_UP,
		.reason = "idle; the last handshake was 412 s ago"},
	{.what = "a clock that is ahead a little",
		.has_session = true,
		.session_s = 20,
		.ahead_s = 3600,
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "a clock that is ahead for long",
		.has_session = true,
		.session_s = 20,
		.ahead_s = 3601,
		.state = JUDGE_DEGRADED,
		.reason = "the peer's clock is 3601 s ahead of ours",
		.advice = "compare both clocks"},
	{.what = "two hosts with one key",
		.has_session = true,
		.session_s = 1,
		.rivals = true,
		.state = JUDGE_DEGRADED,
		.reason = "two hosts use the key of peer noc-1: 192.0.2.1:7 and [::]:8",
		.advice = "a key of its own"},
	{.what = "a peer that answers with cookies alone",
		.attempts = 3,
		.unanswered_s = 12,
		.cookies = 2,
		.state = JUDGE_DOWN,
		.reason = "we send (3 handshakes since 10:14:31 UTC), nothing returns, no ICMP "
			  "error",
		.advice = "answered with cookies 2 times"},
	{.what = "a name that no longer resolves, and nothing returns",
		.attempts = 3,
		.unanswered_s = 12,
		.host = "noc.example:51820",
		.resolve_reason = "Name or service not known",
		.state = JUDGE_DOWN,
		.reason = "we send (3 handshakes since 10:14:31 UTC), nothing returns, no ICMP "
			  "error",
		.advice = "noc.example:51820 cannot be resolved any more"},
	{.what = "no route to the endpoint",
		.attempts = 3,
		.unanswered_s = 12,
		.refused = 3,
		.error = ENETUNREACH,
		.state = JUDGE_DOWN,
		.reason =
			"no route to endpoint 192.0.2.10: Network is unreachable (3 datagrams not "
			"sent since 10:14:42 UTC)",
		.advice = "ip route get 192.0.2.10"},
	{.what = "a firewall of this host",
		.attempts = 3,
		.unanswered_s = 12,
		.refused = 3,
		.error = EPERM,
		.state = JUDGE_DOWN,
		.reason = "this host may not send to 192.0.2.10: Operation not permitted (3 "
			  "datagrams not sent since 10:14:42 UTC)",
		.advice = "let udp to 192.0.2.10 out"},
	{.what = "nobody listens at the peer",
		.attempts = 3,
		.unanswered_s = 12,
		.icmp = 3,
		.icmp_type = 3,
		.icmp_code = 3,
		.state = JUDGE_DOWN,
		.reason =
			"we send (3 handshakes since 10:14:31 UTC), nothing returns but ICMP port "
			"unreachable from 198.51.100.1 (3)",
		.advice = "is WireGuard running at the peer, on udp/51820?"},
	{.what = "no such host, over IPv6",
		.attempts = 3,
		.unanswered_s = 12,
		.icmp = 2,
		.icmp_v6 = true,
		.icmp_type = 1,
		.icmp_code = 3,
		.state = JUDGE_DOWN,
		.reason =
			"we send (3 handshakes since 10:14:31 UTC), nothing returns but ICMP host "
			"unreachable from 2001:db8::1 (2)",
		.advice = "nobody is at 192.0.2.10, says 2001:db8::1"},
	{.what = "a firewall on the way",
		.attempts = 3,
		.unanswered_s = 12,
		.icmp = 1,
		.icmp_type = 3,
		.icmp_code = 13,
		.state = JUDGE_DOWN,
		.reason = "we send (3 handshakes since 10:14:31 UTC), nothing returns but ICMP "
			  "administratively prohibited from 198.51.100.1 (1)",
		.advice = "have udp/51820 to 192.0.2.10 opened"},
	{.what = "ICMP errors of an endpoint that it had before",
		.attempts = 3,
		.unanswered_s = 12,
		.icmp = 3,
		.icmp_stale = true,
		.icmp_type = 3,
		.icmp_code = 1,
		.state = JUDGE_DOWN,
		.reason =
			"we send (3 handshakes since 10:14:31 UTC), nothing returns, no ICMP error",
		.advice = "check endpoint and public_key"},
	{.what = "ICMP errors while all is well, which anyone can forge",
		.has_session = true,
		.session_s = 20,
		.icmp = 100,
		.icmp_type = 3,
		.icmp_code = 3,
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "no probe was answered yet",
		.has_session = true,
		.session_s = 1,
		.probed = PROBE_UNKNOWN,
		.lost = 1,
		.lost_s = 1,
		.state = JUDGE_DEGRADED,
		.reason = "the first probe of 169.254.10.1 is under way"},
	{.what = "probes that are answered",
		.has_session = true,
		.session_s = 1,
		.probed = PROBE_WORKS,
		.lost = 1,
		.lost_s = 1,
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "a path that went black",
		.has_session = true,
		.session_s = 40,
		.probed = PROBE_BLACK,
		.lost = 9,
		.lost_s = 3,
		.state = JUDGE_DOWN,
		.reason = "we send (9 probes of 169.254.10.1 since 10:14:40 UTC), nothing returns, "
			  "no ICMP error",
		.advice = "check its udp port"},
	{.what = "the same, and a router says so",
		.has_session = true,
		.session_s = 40,
		.probed = PROBE_BLACK,
		.lost = 9,
		.lost_s = 3,
		.icmp = 9,
		.icmp_type = 3,
		.icmp_code = 0,
		.state = JUDGE_DOWN,
		.reason = "we send (9 probes of 169.254.10.1 since 10:14:40 UTC), nothing returns "
			  "but ICMP network unreachable from 198.51.100.1 (9)",
		.advice = "198.51.100.1 knows no way to 192.0.2.10"},
	{.what = "handshakes alone come through",
		.has_session = true,
		.session_s = 4,
		.probed = PROBE_BLACK,
		.lost = 30,
		.lost_s = 33,
		.state = JUDGE_DOWN,
		.reason = "handshakes are answered (4 s ago), but no data: 30 probes to "
			  "169.254.10.1 since 10:14:10 UTC got no reply",
		.advice = "the peer has 169.254.10.2 in its allowed_ips for us"},
	{.what = "data comes, and no reply",
		.has_session = true,
		.session_s = 40,
		.probed = PROBE_ONE_WAY,
		.lost = 80,
		.lost_s = 16,
		.state = JUDGE_DOWN,
		.reason = "data of the peer comes in, but 80 probes to 169.254.10.1 since 10:14:27 "
			  "UTC got no reply",
		.advice = "the peer allows 169.254.10.2"},
	{.what = "a black path, and the keys are gone",
		.session_s = 300,
		.probed = PROBE_BLACK,
		.lost = 9,
		.lost_s = 30,
		.state = JUDGE_DOWN,
		.reason = "we send (9 probes of 169.254.10.1 since 10:14:13 UTC), nothing returns, "
			  "no ICMP error",
		.advice = "check its udp port"},
	{.what = "a name that cannot be resolved",
		.no_endpoint = true,
		.host = "noc.example:51820",
		.resolve_reason = "Name or service not known",
		.state = JUDGE_DOWN,
		.reason = "endpoint name noc.example:51820 cannot be resolved: "
			  "Name or service not known",
		.advice = "name servers"},
	{.what = "a name that is being resolved",
		.no_endpoint = true,
		.host = "noc.example:51820",
		.state = JUDGE_DOWN,
		.reason = "endpoint name noc.example:51820 is not resolved yet"},
	{.what = "a name that no longer resolves, but the peer is there",
		.has_session = true,
		.session_s = 10,
		.host = "noc.example:51820",
		.resolve_reason = "Name or service not known",
		.state = JUDGE_UP,
		.reason = ""},
	{.what = "a peer that has to call",
		.no_endpoint = true,
		.state = JUDGE_DOWN,
		.reason = "no endpoint; waiting for the peer to call",
		.advice = "configure its endpoint"},
	{.what = "a key that can never work",
		.low_order = true,
		.state = JUDGE_DOWN,
		.reason = "the peer's public key can never work (low-order point)",
		.advice = "right public key"},
	{.what = "no private key",
		.no_key = true,
		.no_endpoint = true,
		.state = JUDGE_DOWN,
		.reason = "no private key",
		.advice = "wg set city-a private-key"},
	{.what = "interface down",
		.is_down = true,
		.no_key = true,
		.has_session = true,
		.session_s = 3,
		.state = JUDGE_DOWN,
		.reason = "interface is down",
		.advice = "ip link set city-a up"},
};

static const struct addr PEER = {ADDR_V4, {192, 0, 2, 10}};
static const struct addr ROUTER_V4 = {ADDR_V4, {198, 51, 100, 1}};
static const struct addr ROUTER_V6 = {ADDR_V6, {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

static mono_t ago(unsigned int s)
{
	return (mono_t){(NOW_S - s) * US_PER_S};
}

static void judge_case(const struct peer_case *c, struct judgement *out)
{
	uint64_t verdicts[PACKET_VERDICTS] = {
		[PACKET_BAD_HANDSHAKE] = c->bad_handshakes,
		[PACKET_BAD_MAC] = c->bad_macs,
		[PACKET_UNKNOWN_PEER] = c->strangers,
		[PACKET_LOOPED] = c->looped,
		[PACKET_COOKIE] = c->cookies,
	};
	const struct probe probe = {
		.verdict = c->probed, .unanswered = c->lost, .unanswered_since = ago(c->lost_s)};
	const struct trouble trouble = {
		.refused = {c->refused, ago(1), ago(1)},
		.error = c->error,
		.reported = {c->icmp, ago(1), ago(1)},
		.icmp = {.to = {PEER, c->icmp_stale ? 51821 : 51820},
			.from = c->icmp_v6 ? ROUTER_V6 : ROUTER_V4,
			.type = c->icmp_type,
			.code = c->icmp_code},
	};
	struct judge_input input = {
		.tunnel = "city-a",
		.up = !c->is_down,
		.has_private_key = !c->no_key,
		.verdicts = verdicts,
		.host = c->host ? c->host : "",
		.resolve_reason = c->resolve_reason ? c->resolve_reason : "",
		.name = "noc-1",
		.probe = c->lost ? &probe : NULL,
		.probed = {ADDR_V4, {169, 254, 10, 1}},
		.prober = {ADDR_V4, {169, 254, 10, 2}},
		.trouble = &trouble,
		.now = ago(0),
		.wall = {WALL_S, 0},
		.peer =
			{
				.path.remote = {.addr = c->no_endpoint ? (struct addr){0} : PEER,
					.port = 51820},
				.low_order = c->low_order,
				.has_session = c->has_session,
				.last_session = c->session_s ? ago(c->session_s) : MONO_UNSET,
				.handshake_since = c->attempts ? ago(c->unanswered_s) : MONO_UNSET,
				.handshake_attempts = c->attempts,
				.replays = c->replays,
				.replayed = ago(c->replayed_s),
				.label_s = WALL_S + c->ahead_s,
			},
	};

	if (c->rivals) {
		input.peer.rivals[0] =
			(struct endpoint){{.family = ADDR_V4, .bytes = {192, 0, 2, 1}}, .port = 7};
		input.peer.rivals[1] = (struct endpoint){{.family = ADDR_V6}, .port = 8};
	}
	judge_peer(&input, out);
}

static void peers_are_judged_by_the_table(void **state)
{
	struct judgement got;

	(void)state;
	for (size_t i = 0; i < sizeof(peer_cases) / sizeof(*peer_cases); i++) {
		const struct peer_case *c = &peer_cases[i];

		memset(&got, 0xff, sizeof(got));
		judge_case(c, &got);
		if (got.state != c->state || strcmp(got.reason, c->reason))
			print_error("%s\n", c->what);
		assert_string_equal(judge_state_name(got.state), judge_state_name(c->state));
		assert_string_equal(got.reason, c->reason);
		if (c->advice)
			assert_non_null(strstr(got.advice, c->advice));
		else
			assert_string_equal(got.advice, "");
	}
}

static void long_texts_are_cut(void **state)
{
	char long_text[1000];
	struct peer_case c = {.no_endpoint = true, .host = long_text, .resolve_reason = long_text};
	struct judgement got;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	judge_case(&c, &got);
	assert_true(strlen(got.reason) < JUDGE_TEXT);
}

static void tunnels_are_judged_by_their_peers(void **state)
{
	static const struct {
		const char *peers; /* u, d (down) or g (degraded) for each */
		enum judge_state state;
		const char *reason, *advice;
	} cases[] = {
		{"", JUDGE_DOWN, "no peers", "add one: peers in the config, or wg set"},
		{"u", JUDGE_UP, "why u", "try u"},
		{"g", JUDGE_DEGRADED, "why g", "try g"},
		{"d", JUDGE_DOWN, "why d", "try d"},
		{"uuu", JUDGE_UP, "why u", "try u"},
		{"ddd", JUDGE_DOWN, "3 of 3 peers not up; peer0: why d", "try d"},
		{"udg", JUDGE_DEGRADED, "2 of 3 peers not up; peer1: why d", "try d"},
		{"ugu", JUDGE_DEGRADED, "1 of 3 peers not up; peer1: why g", "try g"},
		{"gd", JUDGE_DEGRADED, "2 of 2 peers not up; peer1: why d", "try d"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct judge_tally tally = {0};
		struct judgement got;

		for (size_t n = 0; cases[i].peers[n]; n++) {
			char kind = cases[i].peers[n], name[16];
			struct judgement peer = {
				.state = kind == 'u'   ? JUDGE_UP
					 : kind == 'g' ? JUDGE_DEGRADED
						       : JUDGE_DOWN,
			};

			snprintf(name, sizeof(name), "peer%zu", n);
			snprintf(peer.reason, sizeof(peer.reason), "why %c", kind);
			snprintf(peer.advice, sizeof(peer.advice), "try %c", kind);
			judge_tally_add(&tally, name, &peer);
		}
		judge_tunnel(&tally, &got);
		assert_string_equal(judge_state_name(got.state), judge_state_name(cases[i].state));
		assert_string_equal(got.reason, cases[i].reason);
		assert_string_equal(got.advice, cases[i].advice);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_are_judged_by_the_table),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(tunnels_are_judged_by_their_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
