/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/judge.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *judge_state_name(enum judge_state state)
{
	static const char *const names[] = {
		[JUDGE_UP] = "up",
		[JUDGE_DEGRADED] = "degraded",
		[JUDGE_DOWN] = "down",
	};
	static_assert(sizeof(names) / sizeof(*names) == JUDGE_STATES, "a name for every state");

	return names[state];
}

static void __attribute__((format(printf, 3, 4)))
judge(struct judgement *out, enum judge_state state, const char *reason, ...)
{
	va_list args;

	out->state = state;
	va_start(args, reason);
	vsnprintf(out->reason, sizeof(out->reason), reason, args);
	va_end(args);
	out->advice[0] = '\0';
}

static void __attribute__((format(printf, 2, 3)))
advise(struct judgement *out, const char *advice, ...)
{
	va_list args;

	va_start(args, advice);
	vsnprintf(out->advice, sizeof(out->advice), advice, args);
	va_end(args);
}

/* Words for a time of day: "10:14:02 UTC". */
static const char *time_of_day(const struct judge_input *in, mono_t when, char *out, size_t outlen)
{
	uint64_t wall_us = (uint64_t)in->wall.s * US_PER_S + in->wall.ns / 1000;
	time_t s = (time_t)((wall_us - mono_elapsed_us(when, in->now)) / US_PER_S);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(out, outlen, "%H:%M:%S UTC", &tm) == 0)
		snprintf(out, outlen, "an unknown time");
	return out;
}

static uint64_t age_s(const struct judge_input *in, mono_t since)
{
	return mono_elapsed_us(since, in->now) / US_PER_S;
}

/* What makes it impossible, whatever the peer does. True if there is such a thing. */
static bool is_impossible(const struct judge_input *in, struct judgement *out)
{
	if (!in->up) {
		judge(out, JUDGE_DOWN, "interface is down");
		advise(out, "ip link set %s up", in->tunnel);
	} else if (!in->has_private_key) {
		judge(out, JUDGE_DOWN, "no private key");
		advise(out, "give it one: private_key_file in the config, or wg set %s private-key",
			in->tunnel);
	} else if (in->peer.low_order) {
		judge(out, JUDGE_DOWN, "the peer's public key can never work (low-order point)");
		advise(out, "ask the peer's operator for the right public key");
	} else {
		return false;
	}
	return true;
}

/* No one knows where the peer is. */
static void judge_lost(const struct judge_input *in, struct judgement *out)
{
	if (in->resolve_reason[0]) {
		judge(out, JUDGE_DOWN, "endpoint name %.64s cannot be resolved: %.80s", in->host,
			in->resolve_reason);
		advise(out, "check the host's name servers, or configure an address");
	} else if (in->host[0]) {
		judge(out, JUDGE_DOWN, "endpoint name %.64s is not resolved yet", in->host);
	} else {
		judge(out, JUDGE_DOWN, "no endpoint; waiting for the peer to call");
		advise(out, "if the peer should be called, configure its endpoint");
	}
}

int64_t judge_ahead_s(const struct peer_info *peer, struct wall wall)
{
	if (wall.s < JUDGE_CLOCK_SET_S || peer->label_s - wall.s <= JUDGE_AHEAD_S)
		return 0;
	return peer->label_s - wall.s;
}

/* Handshakes of the peer come, and are older than one that we took before. */
static bool is_replaying(const struct judge_input *in)
{
	return in->peer.replays && !in->peer.has_session &&
	       !mono_expired_s(in->peer.replayed, JUDGE_REPLAYED_S, in->now);
}

static void advise_replaying(const struct judge_input *in, struct judgement *out)
{
	advise(out,
		"set the peer's clock; if it is right, it was ahead before: remove the peer here "
		"and add it again (wg set %s peer KEY remove), which forgets that",
		in->tunnel);
}

/* What came in while handshakes were not answered tells what to try. */
static void advise_unanswered(const struct judge_input *in, struct judgement *out)
{
	uint64_t bad = in->verdicts[PACKET_BAD_HANDSHAKE];
	uint64_t macs = in->verdicts[PACKET_BAD_MAC];
	uint64_t strangers = in->verdicts[PACKET_UNKNOWN_PEER];
	uint64_t cookies = in->verdicts[PACKET_COOKIE];

	if (in->verdicts[PACKET_LOOPED])
		advise(out,
			"%" PRIu64 " of our own datagrams were routed into the tunnel: give the "
			"endpoint a route outside of it, or set an fwmark",
			in->verdicts[PACKET_LOOPED]);
	else if (is_replaying(in))
		advise_replaying(in, out);
	else if (bad)
		advise(out,
			"%" PRIu64 " handshake messages did not authenticate: compare the "
			"preshared keys, and the peer's public key",
			bad);
	else if (macs)
		advise(out,
			"%" PRIu64 " handshake messages were for another public key than ours: "
			"check which one the peer has",
			macs);
	else if (strangers)
		advise(out,
			"%" PRIu64 " handshakes came from keys that are no peer's: check the "
			"peer's public key",
			strangers);
	else if (cookies)
		advise(out,
			"it is there, and answered with cookies %" PRIu64
			" times: it is flooded with handshakes, or does not know our public key",
			cookies);
	else if (in->resolve_reason[0])
		advise(out,
			"endpoint name %.64s cannot be resolved any more (%.80s): it may have "
			"moved",
			in->host, in->resolve_reason);
	else
		advise(out,
			"check endpoint and public_key here; then ask the peer's operator to check "
			"its udp port, and that it has our public key");
}

