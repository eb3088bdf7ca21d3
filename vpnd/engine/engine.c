/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/engine.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/control.h"
#include "base/daemon.h"
#include "base/log.h"
#include "vpnd/engine/commands.h"
#include "vpnd/engine/confine.h"
#include "vpnd/engine/followers.h"
#include "vpnd/engine/intake.h"
#include "vpnd/engine/threads.h"
#include "vpnd/engine/watch.h"
#include "vpnd/proto/aead.h"
#include "vpnd/proto/guard.h"

/* The monitor is trusted to live by privsep.h; if it does not, nothing sensible can go on. */
static void fail(struct engine *engine, const char *what, int error)
{
	log_err("%s: %s", what, strerror(-error));
	sd_event_exit(engine->event, 1);
	engine_poke(engine);
}

void engine_tell(struct engine *engine, const void *msg, size_t len, int fd)
{
	int r = channel_send(engine->monitor, msg, len, fd);

	if (r < 0)
		fail(engine, "cannot talk to the monitor", r);
}

int engine_reload(struct engine *engine, engine_reloaded_fn done, void *arg)
{
	struct privsep_plain msg = {.type = PRIVSEP_RELOAD};

	if (engine->reloaded)
		return -EBUSY;
	engine->reloaded = done;
	engine->reloaded_arg = arg;
	engine_tell(engine, &msg, sizeof(msg), -1);
	return 0;
}

static void reloaded(struct engine *engine, const struct privsep_reloaded *answer)
{
	engine_reloaded_fn done = engine->reloaded;

	if (!answer->error)
		memcpy(engine->start.config_hash, answer->config_hash,
			sizeof(engine->start.config_hash));
	engine->reloaded = NULL;
	if (done)
		done(engine->reloaded_arg, answer);
}

/* --- tunnels ---------------------------------------------------------------------------------- */

static void report_failure(
	struct engine *engine, const struct tunnel *tunnel, int error, const char *reason)
{
	struct privsep_failed msg = {
		.type = PRIVSEP_TUNNEL_FAILED,
		.slot = tunnel->slot,
		.error = -error,
	};

	memcpy(msg.reason, reason, sizeof(msg.reason));
	engine_tell(engine, &msg, sizeof(msg), -1);
}

static void begin_batch(struct engine *engine, const struct privsep_tunnel *head)
{
	struct tunnel **tunnel = &engine->tunnels[head->slot];
	int r = *tunnel ? 0 : tunnel_new(engine, head->slot, head->name, tunnel);

	if (r < 0) {
		fail(engine, head->name, r);
		return;
	}
	intake_free((*tunnel)->intake);
	(*tunnel)->intake = intake_new(head);
	if (!(*tunnel)->intake)
		fail(engine, head->name, -ENOMEM);
}

/* A batch that fails is given up: its rest finds no intake and is passed over. */
static void give_up_batch(
	struct engine *engine, struct tunnel *tunnel, int error, const char *reason)
{
	intake_free(tunnel->intake);
	tunnel->intake = NULL;
	report_failure(engine, tunnel, error, reason);
}

static void add_to_batch(struct engine *engine, const union privsep_message *msg, int fd)
{
	struct tunnel *tunnel = engine->tunnels[msg->slot.slot];
	char reason[PRIVSEP_REASON] = "";
	int r;

	if (!tunnel || !tunnel->intake) {
		if (fd >= 0)
			close(fd);
		return;
	}
	r = intake_add(tunnel->intake, msg, fd, reason);
	if (r == -EPROTO)
		fail(engine, "message out of place", r);
	else if (r < 0)
		give_up_batch(engine, tunnel, r, reason);
}

static void end_batch(struct engine *engine, uint32_t slot)
{
	struct tunnel *tunnel = engine->tunnels[slot];
	char reason[PRIVSEP_REASON] = "";
	int r;

	if (!tunnel || !tunnel->intake)
		return;
	r = intake_apply(tunnel->intake, tunnel, clock_mono(), reason);
	if (r < 0) {
		give_up_batch(engine, tunnel, r, reason);
		return;
	}
	intake_free(tunnel->intake);
	tunnel->intake = NULL;
}

static void forget_tunnel(struct engine *engine, uint32_t slot)
{
	tunnel_free(engine->tunnels[slot]);
	engine->tunnels[slot] = NULL;
}

static void set_link(struct engine *engine, const struct privsep_link *link)
{
	struct tunnel *tunnel = engine->tunnels[link->slot];

	if (tunnel)
		tunnel_set_link(tunnel, link->up && !link->gone, link->mtu);
}

