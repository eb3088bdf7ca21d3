/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread sleeps in epoll_wait on its posts and on the bell, an eventfd that all of them hear as
 * long as it rings. It rings while the crew is halted. Whoever hears it rests, and forgets what
 * else epoll_wait told: when it wakes up those posts may not exist any more.
 *
 * The roll is an eventfd too, but edge-triggered and never read: each call is heard once by each
 * thread. One that forgets it as it rests answers by resting.
 */
#include "vpnd/data/crew.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vpnd/data/lane.h"
#include "vpnd/proto/aead.h"

enum { EVENTS = 16 }; /* taken at once */

struct thread {
	struct crew *crew;
	pthread_t id;
	int epoll;
	uint64_t answered; /* the newest call */
	struct lane_room room;
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t rested, go;
	int bell, roll;
	uint64_t calls; /* of the roll; what follows is of the newest */
	size_t missing; /* threads that have not answered it */
	void (*present)(void *arg);
	void *present_arg;
	unsigned int halts; /* that are not over */
	size_t resting;     /* threads */
	bool ends;
	atomic_uint busy_poll_us;
	size_t size;
	struct thread threads[CREW_MAX];
};

/* --- on the threads
 * -------------------------------------------------------------------------------
 */

/* With the lock. */
static void answer(struct thread *thread)
{
	struct crew *crew = thread->crew;

	if (thread->answered == crew->calls)
		return;
	thread->answered = crew->calls;
	if (--crew->missing == 0)
		crew->present(crew->present_arg);
}

/* False: it is the end. */
static bool rest(struct thread *thread)
{
	struct crew *crew = thread->crew;
	bool stay;

	pthread_mutex_lock(&crew->lock);
	answer(thread);
	crew->resting++;
	pthread_cond_signal(&crew->rested);
	while (crew->halts)
		pthread_cond_wait(&crew->go, &crew->lock);
	crew->resting--;
	stay = !crew->ends;
	pthread_mutex_unlock(&crew->lock);
	return stay;
}

static void answer_call(struct thread *thread)
{
	pthread_mutex_lock(&thread->crew->lock);
	answer(thread);
	pthread_mutex_unlock(&thread->crew->lock);
}

/* Returns whether the bell rang; if it did, nothing was served. */
static bool serve(struct thread *thread, const struct epoll_event *events, int count)
{
	const struct crew *crew = thread->crew;

	for (int i = 0; i < count; i++)
		if (events[i].data.ptr == &crew->bell)
			return true;
	for (int i = 0; i < count; i++) {
		struct crew_post *post = events[i].data.ptr;

		if (events[i].data.ptr == &crew->roll)
			answer_call(thread);
		else
			post->serve(post, events[i].events);
	}
	return false;
}

static void *work(void *arg)
{
	struct thread *thread = arg;
	struct crew *crew = thread->crew;
	struct epoll_event events[EVENTS];
	mono_t idle_since = clock_mono();
	bool stay = true;

	pthread_setname_np(pthread_self(), "vpnd-lane");
	while (stay) {
		uint32_t patience_us =
			atomic_load_explicit(&crew->busy_poll_us, memory_order_relaxed);
		bool look = patience_us && mono_elapsed_us(idle_since, clock_mono()) < patience_us;
		int n = epoll_wait(thread->epoll, events, EVENTS, look ? 0 : -1);

		if (n > 0 && serve(thread, events, n))
			stay = rest(thread);
		if (n > 0 && patience_us)
			idle_since = clock_mono();
	}
	aead_leave();
	return NULL;
}

/* --- life
 * -----------------------------------------------------------------------------------------
 */

static int listen_to(int epoll, int *fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = fd};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, *fd, &event);
}

static int start(struct crew *crew)
{
	struct thread *thread = &crew->threads[crew->size];
	int r;

	*thread = (struct thread){.crew = crew};
	r = lane_room_init(&thread->room);
	if (r < 0)
		return r;
	thread->epoll = epoll_create1(EPOLL_CLOEXEC);
	r = thread->epoll < 0 || listen_to(thread->epoll, &crew->bell, EPOLLIN) < 0 ||
			    listen_to(thread->epoll, &crew->roll, EPOLLIN | EPOLLET) < 0
		    ? -errno
		    : -pthread_create(&thread->id, NULL, work, thread);
	if (r == 0) {
		crew->size++;
		return 0;
	}
	cleanup_close(&thread->epoll);
	lane_room_done(&thread->room);
	return r;
}

int crew_new(size_t count, struct crew **out)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	int r;

	if (!crew)
		return -ENOMEM;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->rested, NULL);
	pthread_cond_init(&crew->go, NULL);
	crew->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	crew->roll = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = crew->bell < 0 || crew->roll < 0 ? -errno : 0;
	while (r == 0 && crew->size < count)
		r = start(crew);
	if (r < 0) {
		crew_free(crew);
		return r;
	}
	/* Each is seen at work, or rather at rest: its beginning is over. */
	pthread_mutex_lock(&crew->lock);
	crew_halt(crew);
	crew_go(crew);
	pthread_mutex_unlock(&crew->lock);
	*out = crew;
	return 0;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->ends = true;
	if (crew->size)
		eventfd_write(crew->bell, 1);
	pthread_mutex_unlock(&crew->lock);
	for (size_t i = 0; i < crew->size; i++) {
		pthread_join(crew->threads[i].id, NULL);
		cleanup_close(&crew->threads[i].epoll);
		lane_room_done(&crew->threads[i].room);
	}
	cleanup_close(&crew->bell);
	cleanup_close(&crew->roll);
	pthread_cond_destroy(&crew->go);
	pthread_cond_destroy(&crew->rested);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}

size_t crew_size(const struct crew *crew)
{
	return crew->size;
}

struct lane_room *crew_room(struct crew *crew, size_t thread)
{
	return &crew->threads[thread].room;
}

pthread_mutex_t *crew_lock(struct crew *crew)
{
	return &crew->lock;
}

void crew_set_busy_poll(struct crew *crew, uint32_t us)
{
	atomic_store_explicit(&crew->busy_poll_us, us, memory_order_relaxed);
}

/* --- rest and work
 * --------------------------------------------------------------------------------
 */

void crew_halt(struct crew *crew)
{
	if (crew->halts++ == 0)
		eventfd_write(crew->bell, 1);
	while (crew->resting < crew->size)
		pthread_cond_wait(&crew->rested, &crew->lock);
}

void crew_go(struct crew *crew)
{
	eventfd_t rings;

	if (--crew->halts)
		return;
	eventfd_read(crew->bell, &rings);
	pthread_cond_broadcast(&crew->go);
}

void crew_call(struct crew *crew, void (*present)(void *arg), void *arg)
{
	crew->calls++;
	crew->missing = crew->size;
	crew->present = present;
	crew->present_arg = arg;
	eventfd_write(crew->roll, 1);
}

int crew_join(struct crew *crew, size_t thread, struct crew_post *post, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = post};
	int epoll = crew->threads[thread].epoll;

	return epoll_ctl(epoll, EPOLL_CTL_ADD, post->fd, &event) < 0 ? -errno : 0;
}

void crew_leave(struct crew *crew, size_t thread, const struct crew_post *post)
{
	epoll_ctl(crew->threads[thread].epoll, EPOLL_CTL_DEL, post->fd, NULL);
}
