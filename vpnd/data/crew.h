/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads that lanes run on, all of one process, and the lock that they share with the thread
 * that made them. A crew serves posts: each is a descriptor, and who is called when it is ready.
 * What the crew serves, and how, is changed only while all of it rests.
 *
 * Why nobody sleeps beside work:
 * - A thread sleeps in epoll_wait alone, and posts are level-triggered: what is ready and was not
 *   served to its end is told again. So a thread may forget what it was told.
 * - A descriptor that all threads serve is joined with EPOLLEXCLUSIVE. What arrives is told to each
 *   thread that is at work, for when it looks again, until it has woken up one that sleeps.
 * - The bell rings exactly while `halts` is not 0. It, `resting` and `ends` change under the lock,
 *   and whoever waits for them looks at them under the lock before each wait.
 * - A thread that hears the bell holds nothing that others wait for: no turn (turns.h), no lock.
 */
#ifndef VPND_DATA_CREW_H
#define VPND_DATA_CREW_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum { CREW_MAX = 8 }; /* threads */

struct crew;
struct lane_room;

/* Embedded in what it serves. */
struct crew_post {
	int fd;
	/* Called without the lock, on the post's thread, with events of epoll. */
	void (*serve)(struct crew_post *post, uint32_t events);
};

/*
 * Start `count` threads, at most CREW_MAX, which have nothing to serve yet. 0 or a negative errno.
 * They make no system call that a filter must allow beyond what serving takes, futex and
 * epoll_wait.
 */
int crew_new(size_t count, struct crew **out);
/* End the threads, which must not serve anything any more. Without the lock. NULL is fine. */
void crew_free(struct crew *crew);

size_t crew_size(const struct crew *crew);
/* Where the packets of one of the threads are while they move. */
struct lane_room *crew_room(struct crew *crew, size_t thread);

pthread_mutex_t *crew_lock(struct crew *crew);

/*
 * With the lock held, and not on a thread of the crew: wait until all of it rests, and let it work
 * again. The lock is given up while waiting. May be nested.
 */
void crew_halt(struct crew *crew);
void crew_go(struct crew *crew);

/*
 * Serve a post by one of the threads, or no more; `events` of epoll. While the crew rests, or, to
 * leave, on the post's own thread. 0 or a negative errno.
 */
int crew_join(struct crew *crew, size_t thread, struct crew_post *post, uint32_t events);
void crew_leave(struct crew *crew, size_t thread, const struct crew_post *post);

/*
 * With the lock held: call the roll. `present` is called when every thread has come back from what
 * it was serving, with the lock, on the thread that was last. One that hangs keeps that from
 * happening. Another call takes the place of one that is not answered yet.
 */
void crew_call(struct crew *crew, void (*present)(void *arg), void *arg);

/* How long a thread that has nothing to do looks for something before it sleeps, microseconds. */
void crew_set_busy_poll(struct crew *crew, uint32_t us);

#endif
