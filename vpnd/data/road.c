/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/road.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { BATCHES_AT_ONCE = 8 }; /* of one descriptor, before others have their turn */

/* One of the lanes, and what its thread listens at. */
struct place {
	struct road *road;
	size_t thread;
	struct lane lane;
	struct crew_post tun, v4, v6; /* fd -1: none */
};

struct road {
	struct crew *crew;
	struct lane *model;
	const struct road_upcalls *upcalls;
	void *arg;
	struct lane_company company;
	bool runs;
	struct place places[]; /* as many as the crew has threads */
};

#define PLACE_OF(post, member) ((struct place *)((char *)(post)-offsetof(struct place, member)))

/* --- on the threads
 * -------------------------------------------------------------------------------
 */

static void serve_tun(struct crew_post *post, uint32_t events)
{
	struct place *place = PLACE_OF(post, tun);
	struct road *road = place->road;
	int n = 1;

	(void)events;
	for (int i = 0; i < BATCHES_AT_ONCE && n > 0; i++)
		n = lane_out(&place->lane, clock_mono());
	if (n >= 0)
		return;
	/* An interface that is gone leaves the queue readable for ever. */
	crew_leave(road->crew, place->thread, post);
	pthread_mutex_lock(road->company.lock);
	road->upcalls->tun_lost(road->arg, n);
	pthread_mutex_unlock(road->company.lock);
}

static void serve_udp(struct place *place, enum addr_family family, uint32_t events)
{
	struct road *road = place->road;
	int n = 1;

	if (events & EPOLLERR) {
		pthread_mutex_lock(road->company.lock);
		road->upcalls->socket_failed(road->arg, family);
		pthread_mutex_unlock(road->company.lock);
	}
	/* An error that waits at a socket goes away by being read. */
	for (int i = 0; i < BATCHES_AT_ONCE && n > 0; i++)
		n = lane_in(&place->lane, family, clock_mono());
}

static void serve_v4(struct crew_post *post, uint32_t events)
{
	serve_udp(PLACE_OF(post, v4), ADDR_V4, events);
}

static void serve_v6(struct crew_post *post, uint32_t events)
{
	serve_udp(PLACE_OF(post, v6), ADDR_V6, events);
}

/* --- life
 * -----------------------------------------------------------------------------------------
 */

static void init_place(struct road *road, size_t thread)
{
	struct place *place = &road->places[thread];

	place->road = road;
	place->thread = thread;
	lane_init(&place->lane, road->model->device, crew_room(road->crew, thread));
	place->lane.company = &road->company;
	place->tun = (struct crew_post){.fd = -1, .serve = serve_tun};
	place->v4 = (struct crew_post){.fd = -1, .serve = serve_v4};
	place->v6 = (struct crew_post){.fd = -1, .serve = serve_v6};
}

int road_new(struct crew *crew, struct lane *model, const struct road_upcalls *upcalls, void *arg,
	struct road **out)
{
	const size_t size = crew_size(crew);
	struct road *road = calloc(1, sizeof(*road) + size * sizeof(road->places[0]));

	if (!road)
		return -ENOMEM;
	road->crew = crew;
	road->model = model;
	road->upcalls = upcalls;
	road->arg = arg;
	road->company.lock = crew_lock(crew);
	road->company.worked = upcalls->worked;
	road->company.arg = arg;
	turns_init(&road->company.v4);
	turns_init(&road->company.v6);
	for (size_t i = 0; i < size; i++)
		init_place(road, i);
	*out = road;
	return 0;
}

void road_free(struct road *road)
{
	if (!road)
		return;
	road_stop(road);
	for (size_t i = 0; i < crew_size(road->crew); i++)
		cleanup_close(&road->places[i].lane.tun.fd);
	turns_done(&road->company.v4);
	turns_done(&road->company.v6);
	free(road);
}

/* --- traffic
 * --------------------------------------------------------------------------------------
 */

