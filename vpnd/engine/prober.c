/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/prober.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/pmtu.h"
#include "vpnd/engine/probe.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/watch.h"
#include "vpnd/engine/wire.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/echo.h"

enum {
	ACCURACY_US = 1000,
	/* So many losses in a row may be a peer that has lost its session: it gets another. */
	LOST_SESSION = PROBE_LOST / 2,
};
#define MTU_UNTOLD UINT32_MAX

struct prober {
	struct tunnel *tunnel;
	struct peer *peer;
	struct prober_config config;
	struct echo echo; /* but for the sequence number; large ones have another id */
	struct probe probe;
	struct pmtu pmtu;
	uint32_t mtu_told;      /* to the monitor, bytes; MTU_UNTOLD: nothing yet */
	struct endpoint remote; /* where the path was measured to */
	bool shook_hands;       /* in this silence */
	sd_event_source *timer;
};

/* --- out ------------------------------------------------------------------------------------- */

enum { SMALL, LARGE }; /* kinds of probes */

static uint16_t id_of(const struct prober *p, int kind)
{
	return p->echo.id ^ (uint16_t)kind;
}

/*
 * Send one request of `len` bytes, a large one whole or not at all. 0, -ENOTCONN without a session,
 * or as wire_send.
 */
static int send_echo(struct prober *p, int kind, uint16_t sequence, size_t len, mono_t now)
{
	struct tunnel *tunnel = p->tunnel;
	uint8_t *room = malloc(PACKET_HEADROOM + len + PACKET_TAILROOM);
	struct packet packet = {.data = room + PACKET_HEADROOM, .len = len};
	struct echo echo = p->echo;
	int r = -ENOTCONN;

	if (!room)
		return -ENOMEM;
	echo.id = id_of(p, kind);
	echo.sequence = sequence;
	echo_create(&echo, packet.data, len);
	device_seal_probe(tunnel->device, p->peer, &packet, tunnel->mtu, now);
	if (packet.verdict == PACKET_FORWARD) {
		r = (kind == LARGE ? wire_send_whole : wire_send)(
			tunnel, &packet.path, packet.class, packet.data, packet.len);
		tunnel_arm(tunnel);
	}
	free(room);
	return r;
}

static void send_small(struct prober *p, mono_t now)
{
	const size_t len = echo_len(p->echo.to.family, 0);

	/* What the kernel refuses to send is lost like what is dropped on the way. */
	if (send_echo(p, SMALL, p->probe.sequence, len, now) == -ENOTCONN)
		probe_skipped(&p->probe, now);
	else
		probe_sent(&p->probe, now);
}

/* Its size is its sequence number: whenever the reply comes, it tells what passed. */
static void send_large(struct prober *p, uint32_t size, mono_t now)
{
	switch (send_echo(p, LARGE, (uint16_t)size, size, now)) {
	case -EMSGSIZE:
		pmtu_refused(&p->pmtu, now);
		return;
	default:
		pmtu_sent(&p->pmtu, now);
		send_small(p, now);
	}
}

/* Large probes are in flight for longer, and it is no hurry. */
static uint64_t large_timeout_us(const struct prober *p)
{
	return 2 * probe_timeout_us(&p->probe);
}

/* What was measured is of the way to where the peer was, under the MTU that the interface had. */
static void check_path(struct prober *p, mono_t now)
{
	struct peer_info info;

	peer_info(p->peer, &info, now);
	if (p->pmtu.ceiling == p->tunnel->mtu && endpoint_equal(&p->remote, &info.path.remote))
		return;
	p->remote = info.path.remote;
	pmtu_restart(&p->pmtu, p->tunnel->mtu, now);
}

static void tell_mtu(struct prober *p, uint32_t mtu)
{
	struct privsep_path_mtu msg = {
		.type = PRIVSEP_PATH_MTU, .slot = p->tunnel->slot, .mtu = mtu};

	if (p->mtu_told == mtu)
		return;
	p->mtu_told = mtu;
	memcpy(msg.public_key, peer_public_key(p->peer), sizeof(msg.public_key));
	engine_tell(p->tunnel->engine, &msg, sizeof(msg), -1);
}

/* Only of a way that works there is something to be learned. */
static void measure_path(struct prober *p, mono_t now)
{
	uint32_t size;

	check_path(p, now);
	pmtu_look(&p->pmtu, large_timeout_us(p), p->probe.answered_sent, now);
	size = pmtu_due(&p->pmtu, now);
	if (size)
		send_large(p, size, now);
	/* That nothing is known yet is no news: what an engine before this one measured stands. */
	if (p->pmtu.value || !p->pmtu.searching)
		tell_mtu(p, p->pmtu.value);
}

/* A peer that was restarted knows our session no more, and will not say so. */
static void renew_session(struct prober *p, mono_t now)
{
	if (p->probe.lost_run < LOST_SESSION) {
		p->shook_hands = false;
	} else if (!p->shook_hands) {
		p->shook_hands = true;
		peer_handshake(p->peer, now);
		tunnel_arm(p->tunnel);
	}
}

