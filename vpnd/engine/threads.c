/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/threads.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "vpnd/engine/engine.h"
#include "vpnd/engine/wire.h"

/* --- on the lanes' threads
 * ------------------------------------------------------------------------
 */

static void worked(void *arg, const struct lane *lane)
{
	struct tunnel *tunnel = arg;

	/* One that is later is found out to be when its time comes. */
	if (mono_before(device_deadline(tunnel->device), tunnel->timer_at))
		tunnel_arm(tunnel);
	tunnel_say_fallbacks(tunnel, lane);
}

static void tun_lost(void *arg, int error)
{
	tunnel_lose_tun(arg, error);
}

static void socket_failed(void *arg, enum addr_family family)
{
	wire_read_errors(arg, family);
}

const struct road_upcalls threads_upcalls = {
	.worked = worked,
	.tun_lost = tun_lost,
	.socket_failed = socket_failed,
};

void engine_poke(struct engine *engine)
{
	if (!engine->crew || engine->poked)
		return;
	engine->poked = true;
	eventfd_write(engine->poke_fd, 1);
}

/* --- on the engine's own
 * --------------------------------------------------------------------------
 */

/* To have been woken up is enough: the loop looks at its timers before it sleeps again. */
static int on_poke(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct engine *engine = arg;
	eventfd_t pokes;

	(void)source, (void)revents;
	eventfd_read(fd, &pokes);
	engine->poked = false;
	return 0;
}

int threads_start(struct engine *engine, size_t lanes)
{
	int r;

	if (lanes < 2)
		return 0;
	engine->poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (engine->poke_fd < 0)
		return -errno;
	r = sd_event_add_io(
		engine->event, &engine->poke_source, engine->poke_fd, EPOLLIN, on_poke, engine);
	if (r < 0)
		return r;
	sd_event_source_set_io_fd_own(engine->poke_source, true);
	r = crew_new(lanes, &engine->crew);
	if (r == 0)
		pthread_mutex_lock(crew_lock(engine->crew));
	return r;
}

void threads_end(struct engine *engine)
{
	if (engine->crew)
		pthread_mutex_unlock(crew_lock(engine->crew));
	crew_free(engine->crew);
	engine->crew = NULL;
	sd_event_source_disable_unref(engine->poke_source);
}

void threads_call(struct engine *engine, void (*present)(void *arg), void *arg)
{
	if (engine->crew)
		crew_call(engine->crew, present, arg);
	else
		present(arg);
}

void threads_gather(struct engine *engine)
{
	if (!engine->crew)
		return;
	crew_halt(engine->crew); /* once for all */
	for (size_t slot = 0; slot < PRIVSEP_TUNNELS; slot++)
		if (engine->tunnels[slot])
			road_gather(engine->tunnels[slot]->road);
	crew_go(engine->crew);
}

/* Returns as sd_event_wait. */
static int sleep_unlocked(struct engine *engine)
{
	struct pollfd loop = {.fd = sd_event_get_fd(engine->event), .events = POLLIN};
	int n;

	pthread_mutex_unlock(crew_lock(engine->crew));
	n = ppoll(&loop, 1, NULL, NULL);
	pthread_mutex_lock(crew_lock(engine->crew));
	if (n < 0 && errno != EINTR)
		return -errno;
	return sd_event_wait(engine->event, 0);
}

int threads_loop(struct engine *engine)
{
	int r = 0;

	if (!engine->crew)
		return sd_event_loop(engine->event);
	while (r >= 0 && sd_event_get_state(engine->event) != SD_EVENT_FINISHED) {
		r = sd_event_prepare(engine->event);
		if (r == 0)
			r = sleep_unlocked(engine);
		if (r > 0)
			r = sd_event_dispatch(engine->event);
	}
	if (r >= 0)
		sd_event_get_exit_code(engine->event, &r);
	return r;
}
