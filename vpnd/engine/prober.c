/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/prober.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/probe.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/watch.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/echo.h"

enum {
	ACCURACY_US = 1000,
	/* So many losses in a row may be a peer that has lost its session: it gets another. */
	LOST_SESSION = PROBE_LOST / 2,
};

struct prober {
	struct tunnel *tunnel;
	struct peer *peer;
	struct prober_config config;
	struct echo echo; /* but for the sequence number */
	struct probe probe;
	bool shook_hands; /* in this silence */
	sd_event_source *timer;
};

/* --- out ------------------------------------------------------------------------------------- */

/* Send one request of `len` bytes. 0, -ENOTCONN without a session, or as lane_send. */
static int send_echo(struct prober *p, const struct echo *echo, size_t len, mono_t now)
{
	struct tunnel *tunnel = p->tunnel;
	uint8_t *room = malloc(PACKET_HEADROOM + len + PACKET_TAILROOM);
	struct packet packet = {.data = room + PACKET_HEADROOM, .len = len};
	int r = -ENOTCONN;

	if (!room)
		return -ENOMEM;
	echo_create(echo, packet.data, len);
	device_seal_probe(tunnel->device, p->peer, &packet, tunnel->mtu, now);
	if (packet.verdict == PACKET_FORWARD) {
		r = tunnel_send(tunnel, &packet.path, packet.class, packet.data, packet.len);
		tunnel_arm(tunnel);
	}
	free(room);
	return r;
}

static void send_probe(struct prober *p, mono_t now)
{
	struct echo echo = p->echo;

	/* What the kernel refuses to send is lost like what is dropped on the way. */
	echo.sequence = p->probe.sequence;
	if (send_echo(p, &echo, echo_len(echo.to.family, 0), now) == -ENOTCONN)
		probe_skipped(&p->probe, now);
	else
		probe_sent(&p->probe, now);
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

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct prober *p = arg;
	mono_t now = clock_mono();

	(void)usec;
	if (probe_look(&p->probe, now) && p->tunnel->engine->watch)
		watch_look(p->tunnel->engine->watch, now);
	renew_session(p, now);
	if (probe_is_due(&p->probe, now))
		send_probe(p, now);
	sd_event_source_set_time(source, probe_deadline(&p->probe).us);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- in -------------------------------------------------------------------------------------- */

static bool is_ours(const struct prober *p, const struct echo *echo)
{
	return echo->id == p->echo.id && echo->token == p->echo.token &&
	       addr_equal(&echo->to, &p->echo.to) && addr_equal(&echo->from, &p->echo.from);
}

/* True if the packet was a reply to a probe. */
static bool take(struct prober *p, const struct packet *packet, mono_t now)
{
	struct echo echo;

	if (!echo_consume_reply(packet->data, packet->len, &echo) || !is_ours(p, &echo))
		return false;
	/* Judged from the loop, not from amidst a batch. */
	if (probe_answered(&p->probe, echo.sequence, now))
		sd_event_source_set_time(p->timer, now.us);
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
		.echo = {.from = config->from, .to = config->to},
	};
	randombytes_buf(&p->echo.id, sizeof(p->echo.id));
	randombytes_buf(&p->echo.token, sizeof(p->echo.token));
	probe_init(&p->probe, config->interval_ms * US_PER_MS, now);
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
	prober_free(extra->prober);
	extra->prober = fresh;
	return 0;
}
