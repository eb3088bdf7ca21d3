/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that share a queue and hand on in order what they took from it. What is sent to them is
 * answered before more is sent: nothing that comes later can hide that somebody sleeps beside work,
 * and so one lost wake-up ends the test. The thread sanitizer is run on it too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vpnd/data/crew.h"
#include "vpnd/data/turns.h"

enum {
	HANDED_ON = 6000, /* by each size of crew */
	AT_ONCE = 5,      /* at most, from the first to the last answer of a row */
	SPIN_US = 60,     /* at most, of what work and pauses take */
	PATIENCE_MS = 30 * 1000,
};

static unsigned int seed;

/* Each thread has dice of its own. */
static unsigned int roll_dice(unsigned int sides)
{
	static _Thread_local unsigned int state;

	if (!state)
		state = seed ^ (unsigned int)(uintptr_t)&state;
	return (unsigned int)rand_r(&state) % sides;
}

/* For some time without sleep, or now and then long enough for everybody else to sleep. */
static void dawdle(void)
{
	struct timespec now, until;
	const struct timespec nap = {.tv_nsec = 200 * 1000};

	if (roll_dice(64) == 0) {
		nanosleep(&nap, NULL);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)roll_dice(SPIN_US) * 1000;
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec);
}

/* --- a queue that all serve ----------------------------------------------------------------------
 */

struct shared {
	int in[2], out[2]; /* socket pairs: ours, and the threads' */
	struct turns turns;
	struct crew_post posts[CREW_MAX];
	struct crew *crew;
	uint32_t sent, seen;
};

static struct shared shared;

/* One at a time, though more may be there: the rest has to be told of again. */
static void hand_on(struct crew_post *post, uint32_t events)
{
	uint32_t number;
	uint64_t turn;

	(void)events;
	turns_enter(&shared.turns);
	if (recv(post->fd, &number, sizeof(number), MSG_DONTWAIT) != sizeof(number)) {
		turns_leave_without(&shared.turns);
		return;
	}
	turn = turns_leave(&shared.turns);
	dawdle();
	turns_wait(&shared.turns, turn);
	pthread_mutex_lock(crew_lock(shared.crew));
	pthread_mutex_unlock(crew_lock(shared.crew));
	if (send(shared.out[1], &number, sizeof(number), 0) != sizeof(number))
		abort();
	turns_pass(&shared.turns, turn);
}

static void lock(void)
{
	pthread_mutex_lock(crew_lock(shared.crew));
}

static void unlock(void)
{
	pthread_mutex_unlock(crew_lock(shared.crew));
}

static void join_all(void)
{
	for (size_t i = 0; i < crew_size(shared.crew); i++)
		assert_int_equal(
			crew_join(shared.crew, i, &shared.posts[i], EPOLLIN | EPOLLEXCLUSIVE), 0);
}

static void leave_all(void)
{
	for (size_t i = 0; i < crew_size(shared.crew); i++)
		crew_leave(shared.crew, i, &shared.posts[i]);
}

static void open_shared(size_t threads)
{
	shared = (struct shared){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, shared.in), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, shared.out), 0);
	turns_init(&shared.turns);
	assert_int_equal(crew_new(threads, &shared.crew), 0);
	for (size_t i = 0; i < threads; i++)
		shared.posts[i] = (struct crew_post){.fd = shared.in[1], .serve = hand_on};
	lock();
	crew_halt(shared.crew);
	join_all();
	crew_go(shared.crew);
	unlock();
}

static void close_shared(void)
{
	lock();
	crew_halt(shared.crew);
	leave_all();
	crew_go(shared.crew);
	unlock();
	crew_free(shared.crew);
	turns_done(&shared.turns);
	for (size_t i = 0; i < 2; i++) {
		close(shared.in[i]);
		close(shared.out[i]);
	}
}

static void send_some(unsigned int count)
{
	while (count--) {
		assert_int_equal(send(shared.in[0], &shared.sent, sizeof(shared.sent), 0),
			sizeof(shared.sent));
		shared.sent++;
		if (roll_dice(2))
			dawdle();
	}
}

static void all_come_in_order(void)
{
	struct pollfd answers = {.fd = shared.out[0], .events = POLLIN};

	while (shared.seen < shared.sent) {
		uint32_t number;

		if (poll(&answers, 1, PATIENCE_MS) != 1)
			fail_msg("seed %u: %u of %u came, and everybody sleeps", seed, shared.seen,
				shared.sent);
		assert_int_equal(recv(shared.out[0], &number, sizeof(number), 0), sizeof(number));
		assert_int_equal(number, shared.seen);
		shared.seen++;
	}
}

/* As the owner of a road does it, while there may be work. */
static void halt_and_go(void)
{
	lock();
	crew_halt(shared.crew);
	if (roll_dice(2)) {
		leave_all();
		dawdle();
		join_all();
	}
	crew_go(shared.crew);
	if (roll_dice(4) == 0) {
		crew_halt(shared.crew);
		crew_go(shared.crew);
	}
	unlock();
}

static void whatever_is_sent_is_handed_on_in_order(void **state)
{
	static const size_t SIZES[] = {1, 2, 3, CREW_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
		open_shared(SIZES[i]);
		while (shared.sent < HANDED_ON) {
			send_some(1 + roll_dice(AT_ONCE));
			if (roll_dice(16) == 0)
				halt_and_go();
			all_come_in_order();
		}
		close_shared();
	}
}