/* The kernel does not even send. */
static void explain_refusal(const struct judge_input *in, struct judgement *out)
{
	const struct trouble *trouble = in->trouble;
	bool filtered = trouble->error == EPERM || trouble->error == EACCES;
	char since[32], to[ADDR_STRLEN];

	addr_format(&in->peer.path.remote.addr, to);
	time_of_day(in, trouble->refused.since, since, sizeof(since));
	judge(out, JUDGE_DOWN, "%s %s: %s (%u datagrams not sent since %s)",
		filtered ? "this host may not send to" : "no route to endpoint", to,
		strerror(trouble->error), trouble->refused.times, since);
	if (filtered)
		advise(out, "let udp to %s out: see nft list ruleset", to);
	else
		advise(out, "see ip route get %s, and whether the uplink is up", to);
}

static void advise_icmp(const struct judge_input *in, struct judgement *out)
{
	const struct errqueue_icmp *icmp = &in->trouble->icmp;
	const unsigned int port = in->peer.path.remote.port;
	char from[ADDR_STRLEN], to[ADDR_STRLEN];

	addr_format(&icmp->from, from);
	addr_format(&in->peer.path.remote.addr, to);
	switch (trouble_kind(icmp)) {
	case TROUBLE_NO_NET:
		advise(out,
			"%s knows no way to %s: check the endpoint, or ask who runs that router",
			from, to);
		break;
	case TROUBLE_NO_HOST:
		advise(out, "nobody is at %s, says %s: check the endpoint, and that its host is up",
			to, from);
		break;
	case TROUBLE_NO_PORT:
		advise(out, "nothing listens there: is WireGuard running at the peer, on udp/%u?",
			port);
		break;
	case TROUBLE_FORBIDDEN:
		advise(out, "a firewall at %s refuses it: have udp/%u to %s opened", from, port,
			to);
		break;
	case TROUBLE_LOOP:
		advise(out, "packets to %s go in circles at %s: ask who runs that router", to,
			from);
		break;
	case TROUBLE_OTHER:
	case TROUBLE_KINDS:
		advise(out, "ask who runs %s", from);
		break;
	}
}

/* An ICMP error tells of the place that it is about; the peer may have another one since. */
static bool is_reported(const struct judge_input *in)
{
	const struct trouble *trouble = in->trouble;

	return trouble_is_fresh(&trouble->reported, in->now) &&
	       endpoint_equal(&trouble->icmp.to, &in->peer.path.remote);
}

/* `tried` says what of ours has no answer. */
static void judge_nothing_returns(
	const struct judge_input *in, const char *tried, struct judgement *out)
{
	const struct trouble *trouble = in->trouble;
	char from[ADDR_STRLEN];

	if (trouble_is_fresh(&trouble->refused, in->now)) {
		explain_refusal(in, out);
	} else if (is_reported(in)) {
		judge(out, JUDGE_DOWN, "%s, nothing returns but ICMP %s from %s (%u)", tried,
			trouble_kind_name(trouble_kind(&trouble->icmp)),
			addr_format(&trouble->icmp.from, from), trouble->reported.times);
		advise_icmp(in, out);
	} else {
		judge(out, JUDGE_DOWN, "%s, nothing returns, no ICMP error", tried);
		advise_unanswered(in, out);
	}
}

static void judge_unanswered(const struct judge_input *in, struct judgement *out)
{
	char since[32], tried[64];

	snprintf(tried, sizeof(tried), "we send (%u handshake%s since %s)",
		in->peer.handshake_attempts, in->peer.handshake_attempts == 1 ? "" : "s",
		time_of_day(in, in->peer.handshake_since, since, sizeof(since)));
	judge_nothing_returns(in, tried, out);
}

/* No usable keys, nothing unanswered for long. */
static void judge_quiet(const struct judge_input *in, struct judgement *out)
{
	if (is_replaying(in)) {
		judge(out, JUDGE_DEGRADED,
			"%u handshakes of the peer were refused as older than one before: did its "
			"clock go back?",
			in->peer.replays);
		advise_replaying(in, out);
	} else if (mono_is_set(in->peer.last_session)) {
		judge(out, JUDGE_UP, "idle; the last handshake was %" PRIu64 " s ago",
			age_s(in, in->peer.last_session));
	} else if (in->peer.handshake_attempts) {
		judge(out, JUDGE_DEGRADED, "the first handshake is under way");
	} else {
		judge(out, JUDGE_DEGRADED, "not tried yet: there was no traffic for the peer");
		advise(out, "ping an address behind it, or configure persistent_keepalive");
	}
}

