/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/upcalls.h"

#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/wire.h"
#include "vpnd/proto/tai64n.h"

static void send_datagram(
	void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	wire_send(arg, path, class, bytes, len);
}

/* Numbers that are no secrets: jitter and indices. They are wanted often, a few bytes at a time. */
static void take_dice(struct engine_dice *dice, void *out, size_t len)
{
	if (dice->left < len) {
		randombytes_buf(dice->bytes, sizeof(dice->bytes));
		dice->left = sizeof(dice->bytes);
	}
	dice->left -= len;
	memcpy(out, dice->bytes + dice->left, len);
}

static void random_bytes(void *arg, void *out, size_t len)
{
	struct tunnel *tunnel = arg;

	if (len <= sizeof(uint32_t))
		take_dice(&tunnel->engine->dice, out, len);
	else
		randombytes_buf(out, len);
}

static void timestamp(void *arg, uint8_t out[static TIMESTAMP_LEN])
{
	struct tunnel *tunnel = arg;
	struct privsep_label msg = {.type = PRIVSEP_LABEL};
	struct wall label;
	bool tell;

	memcpy(msg.public_key, device_public_key(tunnel->device), KEY_LEN);
	label = labels_next(&tunnel->engine->labels, msg.public_key, clock_wall(), &tell);
	msg.newest_s = label.s;
	if (tell)
		engine_tell(tunnel->engine, &msg, sizeof(msg), -1);
	tai64n_label(out, label.s, label.ns);
}

static void check_clock(struct tunnel *tunnel, const struct peer *peer, const char *label)
{
	struct peer_info info;
	int64_t ahead_s;

	peer_info(peer, &info, clock_mono());
	ahead_s = judge_ahead_s(&info, clock_wall());
	if (ahead_s)
		log_warn_limited(&tunnel->clocks, clock_mono(),
			"%s: the clock of %s is %lld s ahead of ours: once it is put right, its "
			"handshakes are refused as old until the peer is removed and added again",
			tunnel->name, label, (long long)ahead_s);
}

static void say_replayed(struct tunnel *tunnel, const struct peer *peer, const char *label)
{
	struct peer_info info;

	peer_info(peer, &info, clock_mono());
	/* While the peer is heard, it is a stranger who plays back what he recorded. */
	if (mono_expired_s(info.last_received, KEEPALIVE_TIMEOUT_S, clock_mono()))
		log_warn_limited(&tunnel->clocks, clock_mono(),
			"%s: a handshake of %s is refused as older than one before: did its clock "
			"go back?",
			tunnel->name, label);
}

static void say_rivals(struct tunnel *tunnel, const struct peer *peer, const char *label)
{
	char a[ENDPOINT_STRLEN], b[ENDPOINT_STRLEN];
	struct peer_info info;

	peer_info(peer, &info, clock_mono());
	log_warn_limited(&tunnel->rivals, clock_mono(),
		"%s: two hosts use the key of peer %s: %s and %s", tunnel->name, label,
		endpoint_format(&info.rivals[0], a), endpoint_format(&info.rivals[1], b));
}

static void on_event(void *arg, struct peer *peer, enum device_event event)
{
	struct tunnel *tunnel = arg;
	struct tunnel_peer *extra = peer_user(peer);
	char room[TUNNEL_PEER_LABEL], at[ENDPOINT_STRLEN];
	const char *label = tunnel_peer_label(peer, room);
	struct peer_info info;

	switch (event) {
	case EVENT_HANDSHAKE_SENT:
		log_debug("%s: handshake sent to %s", tunnel->name, label);
		return;
	case EVENT_SESSION:
		extra->session_wall = clock_wall();
		if (!extra->liveness.judged.proven)
			watch_soon(tunnel->engine->watch);
		log_debug("%s: new session with %s", tunnel->name, label);
		break;
	case EVENT_HANDSHAKE_FAILED:
		log_info("%s: %s does not answer; tried again %s", tunnel->name, label,
			tunnel->from_config ? "at once" : "with the next packet for it");
		return;
	case EVENT_SESSION_EXPIRED:
		log_debug("%s: keys of %s wiped", tunnel->name, label);
		break;
	case EVENT_INITIATION:
		check_clock(tunnel, peer, label);
		return;
	case EVENT_REPLAYED:
		say_replayed(tunnel, peer, label);
		return;
	case EVENT_RIVALS:
		say_rivals(tunnel, peer, label);
		return;
	case EVENT_ROAMED:
		peer_info(peer, &info, clock_mono());
		log_info_limited(&tunnel->roaming, clock_mono(), "%s: %s is at %s", tunnel->name,
			label, endpoint_format(&info.path.remote, at));
		break;
	case EVENT_LOCAL_MOVED:
		paths_moved(tunnel->engine, peer);
		return;
	case EVENT_LOOPED:
		peer_info(peer, &info, clock_mono());
		log_warn_limited(&tunnel->loops, clock_mono(),
			"%s: the route to %s at %s leads into %s itself, which cannot work: give "
			"that address a route outside of the tunnel, or set an fwmark and a rule "
			"for it",
			tunnel->name, label, endpoint_format(&info.path.remote, at), tunnel->name);
		return;
	}
	tunnel_save_soon(tunnel); /* not now: the core is at work */
}

const struct device_upcalls upcalls_of_tunnel = {
	.send = send_datagram,
	.random = random_bytes,
	.timestamp = timestamp,
	.event = on_event,
};
