/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers (WireGuard paper, section 6). Each event of a peer's life sets or clears deadlines; when
 * one comes, timers_run acts. The five deadlines of a peer share one place in the device's heap.
 */
#include "vpnd/proto/core.h"

enum {
	HANDSHAKE_RETRIES_MAX = REKEY_ATTEMPT_TIME_S / REKEY_TIMEOUT_S,
	WIPE_AFTER_S = 3 * REJECT_AFTER_TIME_S,
};

static bool is_set(const struct peer *peer, enum timer timer)
{
	return peer->timers[timer].us != MONO_NEVER.us;
}

static void clear(struct peer *peer, enum timer timer)
{
	peer->timers[timer] = MONO_NEVER;
}

static mono_t jittered(struct peer *peer, mono_t at)
{
	return mono_add_ms(at, device_random_u32(peer->device) % REKEY_TIMEOUT_JITTER_MAX_MS);
}

static mono_t earliest(const struct peer *peer)
{
	mono_t at = MONO_NEVER;

	for (int i = 0; i < TIMERS; i++)
		at = mono_min(at, peer->timers[i]);
	return at;
}

void timers_schedule(struct peer *peer)
{
	mono_t at = earliest(peer);

	if (!peer->deadline.place || mono_before(at, peer->deadline.at))
		deadline_set(&peer->device->deadlines, &peer->deadline, at);
}

void timers_data_sent(struct peer *peer, mono_t now)
{
	mono_t at = mono_add_s(now, KEEPALIVE_TIMEOUT_S + REKEY_TIMEOUT_S);

	if (!is_set(peer, TIMER_NEW_HANDSHAKE))
		peer->timers[TIMER_NEW_HANDSHAKE] = jittered(peer, at);
}

void timers_data_received(struct peer *peer, mono_t now)
{
	if (is_set(peer, TIMER_KEEPALIVE))
		peer->need_another_keepalive = true;
	else
		peer->timers[TIMER_KEEPALIVE] = mono_add_s(now, KEEPALIVE_TIMEOUT_S);
}

/* Anything authentic, in either direction, puts the persistent keepalive off. */
static void traversal(struct peer *peer, mono_t now)
{
	if (peer->persistent_keepalive_s)
		peer->timers[TIMER_PERSISTENT_KEEPALIVE] =
			mono_add_s(now, peer->persistent_keepalive_s);
}

void timers_authenticated_sent(struct peer *peer, mono_t now)
{
	clear(peer, TIMER_KEEPALIVE);
	traversal(peer, now);
}

void timers_authenticated_received(struct peer *peer, mono_t now)
{
	clear(peer, TIMER_NEW_HANDSHAKE);
	traversal(peer, now);
}

void timers_handshake_initiated(struct peer *peer, mono_t now)
{
	peer->timers[TIMER_RETRANSMIT] = jittered(peer, mono_add_s(now, REKEY_TIMEOUT_S));
}

void timers_handshake_delayed(struct peer *peer)
{
	mono_t at = mono_add_s(peer->handshake_sent, REKEY_TIMEOUT_S);

	if (is_set(peer, TIMER_RETRANSMIT))
		return;
	peer->timers[TIMER_RETRANSMIT] = jittered(peer, at);
	timers_schedule(peer);
}

void timers_handshake_complete(struct peer *peer, mono_t now)
{
	clear(peer, TIMER_RETRANSMIT);
	peer->retries = 0;
	peer->sent_lastminute = false;
	peer->unanswered = 0;
	peer->unanswered_since = MONO_UNSET;
	peer->last_session = now;
	peer->replays = 0;
	device_raise(peer, EVENT_SESSION);
}

void timers_session_derived(struct peer *peer, mono_t now)
{
	peer->timers[TIMER_WIPE] = mono_add_s(now, WIPE_AFTER_S);
}

void timers_stop(struct peer *peer)
{
	for (int i = 0; i < TIMERS; i++)
		clear(peer, i);
	deadline_set(&peer->device->deadlines, &peer->deadline, MONO_NEVER);
	peer->need_another_keepalive = false;
	peer->sent_lastminute = false;
	peer->retries = 0;
}

static void give_up(struct peer *peer, mono_t now)
{
	clear(peer, TIMER_KEEPALIVE);
	stage_drop(peer);
	/* What is left of the last session is wiped even if no new one ever comes. */
	if (!is_set(peer, TIMER_WIPE))
		peer->timers[TIMER_WIPE] = mono_add_s(now, WIPE_AFTER_S);
	device_raise(peer, EVENT_HANDSHAKE_FAILED);
}

static void retransmit(struct peer *peer, mono_t now)
{
	if (peer->retries >= HANDSHAKE_RETRIES_MAX) {
		give_up(peer, now);
		return;
	}
	peer->retries++;
	/* Perhaps the address that we send from is what is wrong. */
	peer_clear_local(peer);
	handshake_initiate(peer, true, now);
	/* Without a key or an endpoint it is tried, and at last given up, all the same. */
	if (!is_set(peer, TIMER_RETRANSMIT))
		timers_handshake_initiated(peer, now);
}

static void keepalive(struct peer *peer, mono_t now)
{
	stage_send(peer, true, now);
	if (peer->need_another_keepalive) {
		peer->need_another_keepalive = false;
		peer->timers[TIMER_KEEPALIVE] = mono_add_s(now, KEEPALIVE_TIMEOUT_S);
	}
}

static void new_handshake(struct peer *peer, mono_t now)
{
	peer_clear_local(peer);
	handshake_initiate(peer, false, now);
}

static void wipe(struct peer *peer, mono_t now)
{
	(void)now;
	peer_forget_sessions(peer);
	device_raise(peer, EVENT_SESSION_EXPIRED);
}

void timers_persistent_keepalive(struct peer *peer, mono_t now)
{
	if (!peer->persistent_keepalive_s)
		return;
	traversal(peer, now); /* comes again even if nothing can be sent now */
	stage_send(peer, true, now);
}

static void (*const ACTIONS[])(struct peer *peer, mono_t now) = {
	[TIMER_RETRANSMIT] = retransmit,
	[TIMER_KEEPALIVE] = keepalive,
	[TIMER_NEW_HANDSHAKE] = new_handshake,
	[TIMER_WIPE] = wipe,
	[TIMER_PERSISTENT_KEEPALIVE] = timers_persistent_keepalive,
};
static_assert(sizeof(ACTIONS) / sizeof(ACTIONS[0]) == TIMERS, "an action for each timer");

void timers_run(struct peer *peer, mono_t now)
{
	for (int i = 0; i < TIMERS; i++) {
		if (!is_set(peer, i) || mono_before(now, peer->timers[i]))
			continue;
		clear(peer, i);
		ACTIONS[i](peer, now);
	}
	deadline_set(&peer->device->deadlines, &peer->deadline, earliest(peer));
}
