/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/prober.h"
#include "vpnd/engine/tunnel.h"

enum {
	LINES_PER_MINUTE = 60,
	PERIOD_US = 1000 * 1000,
	SOON_US = 100 * 1000, /* hundreds of peers may answer at once */
	ACCURACY_US = 100 * 1000,
};

struct watch {
	struct engine *engine;
	sd_event_source *timer;
	bool soon;              /* the timer is set to a moment from now, not to its period */
	struct log_limit limit; /* hundreds of peers may go down at once */
};

/* Take over what was found. True if the state is another one. */
static bool mark(struct watch_mark *old, const struct judgement *found, mono_t now)
{
	bool changed = !old->known || old->judged.state != found->state;

	if (changed)
		old->since = now;
	old->known = true;
	old->judged = *found;
	return changed;
}

/* A monitor that is told of its peers logs that, with what it makes of it. */
static void say(struct watch *watch, const char *tunnel, const char *peer,
	const struct judgement *found, mono_t now)
{
	if (!watch->engine->start.uapi_only)
		return;
	log_notice_limited(&watch->limit, now, "%s%s%s: %s%s%s", tunnel, *peer ? ": " : "", peer,
		judge_state_name(found->state), *found->reason ? ": " : "", found->reason);
}

/* A peer that is not known to be down is worth a route. */
static void tell_monitor(
	const struct tunnel *tunnel, const struct peer *peer, const struct judgement *found)
{
	struct privsep_peer_state message = {
		.type = PRIVSEP_PEER_STATE,
		.slot = tunnel->slot,
		.up = found->state != JUDGE_DOWN,
		.proven = found->proven,
	};

	if (tunnel->engine->start.uapi_only)
		return;
	memcpy(message.public_key, peer_public_key(peer), KEY_LEN);
	snprintf(message.reason, sizeof(message.reason), "%.*s", PRIVSEP_REASON - 1, found->reason);
	engine_tell(tunnel->engine, &message, sizeof(message), -1);
}

static void judge_one(
	const struct tunnel *tunnel, const struct peer *peer, mono_t now, struct judgement *out)
{
	const struct tunnel_peer *known = peer_user(peer);
	char room[TUNNEL_PEER_LABEL];
	struct judge_input input = {
		.tunnel = tunnel->name,
		.up = tunnel->up,
		.has_private_key = device_has_private_key(tunnel->device),
		.verdicts = device_verdict_counts(tunnel->device),
		.host = known->host,
		.name = tunnel_peer_label(peer, room),
		.trouble = &known->trouble,
		.resolve_reason = known->resolve_reason,
		.now = now,
		.wall = clock_wall(),
	};

	if (known->prober) {
		input.probe = prober_probe(known->prober);
		input.probed = prober_config(known->prober)->to;
		input.prober = prober_config(known->prober)->from;
	}
	peer_info(peer, &input.peer, now);
	judge_peer(&input, out);
}

static void look_at(struct watch *watch, struct tunnel *tunnel, mono_t now)
{
	bool alone = device_peer_count(tunnel->device) == 1, changed, news;
	struct judge_tally tally = {0};
	struct judgement found;
	struct peer *peer = NULL;
	char room[TUNNEL_PEER_LABEL];
	const char *label;

	while ((peer = device_peer_next(tunnel->device, peer))) {
		struct tunnel_peer *known = peer_user(peer);

		judge_one(tunnel, peer, now, &found);
		label = tunnel_peer_label(peer, room);
		judge_tally_add(&tally, label, &found);
		news = found.proven && !known->liveness.judged.proven;
		changed = mark(&known->liveness, &found, now);
		if (changed && !alone)
			say(watch, tunnel->name, label, &found, now);
		if (changed || news)
			tell_monitor(tunnel, peer, &found);
	}
	judge_tunnel(&tally, &found);
	if (mark(&tunnel->liveness, &found, now))
		say(watch, tunnel->name, "", &found, now);
}

void watch_look(struct watch *watch, mono_t now)
{
	for (size_t slot = 0; slot < PRIVSEP_TUNNELS; slot++)
		if (watch->engine->tunnels[slot])
			look_at(watch, watch->engine->tunnels[slot], now);
}

void watch_soon(struct watch *watch)
{
	if (watch->soon)
		return;
	watch->soon = true;
	sd_event_source_set_time_relative(watch->timer, SOON_US);
	engine_poke(watch->engine);
}

/* What the config declares is tried for ever, with or without traffic for it. */
static void keep_up(const struct watch *watch, mono_t now)
{
	struct tunnel *const *tunnels = watch->engine->tunnels;

	for (size_t slot = 0; slot < PRIVSEP_TUNNELS; slot++)
		if (tunnels[slot] && tunnels[slot]->from_config)
			tunnel_shake_hands(tunnels[slot], now);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct watch *watch = arg;
	mono_t now = clock_mono();

	(void)usec;
	watch->soon = false;
	keep_up(watch, now);
	watch_look(watch, now);
	return sd_event_source_set_time_relative(source, PERIOD_US);
}

int watch_new(struct engine *engine, struct watch **out)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->engine = engine;
	watch->limit = LOG_LIMIT_INIT(LINES_PER_MINUTE);
	r = sd_event_add_time_relative(engine->event, &watch->timer, CLOCK_BOOTTIME, PERIOD_US,
		ACCURACY_US, on_timer, watch);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->timer, SD_EVENT_ON);
	if (r < 0) {
		watch_free(watch);
		return r;
	}
	*out = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->timer);
	free(watch);
}
