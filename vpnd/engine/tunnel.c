/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/tunnel.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
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
#include "vpnd/proto/crypto.h"

enum {
	LOOPS_PER_MINUTE = 1,
	ROAMS_PER_MINUTE = 20, /* lines; whoever can send our packets on causes them */
	CLOCKS_PER_MINUTE = 2,
	RIVALS_PER_MINUTE = 2,
	SAVE_SHARE = 20, /* saving takes at most this part of the time, unless changes are rare */
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

/* --- the interface ---------------------------------------------------------------------------- */

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
