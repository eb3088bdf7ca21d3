/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/turns.h"

void turns_init(struct turns *turns)
{
	turns->taken = turns->passed = 0;
	pthread_mutex_init(&turns->door, NULL);
	pthread_mutex_init(&turns->mutex, NULL);
	pthread_cond_init(&turns->moved, NULL);
}

void turns_done(struct turns *turns)
{
	pthread_cond_destroy(&turns->moved);
	pthread_mutex_destroy(&turns->mutex);
	pthread_mutex_destroy(&turns->door);
}

void turns_enter(struct turns *turns)
{
	pthread_mutex_lock(&turns->door);
}

uint64_t turns_leave(struct turns *turns)
{
	uint64_t turn = turns->taken++;

	pthread_mutex_unlock(&turns->door);
	return turn;
}

void turns_leave_without(struct turns *turns)
{
	pthread_mutex_unlock(&turns->door);
}

static void wait_locked(struct turns *turns, uint64_t turn)
{
	while (turns->passed != turn)
		pthread_cond_wait(&turns->moved, &turns->mutex);
}

void turns_wait(struct turns *turns, uint64_t turn)
{
	pthread_mutex_lock(&turns->mutex);
	wait_locked(turns, turn);
	pthread_mutex_unlock(&turns->mutex);
}

void turns_pass(struct turns *turns, uint64_t turn)
{
	pthread_mutex_lock(&turns->mutex);
	wait_locked(turns, turn);
	turns->passed++;
	pthread_mutex_unlock(&turns->mutex);
	pthread_cond_broadcast(&turns->moved); /* who wakes up finds the mutex free */
}
