/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/paths.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vpnd/engine/engine.h"

/* However often routes change, and whoever makes them. The first question goes at once. */
#define ROUND_INTERVAL_US (100 * US_PER_MS)

void paths_done(struct paths *paths)
{
	sd_event_source_disable_unref(paths->timer);
	paths->timer = NULL;
}

static void ask(const struct tunnel *tunnel, const struct peer *peer, const struct path *path)
{
	struct privsep_path question = {
		.type = PRIVSEP_PATH,
		.slot = tunnel->slot,
		.remote = path->remote,
		.local = path->local,
		.ifindex = path->local_ifindex,
	};

	memcpy(question.public_key, peer_public_key(peer), sizeof(question.public_key));
	engine_tell(tunnel->engine, &question, sizeof(question), -1);
}

static void ask_doubtful(const struct tunnel *tunnel, mono_t now)
{
	struct peer *peer = NULL;
	struct peer_info info;

	while ((peer = device_peer_next(tunnel->device, peer))) {
		struct tunnel_peer *extra = peer_user(peer);

		if (!extra->path_doubtful)
			continue;
		extra->path_doubtful = false;
		peer_info(peer, &info, now);
		/* One with a zone has no choice of interfaces. */
		if (info.path.local.family == info.path.remote.addr.family &&
			info.path.local.family != ADDR_NONE && !info.path.remote.scope_id)
			ask(tunnel, peer, &info.path);
	}
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct engine *engine = arg;

	(void)source, (void)usec;
	engine->paths.asked = clock_mono();
	for (uint32_t slot = 0; slot < PRIVSEP_TUNNELS; slot++)
		if (engine->tunnels[slot])
			ask_doubtful(engine->tunnels[slot], engine->paths.asked);
	return 0;
}

static void ask_soon(struct engine *engine)
{
	struct paths *paths = &engine->paths;
	mono_t at = mono_add_us(paths->asked, ROUND_INTERVAL_US);

	if (paths->timer) {
		sd_event_source_set_time(paths->timer, at.us);
		sd_event_source_set_enabled(paths->timer, SD_EVENT_ONESHOT);
	} else if (sd_event_add_time(engine->event, &paths->timer, CLOCK_BOOTTIME, at.us, 1,
			   on_timer, engine) < 0) {
		log_warn("out of memory to check local addresses");
	}
	engine_poke(engine);
}

void paths_rerouted(struct engine *engine)
{
	for (uint32_t slot = 0; slot < PRIVSEP_TUNNELS; slot++) {
		const struct tunnel *tunnel = engine->tunnels[slot];
		struct peer *peer = NULL;

		while (tunnel && (peer = device_peer_next(tunnel->device, peer)))
			((struct tunnel_peer *)peer_user(peer))->path_doubtful = true;
	}
	ask_soon(engine);
}

void paths_moved(struct engine *engine, struct peer *peer)
{
	struct tunnel_peer *extra = peer_user(peer);

	extra->path_doubtful = true;
	ask_soon(engine);
}

void paths_stale(struct engine *engine, const struct privsep_path *stale)
{
	const struct tunnel *tunnel = engine->tunnels[stale->slot];
	struct peer *peer = tunnel ? device_peer(tunnel->device, stale->public_key) : NULL;
	struct peer_info info;

	if (!peer)
		return;
	peer_info(peer, &info, clock_mono());
	if (endpoint_equal(&info.path.remote, &stale->remote) &&
		addr_equal(&info.path.local, &stale->local) &&
		info.path.local_ifindex == stale->ifindex)
		peer_clear_local(peer);
}
