/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sliding window over receive counters, after RFC 6479. Called only for authenticated packets.
 */
#ifndef VPND_PROTO_REPLAY_H
#define VPND_PROTO_REPLAY_H

#include <stdint.h>

#include "vpnd/proto/messages.h"

enum replay_verdict {
	REPLAY_FRESH,
	REPLAY_DUPLICATE,
	REPLAY_TOO_OLD, /* behind the window */
	REPLAY_LIMIT,   /* at or past REJECT_AFTER_MESSAGES */
};

struct replay_window {
	uint64_t greatest_plus_1; /* 0: nothing received yet */
	/* One word more than the window, so that a word can be cleared before it is used again. */
	uint64_t bitmap[REPLAY_WINDOW_BITS / 64 + 1];
};

void replay_init(struct replay_window *window);

/* Judge a counter, and remember it when it is fresh. */
enum replay_verdict replay_check(struct replay_window *window, uint64_t counter);

#endif
