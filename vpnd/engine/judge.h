/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What state a tunnel is in, why, and what to try next. Pure: from what the protocol core knows of
 * a peer to words for the operator.
 *
 * Without probes a handshake that is not answered is the only sign that a peer is gone; silence is
 * none, since a peer that has nothing to say sends nothing. So a peer is judged by its unanswered
 * handshakes: without usable keys it is down after one retry; with keys, which still carry packets,
 * it gets longer, because one lost handshake in a rekey costs nothing. A peer that is probed
 * (probe.h) is down as soon as its replies stay away, and until they are back.
 */
#ifndef VPND_ENGINE_JUDGE_H
#define VPND_ENGINE_JUDGE_H

#include <stddef.h>

#include "base/clock.h"
#include "base/mono.h"
#include "vpnd/engine/probe.h"
#include "vpnd/engine/trouble.h"
#include "vpnd/proto/packet.h"
#include "vpnd/proto/peer.h"

enum judge_state {
	JUDGE_UP,       /* works, or is idle and worked before */
	JUDGE_DEGRADED, /* not known to work yet; of a tunnel also: some of its peers are not up */
	JUDGE_DOWN,     /* known not to work */
	JUDGE_STATES,
};

enum {
	JUDGE_TEXT = 256, /* bytes of a reason or an advice with its NUL */
	JUDGE_UNANSWERED_S =
		7, /* without keys: past the first retry (REKEY_TIMEOUT_S and jitter) */
	JUDGE_UNANSWERED_KEYS_S = 15, /* with keys that still may be used */
	JUDGE_REPLAYED_S = 60,        /* a refused initiation is worth a word for so long */
	JUDGE_AHEAD_S = 3600,         /* a peer's clock may be ahead of ours by as much */
	/* A clock that shows less than this (2026-01-01) was never set. */
	JUDGE_CLOCK_SET_S = 1767225600,
};

/* "up", "degraded" or "down". */
const char *judge_state_name(enum judge_state state);

struct judgement {
	enum judge_state state;
	bool proven;             /* of a peer: it has answered, at some time */
	char reason[JUDGE_TEXT]; /* in words with the counters behind it; empty: nothing to say */
	char advice[JUDGE_TEXT]; /* what to try next; empty: nothing */
};

/* What a peer is judged by. Texts are borrowed. */
struct judge_input {
	const char *tunnel; /* its interface name */
	bool up;            /* the interface is administratively up */
	bool has_private_key;
	const uint64_t *verdicts; /* device_verdict_counts of the tunnel */
	struct peer_info peer;
	const char *host;           /* endpoint as configured; may be empty */
	const char *resolve_reason; /* why that is not resolved; empty when it is */
	const char *name;           /* what to call the peer */
	const struct probe *probe;  /* NULL: it is not probed */
	const struct trouble *trouble;
	struct addr probed, prober; /* where the probes go, and where they come from */
	mono_t now;
	struct wall wall; /* now on the wall clock, for the times of day in reasons */
};
void judge_peer(const struct judge_input *input, struct judgement *out);

/*
 * By how many seconds the peer's newest handshake is ahead of our clock: 0 unless it is more than
 * JUDGE_AHEAD_S, and our clock was set. When the peer's clock is put right, we will refuse its
 * handshakes until that time has come.
 */
int64_t judge_ahead_s(const struct peer_info *peer, struct wall wall);

/*
 * A tunnel by its peers: start with a zero tally, add every peer, then judge. `name` (borrowed
 * until the end) tells the peer apart in the reason. A tunnel without peers is down.
 */
struct judge_tally {
	size_t count[JUDGE_STATES];
	char worst_name[64]; /* the first one of the worst state */
	struct judgement worst;
};
void judge_tally_add(struct judge_tally *tally, const char *name, const struct judgement *peer);
void judge_tunnel(const struct judge_tally *tally, struct judgement *out);

#endif
