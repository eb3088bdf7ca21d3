/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns at a queue that several threads take from and work on at the same time: what they took is
 * handed on in the order in which it was taken.
 *
 * Why somebody can always go on: a turn waits for earlier ones alone, and whoever holds one takes
 * no other, at this queue or elsewhere, before it is passed. So of all turns that are out the
 * oldest waits for nobody. While waiting, neither the door nor a lock of the caller's is held. Each
 * turn that passes wakes up all who wait, for any of them may be the next.
 */
#ifndef VPND_DATA_TURNS_H
#define VPND_DATA_TURNS_H

#include <pthread.h>
#include <stdint.h>

struct turns {
	pthread_mutex_t door; /* held by who takes */
	uint64_t taken;       /* turns given out */

	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t moved;
	uint64_t passed; /* turns that are over; it is the turn of the one with this number */
};

void turns_init(struct turns *turns);
void turns_done(struct turns *turns);

/* Who may take, one at a time. Leave with a turn if something was taken, or without one. */
void turns_enter(struct turns *turns);
uint64_t turns_leave(struct turns *turns);
void turns_leave_without(struct turns *turns);

/* Wait until it is this turn; at once if it is already. */
void turns_wait(struct turns *turns, uint64_t turn);
/* The same, and it is over. Every turn has to be passed once. */
void turns_pass(struct turns *turns, uint64_t turn);

#endif