static void resolved(struct engine *engine, const struct privsep_endpoint *told)
{
	struct tunnel *tunnel = engine->tunnels[told->slot];
	struct peer *peer = tunnel ? device_peer(tunnel->device, told->public_key) : NULL;
	struct tunnel_peer *extra;
	struct peer_info info;
	mono_t now = clock_mono();

	if (!peer)
		return;
	extra = peer_user(peer);
	memcpy(extra->resolve_reason, told->reason, sizeof(extra->resolve_reason));
	peer_info(peer, &info, now);
	/* A peer that we talk with is where it is, and may have roamed there. */
	if (told->endpoint.addr.family == ADDR_NONE || (info.has_session && !extra->host_is_new))
		return;
	extra->host_is_new = false;
	peer_set_endpoint(peer, &told->endpoint);
	peer_handshake(peer, now);
	tunnel_changed(tunnel);
}

/* --- routes, for status -------------------------------------------------------------------------
 */

static void add_route(struct engine *engine, const struct privsep_route *route)
{
	struct engine_routes *routes = &engine->routes;

	if (routes->count == routes->room) {
		size_t room = routes->room ? 2 * routes->room : 16;
		void *all = reallocarray(routes->all, room, sizeof(*route));

		if (!all) {
			fail(engine, "routes", -ENOMEM);
			return;
		}
		routes->all = all;
		routes->room = room;
	}
	routes->all[routes->count++] = *route;
}

/* --- messages -----------------------------------------------------------------------------------
 */

static void start(struct engine *engine, const struct privsep_start *told)
{
	engine->start = *told;
	log_set_level(told->log_level);
}

static void serve_control(struct engine *engine, int fd)
{
	int r = commands_serve(engine, fd);

	if (r < 0)
		fail(engine, "control socket", r);
}

static void say(struct engine *engine, enum privsep_type type)
{
	struct privsep_plain msg = {.type = type};

	engine_tell(engine, &msg, sizeof(msg), -1);
}

static void answer_ping(void *arg)
{
	say(arg, PRIVSEP_PONG);
}

static void on_bound(struct engine *engine, const struct privsep_bound *bound)
{
	struct tunnel *tunnel = engine->tunnels[bound->slot];

	if (tunnel)
		tunnel_bound(tunnel, bound->error, bound->port);
}

static void on_marked(struct engine *engine, const struct privsep_result *marked)
{
	struct tunnel *tunnel = engine->tunnels[marked->slot];

	if (tunnel)
		tunnel_marked(tunnel, marked->error);
}

/* Sockets come within a batch, or alone as the answer to BIND. */
static void on_udp(struct engine *engine, const union privsep_message *msg, int fd)
{
	struct tunnel *tunnel = engine->tunnels[msg->udp.slot];
	int r;

	if (!tunnel || tunnel->intake) {
		add_to_batch(engine, msg, fd);
		return;
	}
	r = tunnel_take_udp(tunnel, msg->udp.family, fd, msg->udp.segments);
	if (r < 0)
		fail(engine, tunnel->name, r);
}

static void raise_floor(struct engine *engine, const struct privsep_label *told)
{
	int r = labels_floor(&engine->labels, told->public_key, told->newest_s);

	if (r < 0)
		fail(engine, "labels", r);
}

/* The next engine may start from there at once. */
static void save_all(struct engine *engine)
{
	for (uint32_t slot = 0; slot < PRIVSEP_TUNNELS; slot++)
		if (engine->tunnels[slot])
			tunnel_save_pending(engine->tunnels[slot]);
}

