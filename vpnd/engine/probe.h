/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What echo probes tell of one peer: round-trip time, loss, and whether the way there and back
 * works. Pure: it is told what was sent and what came, and says when the next probe is due.
 *
 * How it decides. A probe is sent every interval I. One that has no reply after the time-out T is
 * lost, and from the first loss on probes go out every I / 4, until the peer is heard again or
 * PROBE_LOST of them in a row are lost and the way counts as black. That takes no longer than
 * I (until the first lost one) + T + 6 I / 4 (until the eighth) + T = 2.5 I + 2 T: with T at its
 * least 0.6 s for an I of 200 ms, and 2.7 s for 1 s.
 *
 * Random loss does not do that. With 5 % in each direction 1 - 0.95^2 = 9.75 % of all probes are
 * lost, eight in a row with a probability of 0.0975^8 = 8.2e-9; an hour of probes every 200 ms has
 * 18000 chances, so that it happens once in 280 days.
 *
 * Data from the peer keeps the way from counting as black, since replies are lost where queues are
 * full, but not for ever: where no probe at all is answered for PROBE_ONE_WAY_S, only one direction
 * works. A black way is good again after some replies in a row, the more the shorter it last was
 * good, so that a bad way does not come and go.
 */
#ifndef VPND_ENGINE_PROBE_H
#define VPND_ENGINE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"

enum {
	PROBE_LOST = 8,       /* losses in a row that make a way black */
	PROBE_GOOD = 3,       /* replies in a row that make it good again, at least */
	PROBE_GOOD_MAX = 10,  /* and at most */
	PROBE_STEADY_S = 60,  /* good for as long, a way is trusted like a new one */
	PROBE_ONE_WAY_S = 15, /* without a reply, though there is data from the peer */
	PROBE_WINDOW_S = 60,  /* of loss and least and largest round-trip time */
	PROBE_RECENT = 10,    /* probes of the short window of loss */
	PROBE_FLYING = 64,    /* newest probes whose replies are waited for */
};

enum probe_verdict {
	PROBE_UNKNOWN, /* nothing is decided: no reply yet, not enough losses */
	PROBE_WORKS,   /* replies come */
	PROBE_BLACK,   /* nothing comes */
	PROBE_ONE_WAY, /* data comes, but no reply */
	PROBE_VERDICTS,
};

/* One probe on its way. */
struct probe_flight {
	mono_t sent; /* MONO_UNSET: none */
	uint16_t sequence;
	bool answered, lost;
};

/* What became of the probes that were sent within one second. */
struct probe_second {
	uint64_t second;
	uint32_t answered, lost;
	uint32_t rtt_min_us, rtt_max_us; /* of those that were answered */
};

struct probe {
	uint64_t interval_us;
	enum probe_verdict verdict;
	struct probe_flight flights[PROBE_FLYING]; /* by sequence */
	struct probe_second seconds[PROBE_WINDOW_S];
	uint16_t sequence;           /* of the next probe */
	mono_t next;                 /* when that is due */
	mono_t answered_sent;        /* when the newest probe that was answered was sent */
	mono_t heard;                /* newest data or reply of the peer */
	mono_t good_since;           /* the way works since then */
	unsigned int lost_run;       /* probes lost since then `heard` */
	unsigned int good_run;       /* replies in a row */
	unsigned int good_needed;    /* of these, to count as good again */
	uint64_t srtt_us, rttvar_us; /* RFC 6298 section 2; 0: nothing measured */
	uint64_t rtt_us;             /* newest */
	uint64_t jitter_us;          /* RFC 3550 section 6.4.1, of round-trip times */
	unsigned int unanswered;     /* probes lost since the last reply */
	mono_t unanswered_since;     /* when the first of them was sent */
	uint64_t sent, answered;
};

/* Begin, with the first probe due at once. */
void probe_init(struct probe *p, uint64_t interval_us, mono_t now);

/* When probe_look has something to do. */
mono_t probe_deadline(const struct probe *p);

/* Count what is overdue as lost, and judge. True if the verdict is another one than before. */
bool probe_look(struct probe *p, mono_t now);

bool probe_is_due(const struct probe *p, mono_t now);
/* A probe goes out now: returns its sequence number. */
uint16_t probe_sent(struct probe *p, mono_t now);
/* One was due, but there is no session to send it in: the next comes an interval later. */
void probe_skipped(struct probe *p, mono_t now);

/*
 * A reply came. False if that probe is not waited for: never sent, too long ago, or answered
 * before. One that counted as lost no longer does.
 */
bool probe_answered(struct probe *p, uint16_t sequence, mono_t now);

/* Data came from the peer. */
void probe_heard(struct probe *p, mono_t now);

/* How long a reply is waited for, from what is known of the round-trip time. */
uint64_t probe_timeout_us(const struct probe *p);

/* For status. */
struct probe_stats {
	bool measured;   /* there was a reply in the window */
	uint64_t rtt_us; /* smoothed */
	uint64_t rtt_min_us, rtt_max_us, jitter_us;
	unsigned int recent, recent_lost;   /* of the last PROBE_RECENT */
	unsigned int windowed, window_lost; /* of the last PROBE_WINDOW_S */
	unsigned int unanswered;            /* lost since the last reply */
	mono_t unanswered_since;            /* when the first of them was sent; MONO_UNSET: none */
	uint64_t sent, answered;            /* since the start */
};
void probe_stats(const struct probe *p, struct probe_stats *out, mono_t now);

#endif