static void leave(struct place *place, struct crew_post *post)
{
	if (post->fd >= 0)
		crew_leave(place->road->crew, place->thread, post);
	post->fd = -1;
}

static int join(struct place *place, struct crew_post *post, int fd, uint32_t events)
{
	int r;

	if (fd < 0)
		return 0;
	post->fd = fd;
	r = crew_join(place->road->crew, place->thread, post, events);
	if (r < 0)
		post->fd = -1;
	return r;
}

static void gather_tun(struct tun *model, struct tun *tun)
{
	model->refused += tun->refused;
	model->malformed += tun->malformed;
	model->fallbacks += tun->fallbacks;
	tun->refused = tun->malformed = tun->fallbacks = 0;
}

static void gather_errors(struct udp_errors *model, struct udp_errors *errors)
{
	model->dropped += errors->dropped;
	model->fallbacks += errors->fallbacks;
	if (errors->newest)
		model->newest = errors->newest;
	if (errors->fallback_error)
		model->fallback_error = errors->fallback_error;
	*errors = (struct udp_errors){0};
}

static void gather(const struct place *place, struct lane *lane)
{
	struct lane *model = place->road->model;

	gather_tun(&model->tun, &lane->tun);
	gather_tun(&model->tun, &lane->sink);
	gather_errors(&model->udp_errors, &lane->udp_errors);
	model->tun.takes &= lane->sink.takes;
	model->udp.v4.segments &= lane->udp.v4.segments;
	model->udp.v6.segments &= lane->udp.v6.segments;
}

static void stop_place(struct place *place)
{
	gather(place, &place->lane);
	leave(place, &place->tun);
	leave(place, &place->v4);
	leave(place, &place->v6);
}

static void prepare_place(struct place *place)
{
	const struct lane *model = place->road->model;
	struct lane *lane = &place->lane;

	lane->udp = model->udp;
	lane->sink = (struct tun){.fd = model->tun.fd, .takes = model->tun.takes};
	lane->mtu = model->mtu;
	lane->opened = model->opened;
	lane->opened_arg = model->opened_arg;
}

/* A datagram wakes up one thread, and one more if it comes while that one is at work. */
static int begin_place(struct place *place)
{
	const struct lane *lane = &place->lane;
	int r = join(place, &place->tun, lane->tun.fd, EPOLLIN);

	if (r == 0)
		r = join(place, &place->v4, lane->udp.v4.fd, EPOLLIN | EPOLLEXCLUSIVE);
	if (r == 0)
		r = join(place, &place->v6, lane->udp.v6.fd, EPOLLIN | EPOLLEXCLUSIVE);
	return r;
}

static void stop_places(struct road *road)
{
	for (size_t i = 0; i < crew_size(road->crew); i++)
		stop_place(&road->places[i]);
	road->runs = false;
}

void road_stop(struct road *road)
{
	if (!road->runs)
		return;
	crew_halt(road->crew);
	stop_places(road);
	crew_go(road->crew);
}

int road_begin(struct road *road)
{
	int r = 0;

	if (road->runs)
		return 0;
	crew_halt(road->crew);
	road->runs = true;
	for (size_t i = 0; i < crew_size(road->crew); i++)
		prepare_place(&road->places[i]);
	for (size_t i = 0; r == 0 && i < crew_size(road->crew); i++)
		r = begin_place(&road->places[i]);
	if (r < 0)
		stop_places(road);
	crew_go(road->crew);
	return r;
}

void road_gather(struct road *road)
{
	if (!road->runs)
		return;
	crew_halt(road->crew);
	for (size_t i = 0; i < crew_size(road->crew); i++)
		gather(&road->places[i], &road->places[i].lane);
	crew_go(road->crew);
}

void road_set_queue(struct road *road, size_t thread, int fd)
{
	struct tun *tun = &road->places[thread].lane.tun;

	cleanup_close(&tun->fd);
	*tun = TUN_NONE;
	tun->fd = fd;
}