static void verdict_changed(struct prober *p, mono_t now)
{
	/* Who was away may be back by another way. */
	if (p->probe.verdict == PROBE_WORKS)
		pmtu_restart(&p->pmtu, p->tunnel->mtu, now);
	if (p->tunnel->engine->watch)
		watch_look(p->tunnel->engine->watch, now);
}

static mono_t next_time(const struct prober *p)
{
	mono_t at = probe_deadline(&p->probe);

	return p->probe.verdict == PROBE_WORKS
		       ? mono_min(at, pmtu_deadline(&p->pmtu, large_timeout_us(p)))
		       : at;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct prober *p = arg;
	mono_t now = clock_mono();

	(void)usec;
	if (probe_look(&p->probe, now))
		verdict_changed(p, now);
	renew_session(p, now);
	if (p->probe.verdict == PROBE_WORKS)
		measure_path(p, now);
	if (probe_is_due(&p->probe, now))
		send_small(p, now);
	sd_event_source_set_time(source, next_time(p).us);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- in -------------------------------------------------------------------------------------- */

static bool is_ours(const struct prober *p, const struct echo *echo)
{
	return echo->token == p->echo.token && addr_equal(&echo->to, &p->echo.to) &&
	       addr_equal(&echo->from, &p->echo.from);
}

/* True if the packet was a reply to a probe. */
static bool take(struct prober *p, const struct packet *packet, mono_t now)
{
	struct echo echo;

	if (!echo_consume_reply(packet->data, packet->len, &echo) || !is_ours(p, &echo))
		return false;
	if (echo.id == id_of(p, SMALL))
		probe_answered(&p->probe, echo.sequence, now);
	else if (echo.id == id_of(p, LARGE) && echo.sequence == packet->len)
		pmtu_answered(&p->pmtu, echo.sequence, now);
	/* Judged from the loop, not from amidst a batch. */
	sd_event_source_set_time(p->timer, now.us);
	engine_poke(p->tunnel->engine);
	return true;
}

void prober_take(void *tunnel, struct packet *packets, size_t count, mono_t now)
{
	const struct peer *last = NULL;
	struct prober *p = NULL;

	(void)tunnel;
	for (size_t i = 0; i < count; i++) {
		struct packet *packet = &packets[i];

		if (packet->verdict != PACKET_FORWARD)
			continue;
		if (packet->peer != last) {
			last = packet->peer;
			p = ((struct tunnel_peer *)peer_user(last))->prober;
			if (p)
				probe_heard(&p->probe, now);
		}
		if (p && take(p, packet, now))
			packet->verdict = PACKET_PROBE;
	}
}

/* --- life ------------------------------------------------------------------------------------ */

const struct pmtu *prober_pmtu(const struct prober *p)
{
	return &p->pmtu;
}

const struct probe *prober_probe(const struct prober *p)
{
	return &p->probe;
}

const struct prober_config *prober_config(const struct prober *p)
{
	return &p->config;
}

void prober_free(struct prober *p)
{
	if (!p)
		return;
	sd_event_source_disable_unref(p->timer);
	free(p);
}

static bool same(const struct prober_config *a, const struct prober_config *b)
{
	return addr_equal(&a->from, &b->from) && addr_equal(&a->to, &b->to) &&
	       a->interval_ms == b->interval_ms;
}

static int make(struct tunnel *tunnel, struct peer *peer, const struct prober_config *config,
	mono_t now, struct prober **out)
{
	struct prober *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct prober){
		.tunnel = tunnel,
		.peer = peer,
		.config = *config,
		.mtu_told = MTU_UNTOLD,
		.echo = {.from = config->from, .to = config->to},
	};
	randombytes_buf(&p->echo.id, sizeof(p->echo.id));
	randombytes_buf(&p->echo.token, sizeof(p->echo.token));
	probe_init(&p->probe, config->interval_ms * US_PER_MS, now);
	pmtu_init(&p->pmtu, tunnel->mtu, config->known_mtu, config->interval_ms * US_PER_MS, now);
	r = sd_event_add_time(
		tunnel->engine->event, &p->timer, CLOCK_BOOTTIME, now.us, ACCURACY_US, on_timer, p);
	if (r < 0) {
		prober_free(p);
		return r;
	}
	*out = p;
	return 0;
}

int prober_configure(
	struct tunnel *tunnel, struct peer *peer, const struct prober_config *config, mono_t now)
{
	struct tunnel_peer *extra = peer_user(peer);
	struct prober *fresh = NULL;
	int r;

	if (extra->prober && same(&extra->prober->config, config))
		return 0;
	if (config->to.family != ADDR_NONE) {
		r = make(tunnel, peer, config, now, &fresh);
		if (r < 0)
			return r;
	}
	if (extra->prober && !fresh)
		tell_mtu(extra->prober, 0);
	prober_free(extra->prober);
	extra->prober = fresh;
	return 0;
}
