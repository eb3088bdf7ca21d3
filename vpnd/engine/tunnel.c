/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/tunnel.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/intake.h"
#include "vpnd/engine/prober.h"
#include "vpnd/engine/state.h"
#include "vpnd/engine/threads.h"
#include "vpnd/engine/uapi.h"
#include "vpnd/engine/upcalls.h"
#include "vpnd/engine/wire.h"
#include "vpnd/proto/crypto.h"

_Static_assert((int)PRIVSEP_TAKES_TCP4 == COALESCE_TCP4 &&
		       (int)PRIVSEP_TAKES_TCP6 == COALESCE_TCP6 &&
		       (int)PRIVSEP_TAKES_UDP4 == COALESCE_UDP4 &&
		       (int)PRIVSEP_TAKES_UDP6 == COALESCE_UDP6,
	"what the monitor says is what the lane understands");

_Static_assert((int)PRIVSEP_LANES == (int)CREW_MAX, "each lane has a thread and a queue");

enum {
	LOOPS_PER_MINUTE = 1,
	ROAMS_PER_MINUTE = 20, /* lines; whoever can send our packets on causes them */
	CLOCKS_PER_MINUTE = 2,
	RIVALS_PER_MINUTE = 2,
	TURNS_AT_ONCE = 8, /* of one tunnel, before others have theirs */
	SAVE_SHARE = 20,   /* saving takes at most this part of the time, unless changes are rare */
};

const char *tunnel_peer_label(const struct peer *peer, char out[static TUNNEL_PEER_LABEL])
{
	const struct tunnel_peer *extra = peer_user(peer);

	return extra->name[0] ? extra->name : key_to_base64(peer_public_key(peer), out);
}

/* --- events ----------------------------------------------------------------------------------- */

