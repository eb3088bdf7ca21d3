/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tunnel listens at, and what it does when there is something. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/uapi.h"
#include "vpnd/engine/wire.h"

_Static_assert((int)PRIVSEP_TAKES_TCP4 == COALESCE_TCP4 &&
		       (int)PRIVSEP_TAKES_TCP6 == COALESCE_TCP6 &&
		       (int)PRIVSEP_TAKES_UDP4 == COALESCE_UDP4 &&
		       (int)PRIVSEP_TAKES_UDP6 == COALESCE_UDP6,
	"what the monitor says is what the lane understands");

_Static_assert((int)PRIVSEP_LANES == (int)CREW_MAX, "each lane has a thread and a queue");

enum { TURNS_AT_ONCE = 8 }; /* of one tunnel, before others have theirs */

/* --- packets ---------------------------------------------------------------------------------- */

/*
 * A TUN whose interface is gone stays readable for ever: stop listening. The monitor may not know
 * yet; if the interface is in another network namespace, nobody else tells it.
 */
void tunnel_lose_tun(struct tunnel *tunnel, int error)
{
	const struct privsep_slot lost = {.type = PRIVSEP_TUN_LOST, .slot = tunnel->slot};

	if (tunnel->tun_lost)
		return;

	log_debug("%s: TUN: %s", tunnel->name, strerror(-error));
	engine_tell(tunnel->engine, &lost, sizeof(lost), -1);
	tunnel->tun_lost = true;
	if (tunnel->tun_source)
		sd_event_source_set_enabled(tunnel->tun_source, SD_EVENT_OFF);
}

/* What the kernel refused once and is not asked for again; each is said once. */
void tunnel_say_fallbacks(struct tunnel *tunnel, const struct lane *lane)
{
	if ((lane->tun.fallbacks || lane->sink.fallbacks) && !tunnel->said_tun_fallback) {
		tunnel->said_tun_fallback = true;
		log_warn("%s: the kernel refuses large frames for the TUN: such packets go one by "
			 "one",
			tunnel->name);
	}
	if (lane->udp_errors.fallbacks && !tunnel->said_udp_fallback) {
		tunnel->said_udp_fallback = true;
		log_warn("%s: the kernel refuses to segment datagrams (%s): they go one by one%s",
			tunnel->name, strerror(lane->udp_errors.fallback_error),
			lane->udp_errors.fallback_error == EMSGSIZE
				? " where the path's MTU is too small for them"
				: "");
	}
}

/* One look at the socket that datagrams came by last. Returns how much there was. */
static int receive(struct tunnel *tunnel, mono_t now)
{
	int in = lane_in(&tunnel->lane, tunnel->family, now);

	/* An error that waits at a socket goes away by being read. */
	if (in < 0)
		log_debug("%s: receive: %s", tunnel->name, strerror(-in));
	return in > 0 ? in : 0;
}

/* One look at the TUN, and one there: what goes one way mostly has an answer. */
static int turn(struct tunnel *tunnel, mono_t now)
{
	int out = tunnel->tun_lost ? 0 : lane_out(&tunnel->lane, now);

	if (out < 0)
		tunnel_lose_tun(tunnel, out);
	return (out > 0 ? out : 0) + receive(tunnel, now);
}

/* Work until nothing waits, but leave others their turn. */
static int work(struct tunnel *tunnel)
{
	mono_t now = clock_mono(), idle_since = now;

	for (int turns = 0; turns < TURNS_AT_ONCE;) {
		bool moved = turn(tunnel, now);

		now = clock_mono();
		if (moved) {
			turns++;
			idle_since = now;
		} else if (mono_elapsed_us(idle_since, now) >= tunnel->busy_poll_us) {
			break;
		}
	}
	tunnel_arm(tunnel);
	tunnel_say_fallbacks(tunnel, &tunnel->lane);
	return 0;
}

static int on_tun(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	(void)source, (void)fd, (void)revents;
	return work(arg);
}

static int on_udp(struct tunnel *tunnel, enum addr_family family, uint32_t revents)
{
	if (revents & EPOLLERR)
		wire_read_errors(tunnel, family);
	tunnel->family = family;
	receive(tunnel, clock_mono()); /* first what woke us */
	return work(tunnel);
}

static int on_udp4(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	(void)source, (void)fd;
	return on_udp(arg, ADDR_V4, revents);
}

static int on_udp6(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	(void)source, (void)fd;
	return on_udp(arg, ADDR_V6, revents);
}

/* --- descriptors ------------------------------------------------------------------------------ */

/* Listen at `fd`, in the place of what `source` listened at. */
static int listen_at(
	struct tunnel *tunnel, sd_event_source **source, int fd, sd_event_io_handler_t handler)
{
	sd_event_source *fresh;
	int r = sd_event_add_io(tunnel->engine->event, &fresh, fd, EPOLLIN, handler, tunnel);

	if (r < 0) {
		close(fd);
		return r;
	}
	sd_event_source_disable_unref(*source);
	*source = fresh;
	return 0;
}

/* Read by one of the lanes, or written by all. */
static int share_tun(struct tunnel *tunnel, uint32_t queue, int fd, uint32_t takes)
{
	if (queue != PRIVSEP_QUEUE_SINK && queue >= crew_size(tunnel->engine->crew)) {
		close(fd);
		return -EPROTO;
	}
	road_stop(tunnel->road);
	if (queue == PRIVSEP_QUEUE_SINK)
		lane_set_tun(&tunnel->lane, fd, takes);
	else
		road_set_queue(tunnel->road, queue, fd);
	return road_begin(tunnel->road);
}

int tunnel_take_tun(struct tunnel *tunnel, uint32_t queue, int fd, uint32_t takes)
{
	int r;

	tunnel->tun_lost = false;
	if (tunnel->road)
		return share_tun(tunnel, queue, fd, takes);
	r = listen_at(tunnel, &tunnel->tun_source, fd, on_tun);
	if (r == 0)
		lane_set_tun(&tunnel->lane, fd, takes);
	return r;
}

int tunnel_take_udp(struct tunnel *tunnel, enum addr_family family, int fd, bool segments)
{
	bool v6 = family == ADDR_V6;
	int r;

	if (tunnel->road) {
		road_stop(tunnel->road);
		lane_set_udp(&tunnel->lane, family, fd, segments);
		return road_begin(tunnel->road);
	}
	r = listen_at(tunnel, &tunnel->udp_source[v6], fd, v6 ? on_udp6 : on_udp4);
	if (r == 0)
		lane_set_udp(&tunnel->lane, family, fd, segments);
	return r;
}

int tunnel_take_uapi(struct tunnel *tunnel, int fd)
{
	struct uapi_server *server;
	int r;

	/* Clients of the socket that we have are not sent away by a reload. */
	if (tunnel->uapi && uapi_server_is_at(tunnel->uapi, fd)) {
		close(fd);
		return 0;
	}
	r = uapi_server_new(tunnel, fd, &server);
	if (r < 0) {
		close(fd);
		return r;
	}
	uapi_server_free(tunnel->uapi);
	tunnel->uapi = server;
	return 0;
}