/* --- turns ---------------------------------------------------------------------------------------
 */

static void turns_come_in_the_order_in_which_they_were_taken(void **state)
{
	struct turns turns;

	(void)state;
	turns_init(&turns);
	turns_enter(&turns);
	assert_int_equal(turns_leave(&turns), 0);
	turns_enter(&turns);
	turns_leave_without(&turns);
	turns_enter(&turns);
	assert_int_equal(turns_leave(&turns), 1);
	turns_wait(&turns, 0);
	turns_pass(&turns, 0);
	turns_wait(&turns, 1);
	turns_pass(&turns, 1);
	turns_done(&turns);
}

/* --- rest, and the roll --------------------------------------------------------------------------
 */

static void a_crew_that_rests_serves_nothing(void **state)
{
	struct crew *crew;

	(void)state;
	for (size_t size = 1; size <= CREW_MAX; size++) {
		assert_int_equal(crew_new(size, &crew), 0);
		pthread_mutex_lock(crew_lock(crew));
		for (int i = 0; i < 50; i++) {
			crew_halt(crew);
			crew_halt(crew);
			crew_go(crew);
			crew_go(crew);
		}
		pthread_mutex_unlock(crew_lock(crew));
		crew_free(crew);
	}
}

/* A post that keeps its thread until it is let go. */
struct trap {
	struct crew_post post;
	int entered[2], let_go[2]; /* pipes */
};

static void hang(struct crew_post *post, uint32_t events)
{
	struct trap *trap = (struct trap *)((char *)post - offsetof(struct trap, post));
	char byte;

	(void)events;
	if (read(post->fd, &byte, 1) != 1 || write(trap->entered[1], &byte, 1) != 1 ||
		read(trap->let_go[0], &byte, 1) != 1)
		abort();
}

static void close_pipe(const int *ends)
{
	close(ends[0]);
	close(ends[1]);
}

static void on_present(void *arg)
{
	const int *told = arg;

	if (write(told[1], "", 1) != 1)
		abort();
}

static bool is_told(const int *told, int timeout_ms)
{
	struct pollfd end = {.fd = told[0], .events = POLLIN};
	char byte;

	return poll(&end, 1, timeout_ms) == 1 && read(told[0], &byte, 1) == 1;
}

static void call(struct crew *crew, int *told)
{
	pthread_mutex_lock(crew_lock(crew));
	crew_call(crew, on_present, told);
	pthread_mutex_unlock(crew_lock(crew));
}

static void the_roll_is_answered_once_nobody_hangs(void **state)
{
	enum { THREADS = 4, ALONG_MS = 100 };
	int told[2], bait[2];
	struct crew *crew;
	struct trap trap;
	char byte;

	(void)state;
	assert_int_equal(pipe(told) | pipe(bait) | pipe(trap.entered) | pipe(trap.let_go), 0);
	assert_int_equal(crew_new(THREADS, &crew), 0);
	for (int i = 0; i < 1000; i++) {
		call(crew, told);
		assert_true(is_told(told, PATIENCE_MS));
	}
	trap.post = (struct crew_post){.fd = bait[0], .serve = hang};
	pthread_mutex_lock(crew_lock(crew));
	crew_halt(crew);
	assert_int_equal(crew_join(crew, 2, &trap.post, EPOLLIN), 0);
	crew_go(crew);
	pthread_mutex_unlock(crew_lock(crew));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(bait[1], "", 1), 1);
		assert_int_equal(read(trap.entered[0], &byte, 1), 1);
		call(crew, told);
		call(crew, told); /* in its place */
		assert_false(is_told(told, ALONG_MS));
		assert_int_equal(write(trap.let_go[1], "", 1), 1);
		assert_true(is_told(told, PATIENCE_MS));
		assert_false(is_told(told, 0)); /* once */
	}
	crew_free(crew);
	close_pipe(told);
	close_pipe(bait);
	close_pipe(trap.entered);
	close_pipe(trap.let_go);
}

/* Whoever hears the bell forgets that it was called. */
static void the_roll_is_answered_whoever_rests(void **state)
{
	struct crew *crew;
	int told[2];

	(void)state;
	assert_int_equal(pipe(told), 0);
	assert_int_equal(crew_new(3, &crew), 0);
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(crew_lock(crew));
		if (i % 2)
			crew_call(crew, on_present, told);
		crew_halt(crew);
		if (i % 2 == 0)
			crew_call(crew, on_present, told);
		crew_go(crew);
		pthread_mutex_unlock(crew_lock(crew));
		assert_true(is_told(told, PATIENCE_MS));
	}
	crew_free(crew);
	close_pipe(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_come_in_the_order_in_which_they_were_taken),
		cmocka_unit_test(a_crew_that_rests_serves_nothing),
		cmocka_unit_test(whatever_is_sent_is_handed_on_in_order),
		cmocka_unit_test(the_roll_is_answered_once_nobody_hangs),
		cmocka_unit_test(the_roll_is_answered_whoever_rests),
	};

	seed = (unsigned int)time(NULL);
	printf("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