void tunnel_arm(struct tunnel *tunnel)
{
	mono_t at = device_deadline(tunnel->device);

	if (at.us == tunnel->timer_at.us)
		return;
	tunnel->timer_at = at;
	engine_poke(tunnel->engine);
	if (at.us == MONO_NEVER.us) {
		sd_event_source_set_enabled(tunnel->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(tunnel->timer, at.us);
	sd_event_source_set_enabled(tunnel->timer, SD_EVENT_ONESHOT);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *arg)
{
	struct tunnel *tunnel = arg;

	(void)source, (void)usec;
	device_tick(tunnel->device, clock_mono());
	tunnel->timer_at = MONO_NEVER; /* it went off, and is off */
	tunnel_arm(tunnel);
	return 0;
}

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

/* Hand the state to the monitor, for the engine after this one. */
static void save(struct tunnel *tunnel, mono_t now)
{
	struct privsep_slot msg = {.type = PRIVSEP_STATE, .slot = tunnel->slot};
	int fd, r = state_save(tunnel, now, &fd);

	if (r < 0) {
		log_warn("%s: state cannot be saved: %s", tunnel->name, strerror(-r));
		return;
	}
	engine_tell(tunnel->engine, &msg, sizeof(msg), fd);
	close(fd);
	tunnel->next_save = mono_add_us(now, SAVE_SHARE * mono_elapsed_us(now, clock_mono()));
}

static int on_saver(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source, (void)usec;
	save(arg, clock_mono());
	return 0;
}

void tunnel_save_soon(struct tunnel *tunnel)
{
	sd_event_source_set_time(tunnel->saver, tunnel->next_save.us);
	sd_event_source_set_enabled(tunnel->saver, SD_EVENT_ONESHOT);
	engine_poke(tunnel->engine);
}

void tunnel_save_pending(struct tunnel *tunnel)
{
	if (sd_event_source_get_enabled(tunnel->saver, NULL) > 0)
		save(tunnel, clock_mono());
}

void tunnel_changed(struct tunnel *tunnel)
{
	mono_t now = clock_mono();

	if (mono_before(now, tunnel->next_save))
		tunnel_save_soon(tunnel);
	else
		save(tunnel, now);
	tunnel_arm(tunnel);
}

/* --- life ------------------------------------------------------------------------------------- */

static int add_timers(struct tunnel *tunnel)
{
	sd_event *event = tunnel->engine->event;
	int r = sd_event_add_time(event, &tunnel->timer, CLOCK_BOOTTIME, 0, 1, on_deadline, tunnel);

	if (r < 0)
		return r;
	sd_event_source_set_enabled(tunnel->timer, SD_EVENT_OFF);
	r = sd_event_add_time(event, &tunnel->saver, CLOCK_BOOTTIME, 0, 1, on_saver, tunnel);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(tunnel->saver, SD_EVENT_OFF);
}

int tunnel_new(struct engine *engine, uint32_t slot, const char *name, struct tunnel **out)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	int r;

	if (!tunnel)
		return -ENOMEM;
	tunnel->engine = engine;
	tunnel->slot = slot;
	tunnel->family = ADDR_V4;
	tunnel->timer_at = MONO_NEVER;
	tunnel->loops = LOG_LIMIT_INIT(LOOPS_PER_MINUTE);
	tunnel->roaming = LOG_LIMIT_INIT(ROAMS_PER_MINUTE);
	tunnel->rivals = LOG_LIMIT_INIT(RIVALS_PER_MINUTE);
	tunnel->clocks = LOG_LIMIT_INIT(CLOCKS_PER_MINUTE);
	strncpy(tunnel->name, name, sizeof(tunnel->name) - 1);
	tunnel->device = device_new(&upcalls_of_tunnel, tunnel, engine->guard);
	lane_init(&tunnel->lane, tunnel->device, &engine->room);
	tunnel->lane.opened = prober_take;
	tunnel->lane.opened_arg = tunnel;
	r = tunnel->device ? add_timers(tunnel) : -ENOMEM;
	if (r >= 0 && engine->crew)
		r = road_new(engine->crew, &tunnel->lane, &threads_upcalls, tunnel, &tunnel->road);
	if (r < 0) {
		tunnel_free(tunnel);
		return r;
	}
	*out = tunnel;
	return 0;
}

static void answer(struct tunnel_question *question, int error)
{
	struct tunnel_question asked = *question;

	*question = (struct tunnel_question){0};
	if (asked.done)
		asked.done(asked.arg, error);
}

void tunnel_free(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	road_free(tunnel->road);
	tunnel->road = NULL;
	answer(&tunnel->bind, -ECANCELED);
	answer(&tunnel->mark, -ECANCELED);
	uapi_server_free(tunnel->uapi);
	intake_free(tunnel->intake);
	sd_event_source_disable_unref(tunnel->tun_source);
	sd_event_source_disable_unref(tunnel->udp_source[0]);
	sd_event_source_disable_unref(tunnel->udp_source[1]);
	sd_event_source_disable_unref(tunnel->timer);
	sd_event_source_disable_unref(tunnel->saver);
	while (tunnel->device && device_peer_count(tunnel->device))
		tunnel_peer_remove(tunnel, device_peer_next(tunnel->device, NULL));
	device_free(tunnel->device);
	lane_done(&tunnel->lane);
	free(tunnel);
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

static void set_mtu(struct tunnel *tunnel, uint32_t mtu)
{
	if (tunnel->road)
		road_stop(tunnel->road);
	tunnel->mtu = mtu;
	tunnel->lane.mtu = mtu;
	if (tunnel->road && road_begin(tunnel->road) < 0)
		log_err("%s: out of memory, no packets pass", tunnel->name);
}

void tunnel_set_link(struct tunnel *tunnel, bool up, uint32_t mtu)
{
	bool came_up = up && !tunnel->up;
	mono_t now = clock_mono();

	if (mtu != tunnel->mtu)
		set_mtu(tunnel, mtu);
	tunnel->up = up;
	device_set_up(tunnel->device, up, now);
	if (came_up && tunnel->from_config)
		tunnel_shake_hands(tunnel, now);
	tunnel_arm(tunnel);
}

/* --- questions to the monitor -------------------------------------------------------------------
 */

int tunnel_bind(struct tunnel *tunnel, uint16_t port, tunnel_done_fn done, void *arg)
{
	struct privsep_bind msg = {
		.type = PRIVSEP_BIND,
		.slot = tunnel->slot,
		.fwmark = tunnel->fwmark,
		.port = port,
	};

	if (tunnel->bind.done)
		return -EBUSY;
	tunnel->bind = (struct tunnel_question){done, arg};
	engine_tell(tunnel->engine, &msg, sizeof(msg), -1);
	return 0;
}

void tunnel_bound(struct tunnel *tunnel, int error, uint16_t port)
{
	if (!error)
		tunnel->listen_port = port;
	answer(&tunnel->bind, -error);
}

int tunnel_mark(struct tunnel *tunnel, uint32_t fwmark, tunnel_done_fn done, void *arg)
{
	struct privsep_mark msg = {
		.type = PRIVSEP_MARK,
		.slot = tunnel->slot,
		.fwmark = fwmark,
	};

	if (tunnel->mark.done)
		return -EBUSY;
	tunnel->mark = (struct tunnel_question){done, arg};
	tunnel->mark_asked = fwmark;
	engine_tell(tunnel->engine, &msg, sizeof(msg), -1);
	return 0;
}

void tunnel_marked(struct tunnel *tunnel, int error)
{
	if (!error)
		tunnel->fwmark = tunnel->mark_asked;
	answer(&tunnel->mark, -error);
}

/* --- peers ------------------------------------------------------------------------------------ */

int tunnel_peer_get(
	struct tunnel *tunnel, const uint8_t public_key[static KEY_LEN], struct peer **out)
{
	struct tunnel_peer *extra;
	int r;

	*out = device_peer(tunnel->device, public_key);
	if (*out)
		return 0;
	extra = calloc(1, sizeof(*extra));
	if (!extra)
		return -ENOMEM;
	r = device_peer_add(tunnel->device, public_key, out);
	if (r < 0) {
		free(extra);
		return r;
	}
	peer_set_user(*out, extra);
	return 0;
}

void tunnel_peer_remove(struct tunnel *tunnel, struct peer *peer)
{
	struct tunnel_peer *extra = peer_user(peer);

	prober_free(extra->prober);
	free(extra);
	device_peer_remove(tunnel->device, peer);
}

void tunnel_set_private_key(struct tunnel *tunnel, const uint8_t key[static KEY_LEN], mono_t now)
{
	struct {
		uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	} keys;
	struct peer *own;

	memcpy(keys.private_key, key, KEY_LEN);
	if (!key_is_zero(key)) {
		key_clamp(keys.private_key);
		crypto_dh_public(keys.public_key, keys.private_key);
		own = device_peer(tunnel->device, keys.public_key);
		if (own)
			tunnel_peer_remove(tunnel, own);
	}
	device_set_private_key(tunnel->device, keys.private_key, now);
	crypto_wipe(&keys, sizeof(keys));
}

void tunnel_shake_hands(struct tunnel *tunnel, mono_t now)
{
	struct peer *peer = NULL;
	struct peer_info info;

	while ((peer = device_peer_next(tunnel->device, peer))) {
		peer_info(peer, &info, now);
		if (!info.has_session && !info.handshaking)
			peer_handshake(peer, now);
	}
	tunnel_arm(tunnel);
}