static void judge_rivals(const struct judge_input *in, struct judgement *out)
{
	char a[ENDPOINT_STRLEN], b[ENDPOINT_STRLEN];

	judge(out, JUDGE_DEGRADED, "two hosts use the key of peer %.63s: %s and %s", in->name,
		endpoint_format(&in->peer.rivals[0], a), endpoint_format(&in->peer.rivals[1], b));
	advise(out, "give one of them a key of its own, or stop it");
}

static bool is_silent(const struct judge_input *in)
{
	return in->probe &&
	       (in->probe->verdict == PROBE_BLACK || in->probe->verdict == PROBE_ONE_WAY);
}

/* Probes are not answered. What else is heard of the peer tells which way does not work. */
static void judge_silent(const struct judge_input *in, struct judgement *out)
{
	char since[32], to[ADDR_STRLEN], from[ADDR_STRLEN], tried[128];
	const struct probe *probe = in->probe;

	addr_format(&in->probed, to);
	addr_format(&in->prober, from);
	time_of_day(in, probe->unanswered_since, since, sizeof(since));
	if (probe->verdict == PROBE_ONE_WAY) {
		judge(out, JUDGE_DOWN,
			"data of the peer comes in, but %u probes to %s since %s got no reply",
			probe->unanswered, to, since);
		advise(out, "check that %s answers ping, and that the peer allows %s", to, from);
	} else if (mono_before(probe->unanswered_since, in->peer.last_session)) {
		judge(out, JUDGE_DOWN,
			"handshakes are answered (%" PRIu64
			" s ago), but no data: %u probes to %s since %s got no reply",
			age_s(in, in->peer.last_session), probe->unanswered, to, since);
		advise(out,
			"check that the peer has %s in its allowed_ips for us, and that %s answers "
			"ping",
			from, to);
	} else {
		snprintf(tried, sizeof(tried), "we send (%u probes of %s since %s)",
			probe->unanswered, to, since);
		judge_nothing_returns(in, tried, out);
	}
}

/* There are keys, but no probe was answered or lost for good yet. */
static void judge_unproved(const struct judge_input *in, struct judgement *out)
{
	char to[ADDR_STRLEN];

	judge(out, JUDGE_DEGRADED, "the first probe of %s is under way",
		addr_format(&in->probed, to));
}

/* There are keys, and they work. */
static void judge_working(const struct judge_input *in, struct judgement *out)
{
	int64_t ahead_s = judge_ahead_s(&in->peer, in->wall);

	judge(out, JUDGE_UP, "%s", "");
	if (!ahead_s)
		return;
	judge(out, JUDGE_DEGRADED, "the peer's clock is %" PRId64 " s ahead of ours", ahead_s);
	advise(out,
		"compare both clocks; once the peer's is put right, remove the peer here and add "
		"it again, for its handshakes would be refused as old");
}

void judge_peer(const struct judge_input *in, struct judgement *out)
{
	const struct peer_info *peer = &in->peer;
	uint64_t patience_s = peer->has_session ? JUDGE_UNANSWERED_KEYS_S : JUDGE_UNANSWERED_S;

	out->proven = mono_is_set(peer->last_session);
	if (is_impossible(in, out))
		return;
	if (peer->path.remote.addr.family == ADDR_NONE)
		judge_lost(in, out);
	else if (peer->handshake_attempts && age_s(in, peer->handshake_since) >= patience_s)
		judge_unanswered(in, out);
	else if (is_silent(in))
		judge_silent(in, out);
	else if (peer->rivals[0].addr.family != ADDR_NONE)
		judge_rivals(in, out);
	else if (peer->has_session && in->probe && in->probe->verdict == PROBE_UNKNOWN)
		judge_unproved(in, out);
	else if (peer->has_session)
		judge_working(in, out);
	else
		judge_quiet(in, out);
}

void judge_tally_add(struct judge_tally *tally, const char *name, const struct judgement *peer)
{
	bool first = !tally->count[JUDGE_UP] && !tally->count[JUDGE_DEGRADED] &&
		     !tally->count[JUDGE_DOWN];

	tally->count[peer->state]++;
	if (first || peer->state > tally->worst.state) {
		tally->worst = *peer;
		snprintf(tally->worst_name, sizeof(tally->worst_name), "%.63s", name);
	}
}

void judge_tunnel(const struct judge_tally *tally, struct judgement *out)
{
	size_t up = tally->count[JUDGE_UP], down = tally->count[JUDGE_DOWN];
	size_t all = up + down + tally->count[JUDGE_DEGRADED];

	if (all == 0) {
		judge(out, JUDGE_DOWN, "no peers");
		advise(out, "add one: peers in the config, or wg set");
		return;
	}
	*out = tally->worst;
	if (up < all && down < all)
		out->state = JUDGE_DEGRADED;
	if (all > 1 && up < all)
		snprintf(out->reason, sizeof(out->reason), "%zu of %zu peers not up; %s: %.90s",
			all - up, all, tally->worst_name, tally->worst.reason);
}
