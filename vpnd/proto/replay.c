/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bitmap is a ring of words; counter c has bit c % 64 of word c / 64 % RING_WORDS. The window
 * is the REPLAY_WINDOW_BITS counters up to the greatest; they touch at most RING_WORDS words, so
 * when the greatest moves into new words, those can be cleared whole without losing what still
 * counts.
 */
#include "vpnd/proto/replay.h"

#include <string.h>

enum {
	WORD_BITS = 64,
	RING_WORDS = REPLAY_WINDOW_BITS / WORD_BITS + 1,
};

void replay_init(struct replay_window *window)
{
	memset(window, 0, sizeof(*window));
}

/* Make `counter` the greatest, and clear the words that it is the first to reach. */
static void advance(struct replay_window *window, uint64_t counter)
{
	uint64_t reached = window->greatest_plus_1 ? (window->greatest_plus_1 - 1) / WORD_BITS : 0;
	uint64_t words = counter / WORD_BITS - reached;

	if (words > RING_WORDS)
		words = RING_WORDS;
	for (uint64_t i = 1; i <= words; i++)
		window->bitmap[(reached + i) % RING_WORDS] = 0;
	window->greatest_plus_1 = counter + 1;
}

enum replay_verdict replay_check(struct replay_window *window, uint64_t counter)
{
	uint64_t *word = &window->bitmap[counter / WORD_BITS % RING_WORDS];
	uint64_t bit = 1ULL << counter % WORD_BITS;

	if (counter >= REJECT_AFTER_MESSAGES)
		return REPLAY_LIMIT;
	if (counter >= window->greatest_plus_1)
		advance(window, counter);
	else if (window->greatest_plus_1 - counter > REPLAY_WINDOW_BITS)
		return REPLAY_TOO_OLD;
	if (*word & bit)
		return REPLAY_DUPLICATE;
	*word |= bit;
	return REPLAY_FRESH;
}