static void carry_out(struct engine *engine, const union privsep_message *msg, int fd)
{
	switch ((enum privsep_type)msg->type) {
	case PRIVSEP_START:
		start(engine, &msg->start);
		break;
	case PRIVSEP_CONTROL_FD:
		serve_control(engine, fd);
		break;
	case PRIVSEP_TUNNEL:
		begin_batch(engine, &msg->tunnel);
		break;
	case PRIVSEP_UDP_FD:
		on_udp(engine, msg, fd);
		break;
	case PRIVSEP_TUN_FD:
	case PRIVSEP_UAPI_FD:
	case PRIVSEP_KEYS_FD:
	case PRIVSEP_PEER:
	case PRIVSEP_ALLOWED_IP:
	case PRIVSEP_STATE_FD:
		add_to_batch(engine, msg, fd);
		break;
	case PRIVSEP_TUNNEL_DONE:
		end_batch(engine, msg->slot.slot);
		break;
	case PRIVSEP_TUNNEL_GONE:
		forget_tunnel(engine, msg->slot.slot);
		break;
	case PRIVSEP_SYNCED:
		say(engine, PRIVSEP_READY);
		break;
	case PRIVSEP_LINK:
		set_link(engine, &msg->link);
		break;
	case PRIVSEP_BOUND:
		on_bound(engine, &msg->bound);
		break;
	case PRIVSEP_MARKED:
		on_marked(engine, &msg->result);
		break;
	case PRIVSEP_ENDPOINT:
		resolved(engine, &msg->endpoint);
		break;
	case PRIVSEP_ROUTES:
		engine->routes.count = 0;
		break;
	case PRIVSEP_ROUTE:
		add_route(engine, &msg->route);
		break;
	case PRIVSEP_KERNEL:
		engine->kernel = msg->kernel;
		break;
	case PRIVSEP_EVENT:
		events_keep(&engine->events, &msg->event);
		followers_wake(engine->followers);
		break;
	case PRIVSEP_RELOADED:
		reloaded(engine, &msg->reloaded);
		break;
	case PRIVSEP_LABEL_FLOOR:
		raise_floor(engine, &msg->label);
		break;
	case PRIVSEP_REROUTED:
		paths_rerouted(engine);
		break;
	case PRIVSEP_PATH_STALE:
		paths_stale(engine, &msg->path);
		break;
	case PRIVSEP_PING: /* answered by the loops that move the packets, and only there */
		threads_call(engine, answer_ping, engine);
		break;
	case PRIVSEP_STOP:
		save_all(engine);
		sd_event_exit(engine->event, 0);
		break;
	case PRIVSEP_READY:
	case PRIVSEP_PONG:
	case PRIVSEP_BIND:
	case PRIVSEP_MARK:
	case PRIVSEP_STATE:
	case PRIVSEP_RELOAD:
	case PRIVSEP_TUNNEL_FAILED:
	case PRIVSEP_LABEL:
	case PRIVSEP_PEER_STATE:
	case PRIVSEP_TUN_LOST:
	case PRIVSEP_PATH:
	case PRIVSEP_PATH_MTU:
		break; /* ours to say: privsep_check has refused them */
	}
}

static void on_message(void *arg, const void *bytes, size_t len, int fd)
{
	struct engine *engine = arg;
	union privsep_message msg;

	if (!privsep_check(bytes, len, fd >= 0, PRIVSEP_FROM_MONITOR)) {
		if (fd >= 0)
			close(fd);
		fail(engine, "message of the monitor", -EPROTO);
		return;
	}
	memcpy(&msg, bytes, len);
	carry_out(engine, &msg, fd);
	sodium_memzero(&msg, len);
}

static void on_closed(void *arg, int error)
{
	struct engine *engine = arg;

	log_info("the monitor is gone%s%s", error ? ": " : "", error ? strerror(-error) : "");
	sd_event_exit(engine->event, 1);
}

/* --- life ------------------------------------------------------------------------------------- */

static int set_up(struct engine *engine, int channel_fd, size_t lanes)
{
	uint8_t seed[16];
	int r;

	if (sodium_init() < 0)
		return -ENOSYS;
	/* What confine_engine leaves us no way to ask. */
	gethostname(engine->host, sizeof(engine->host) - 1);
	engine->monitor_pid = getppid();
	randombytes_buf(seed, sizeof(seed));
	engine->guard = guard_new(seed);
	if (!engine->guard)
		return -ENOMEM;
	r = lane_room_init(&engine->room);
	if (r < 0)
		return r;
	r = sd_event_new(&engine->event);
	if (r < 0)
		return r;
	r = channel_new(channel_fd, engine->event, on_message, on_closed, engine, &engine->monitor);
	if (r < 0)
		return r;
	r = followers_new(engine, &engine->followers);
	if (r < 0)
		return r;
	r = watch_new(engine, &engine->watch);
	if (r == 0)
		r = threads_start(engine, lanes);
	return r < 0 ? r : confine_engine();
}

static void tear_down(struct engine *engine)
{
	for (uint32_t slot = 0; slot < PRIVSEP_TUNNELS; slot++)
		forget_tunnel(engine, slot);
	threads_end(engine);
	control_server_free(engine->control);
	followers_free(engine->followers);
	watch_free(engine->watch);
	paths_done(&engine->paths);
	channel_free(engine->monitor);
	sd_event_unref(engine->event);
	lane_room_done(&engine->room);
	free(engine->routes.all);
	labels_done(&engine->labels);
	guard_free(engine->guard);
	aead_leave();
}

/* The monitor serves the others, and tells us when to stop; who asks us alone is obeyed, too. */
static int block_signals(void)
{
	sigset_t term;
	int r = daemon_block_signals();

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	return r < 0 || sigprocmask(SIG_UNBLOCK, &term, NULL) == 0 ? r : -errno;
}

int engine_main(int channel_fd, size_t lanes)
{
	struct engine engine = {0};
	int r = block_signals();

	if (r == 0)
		r = set_up(&engine, channel_fd, lanes);
	if (r == 0)
		r = threads_loop(&engine);
	if (r < 0)
		log_err("engine: %s", strerror(-r));
	tear_down(&engine);
	return r < 0 ? 1 : r;
}
