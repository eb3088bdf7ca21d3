/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/wire.h"

#include "base/clock.h"
#include "vpnd/data/errqueue.h"
#include "vpnd/data/whole.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/tunnel.h"

enum { ERRORS_AT_ONCE = 64 };

/* The peer that is at that endpoint, or NULL. */
static struct tunnel_peer *peer_at(const struct tunnel *tunnel, const struct endpoint *at)
{
	struct peer *peer = device_peer_at(tunnel->device, at);

	return peer ? peer_user(peer) : NULL;
}

void wire_read_errors(const struct tunnel *tunnel, enum addr_family family)
{
	const struct udp_sockets *udp = &tunnel->lane.udp;
	int fd = family == ADDR_V6 ? udp->v6.fd : udp->v4.fd;
	struct errqueue_icmp icmp;

	for (int i = 0; i < ERRORS_AT_ONCE && errqueue_read(fd, &icmp) > 0; i++) {
		struct tunnel_peer *extra = peer_at(tunnel, &icmp.to);

		if (extra)
			trouble_reported(&extra->trouble, &icmp, clock_mono());
	}
}

/* Returns `result`, which is 0 or a negative errno. */
static int note_refusal(const struct tunnel *tunnel, const struct path *path, int result)
{
	struct tunnel_peer *extra = result < 0 ? peer_at(tunnel, &path->remote) : NULL;

	if (extra)
		trouble_refused(&extra->trouble, -result, clock_mono());
	return result;
}

int wire_send(struct tunnel *tunnel, const struct path *path, uint8_t class, const void *bytes,
	size_t len)
{
	return note_refusal(tunnel, path, lane_send(&tunnel->lane, path, class, bytes, len));
}

int wire_send_whole(struct tunnel *tunnel, const struct path *path, uint8_t class,
	const void *bytes, size_t len)
{
	struct crew *crew = tunnel->engine->crew;
	int r;

	/* What is switched is the socket, which is the lanes' too. */
	if (crew)
		crew_halt(crew);
	r = whole_send(&tunnel->lane.udp, path, class, bytes, len, &tunnel->lane.udp_errors);
	if (crew)
		crew_go(crew);
	return note_refusal(tunnel, path, r);
}
