/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/held.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vpnd/monitor/tundev.h"

_Static_assert((int)VPND_CONF_LANES_MAX == (int)PRIVSEP_LANES, "each lane has a queue");

static struct held *allocate(uint32_t slot, const char *name, const struct vpnd_tunnel_conf *conf,
	const struct vpnd_speed_conf *speed)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	*h = (struct held){.slot = slot,
		.conf = conf,
		.tun_fd = -1,
		.mtu = conf ? conf->mtu : VPND_CONF_MTU,
		.fwmark = conf ? conf->fwmark : 0,
		.speed = *speed,
		.udp = UDPSOCK_NONE,
		.uapi = SOCKFILE_NONE,
		.keys = KEYSET_NONE,
		.state_fd = -1};
	snprintf(h->name, sizeof(h->name), "%s", name);
	if (!conf || conf->n_peers == 0)
		return h;
	h->peers = calloc(conf->n_peers, sizeof(*h->peers));
	if (!h->peers) {
		held_free(h);
		return NULL;
	}
	for (size_t i = 0; i < conf->n_peers; i++)
		h->peers[i].endpoint = conf->peers[i].endpoint.address;
	return h;
}

/* A set that has its keys, and nothing else yet. */
static int begin(uint32_t slot, const char *name, const struct vpnd_tunnel_conf *conf,
	const struct vpnd_speed_conf *speed, struct held **out, char *err, size_t errlen)
{
	__attribute__((cleanup(held_freep))) struct held *h = allocate(slot, name, conf, speed);
	int r = h ? 0 : -ENOMEM;

	if (!h)
		snprintf(err, errlen, "out of memory");
	else if (conf)
		r = keyset_open(conf, &h->keys, err, errlen);
	if (r == 0)
		*out = cleanup_take(h);
	return r;
}

static void close_queues(struct held *h)
{
	while (h->n_queue_fds > 0)
		cleanup_close(&h->queue_fds[--h->n_queue_fds]);
}

int held_add_queues(struct held *h, char *err, size_t errlen)
{
	const size_t wanted = h->speed.lanes > 1 ? h->speed.lanes : 0;
	int r;

	if (h->n_queue_fds == wanted)
		return 0;
	close_queues(h);
	if (wanted == 0)
		return 0;
	if (!held_is_here(h)) { /* its name may be another's by now */
		snprintf(err, errlen, "tunnel %s: no queue can be added to what is not here",
			h->name);
		return -ENODEV;
	}
	r = tundev_widen(h->tun_fd, h->name, wanted, h->queue_fds, err, errlen);
	if (r == 0)
		h->n_queue_fds = wanted;
	return r;
}

/* Bind the port that `h` wants, or share the sockets of the tunnel that has it already. */
static int open_udp(
	struct held *h, struct held *const all[static PRIVSEP_TUNNELS], char *err, size_t errlen)
{
	uint16_t port = h->conf ? h->conf->listen_port : 0;
	int r;

	for (size_t i = 0; port != 0 && i < PRIVSEP_TUNNELS; i++)
		if (all[i] && all[i]->udp.port == port)
			return udpsock_dup(&all[i]->udp, &h->udp);
	r = udpsock_open(port, h->fwmark, &h->udp);
	if (r < 0)
		snprintf(err, errlen, "tunnel %s: cannot bind UDP port %u: %s", h->name, port,
			strerror(-r));
	return r;
}

int held_new(uint32_t slot, const char *name, const struct vpnd_tunnel_conf *conf,
	const struct vpnd_speed_conf *speed, struct held *const all[static PRIVSEP_TUNNELS],
	struct held **out, char *err, size_t errlen)
{
	__attribute__((cleanup(held_freep))) struct held *h = NULL;
	int r = begin(slot, name, conf, speed, &h, err, errlen);

	if (r == 0)
		r = open_udp(h, all, err, errlen);
	if (r == 0)
		r = tundev_free(name, err, errlen);
	if (r == 0)
		r = uapisock_listen(name, &h->uapi, err, errlen);
	if (r == 0)
		*out = cleanup_take(h);
	return r;
}

/* --- from the monitor before this one ------------------------------------------------------------
 */

static int adopt_udp(struct held *h, struct handover_tunnel *from)
{
	int r = udpsock_adopt(from->fds[HANDOVER_UDP4], from->fds[HANDOVER_UDP6], &h->udp);

	if (r == 0)
		from->fds[HANDOVER_UDP4] = from->fds[HANDOVER_UDP6] = -1;
	return r;
}

static int adopt_device(struct held *h, struct handover_tunnel *from)
{
	int r = tundev_adopt(from->fds[HANDOVER_TUN]);

	if (r == 0)
		h->tun_fd = cleanup_take_fd(&from->fds[HANDOVER_TUN]);
	for (size_t i = 0; r == 0 && i < from->n_queues; i++) {
		r = tundev_adopt(from->queues[i]);
		if (r == 0)
			h->queue_fds[h->n_queue_fds++] = cleanup_take_fd(&from->queues[i]);
	}
	h->ifindex = from->ifindex;
	h->away = from->away;
	h->up = from->away;
	return r;
}

static int adopt_uapi(struct held *h, struct handover_tunnel *from, char *err, size_t errlen)
{
	int r = uapisock_adopt(h->name, from->fds[HANDOVER_UAPI], &h->uapi);

	if (r < 0)
		return uapisock_listen(h->name, &h->uapi, err, errlen);
	from->fds[HANDOVER_UAPI] = -1;
	return 0;
}

static void adopt_peers(struct held *h, const struct handover_tunnel *from)
{
	for (size_t i = 0; i < from->n_peers; i++) {
		int peer = held_find_peer(h, from->peers[i].public_key);

		if (peer < 0)
			continue;
		h->peers[peer].down = from->peers[i].down;
		h->peers[peer].proven = !from->peers[i].down;
		h->peers[peer].pmtu = from->peers[i].pmtu;
	}
}

int held_adopt(uint32_t slot, const char *name, const struct vpnd_tunnel_conf *conf,
	const struct vpnd_speed_conf *speed, struct handover_tunnel *from, struct held **out,
	char *err, size_t errlen)
{
	__attribute__((cleanup(held_freep))) struct held *h = NULL;
	int r = begin(slot, name, conf, speed, &h, err, errlen);

	if (r < 0)
		return r;
	snprintf(err, errlen, "tunnel %s: what was handed over does not fit", name);
	r = adopt_udp(h, from);
	if (r == 0)
		r = adopt_device(h, from);
	if (r == 0)
		r = adopt_uapi(h, from, err, errlen);
	if (r < 0)
		return r;
	h->fwmark = from->fwmark;
	h->state_fd = cleanup_take_fd(&from->fds[HANDOVER_STATE]);
	adopt_peers(h, from);
	held_set_speed(h, speed);
	*out = cleanup_take(h);
	return 0;
}

/* --- to the monitor after this one ---------------------------------------------------------------
 */

int held_hand_over(const struct held *h, struct handover *to)
{
	struct handover_tunnel *t = handover_add_tunnel(to, h->name);
	int r = t ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	t->ifindex = h->ifindex;
	t->away = h->away;
	t->fwmark = h->fwmark;
	t->fds[HANDOVER_TUN] = h->tun_fd;
	t->fds[HANDOVER_UDP4] = h->udp.v4;
	t->fds[HANDOVER_UDP6] = h->udp.v6;
	t->fds[HANDOVER_UAPI] = h->uapi.fd;
	t->fds[HANDOVER_STATE] = h->state_fd;
	t->n_queues = h->n_queue_fds;
	memcpy(t->queues, h->queue_fds, sizeof(t->queues));
	for (size_t i = 0; r == 0 && h->conf && i < h->conf->n_peers; i++) {
		struct handover_peer peer = {.down = h->peers[i].down, .pmtu = h->peers[i].pmtu};

		memcpy(peer.public_key, h->conf->peers[i].public_key, KEY_LEN);
		r = handover_add_peer(t, &peer);
	}
	return r;
}

/* --- a second set --------------------------------------------------------------------------------
 */

static int share_fd(int fd, int *out)
{
	if (fd >= 0)
		*out = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd >= 0 && *out < 0 ? -errno : 0;
}

static int share_device(const struct held *old, struct held *h)
{
	int r = share_fd(old->tun_fd, &h->tun_fd);

	while (r == 0 && h->n_queue_fds < old->n_queue_fds) {
		r = share_fd(old->queue_fds[h->n_queue_fds], &h->queue_fds[h->n_queue_fds]);
		h->n_queue_fds += r == 0;
	}
	h->uapi = old->uapi;
	h->uapi.fd = -1;
	if (r == 0)
		r = share_fd(old->uapi.fd, &h->uapi.fd);
	h->tun_takes = old->tun_takes;
	h->ifindex = old->ifindex;
	h->up = old->up;
	h->away = old->away;
	return r;
}

void held_take_device(struct held *h, struct held *from)
{
	const struct sockfile uapi = h->uapi;
	int tun_fd = h->tun_fd;

	h->tun_fd = from->tun_fd;
	h->tun_takes = from->tun_takes;
	h->uapi = from->uapi;
	h->ifindex = from->ifindex;
	h->up = from->up;
	h->away = from->away;
	from->tun_fd = tun_fd;
	from->uapi = uapi;
}

/* A peer that is reached under the same name keeps what is known of it. */
static void inherit_peers(const struct held *old, struct held *h)
{
	for (size_t i = 0; i < h->conf->n_peers; i++) {
		const struct vpnd_peer_conf *peer = &h->conf->peers[i];
		int j = held_find_peer(old, peer->public_key);
		const char *host;

		if (j < 0)
			continue;
		host = old->conf->peers[j].endpoint.host;
		h->peers[i].down = old->peers[j].down;
		h->peers[i].proven = old->peers[j].proven;
		h->peers[i].pmtu = old->peers[j].pmtu;
		if (peer->endpoint.host && peer->endpoint.address.addr.family == ADDR_NONE &&
			host && strcmp(host, peer->endpoint.host) == 0) {
			h->peers[i].endpoint = old->peers[j].endpoint;
			h->peers[i].endpoint.port = peer->endpoint.port;
		}
	}
}

int held_renew(const struct held *old, const struct vpnd_tunnel_conf *conf,
	struct held *const all[static PRIVSEP_TUNNELS], struct held **out, char *err, size_t errlen)
{
	__attribute__((cleanup(held_freep))) struct held *h = NULL;
	int r = begin(old->slot, old->name, conf, &old->speed, &h, err, errlen);

	if (r < 0)
		return r;
	inherit_peers(old, h);
	snprintf(err, errlen, "tunnel %s: out of descriptors", h->name);
	if (conf->listen_port == 0)
		r = udpsock_dup(&old->udp, &h->udp);
	else
		r = open_udp(h, all, err, errlen);
	if (r == 0)
		r = share_device(old, h);
	if (r == 0)
		*out = cleanup_take(h);
	return r;
}

/* --- life ----------------------------------------------------------------------------------------
 */

void held_free(struct held *h)
{
	if (!h)
		return;
	close_queues(h);
	cleanup_close(&h->tun_fd);
	cleanup_close(&h->uapi.fd);
	cleanup_close(&h->state_fd);
	udpsock_close(&h->udp);
	keyset_close(&h->keys);
	free(h->peers);
	free(h);
}

void held_freep(struct held **h)
{
	held_free(*h);
}

int held_make_device(struct held *h, char *err, size_t errlen)
{
	uint32_t mtu = h->conf ? h->conf->mtu : VPND_CONF_MTU;
	int fd, r = tundev_open(h->name, mtu, h->speed.lanes > 1, &fd, &h->ifindex, err, errlen);

	if (r < 0)
		return r;
	cleanup_close(&h->tun_fd);
	h->tun_fd = fd;
	h->mtu = mtu;
	h->up = false;
	close_queues(h); /* of the one before */
	r = held_add_queues(h, err, errlen);
	if (r < 0) {
		cleanup_close(&h->tun_fd);
		h->tun_fd = -1;
		h->ifindex = 0;
		return r;
	}
	held_set_speed(h, &h->speed);
	return 0;
}

/* --- speed ---------------------------------------------------------------------------------------
 */

static void say_speed(const struct held *h)
{
	const uint32_t takes = h->tun_takes;

	log_info("tunnel %s: offloads of the TUN:%s%s%s%s%s; UDP: %ssegmentation, %scoalescing",
		h->name, takes & PRIVSEP_TAKES_TCP4 ? " tcp4" : "",
		takes & PRIVSEP_TAKES_TCP6 ? " tcp6" : "",
		takes & PRIVSEP_TAKES_UDP4 ? " udp4" : "",
		takes & PRIVSEP_TAKES_UDP6 ? " udp6" : "", takes ? "" : " none",
		h->udp.segments && h->speed.udp_segmentation ? "" : "no ",
		h->udp.coalesces ? "" : "no ");
}

void held_set_speed(struct held *h, const struct vpnd_speed_conf *speed)
{
	const uint32_t lanes = h->speed.lanes;

	h->speed = *speed;
	h->speed.lanes = lanes;
	h->tun_takes = tundev_offload(h->tun_fd, speed->tun_offload);
	udpsock_coalesce(&h->udp, speed->udp_coalescing);
	say_speed(h);
}

bool held_may_bind(const struct held *h, uint16_t port)
{
	return !h->conf || port == 0 || port >= IPPORT_RESERVED || port == h->conf->listen_port;
}

bool held_may_mark(const struct held *h, uint32_t fwmark)
{
	return !h->conf || fwmark == 0 || fwmark == h->conf->fwmark;
}

void held_take_udp(struct held *h, const struct udpsock *udp)
{
	udpsock_close(&h->udp);
	h->udp = *udp;
	udpsock_coalesce(&h->udp, h->speed.udp_coalescing);
}

/* --- peers ---------------------------------------------------------------------------------------
 */

int held_find_peer(const struct held *h, const uint8_t public_key[static KEY_LEN])
{
	for (size_t i = 0; h->conf && i < h->conf->n_peers; i++)
		if (memcmp(h->conf->peers[i].public_key, public_key, KEY_LEN) == 0)
			return (int)i;
	return -1;
}

bool held_is_here(const struct held *h)
{
	return h && h->ifindex != 0 && !h->away;
}

bool held_peer_covers(const struct vpnd_peer_conf *peer, const struct prefix *prefix)
{
	for (size_t i = 0; i < peer->n_allowed_ips; i++)
		if (prefix_covers(&peer->allowed_ips[i], prefix) ||
			prefix_covers(prefix, &peer->allowed_ips[i]))
			return true;
	return false;
}

static bool is_up(const struct held_peer *peer)
{
	return !peer->down;
}

static bool is_proven(const struct held_peer *peer)
{
	return !peer->down && peer->proven;
}

static bool some_that_carries(
	const struct held *h, const struct prefix *prefix, bool (*fits)(const struct held_peer *))
{
	bool covered = false, any = h->conf->n_peers == 0;

	for (size_t i = 0; i < h->conf->n_peers; i++) {
		any |= fits(&h->peers[i]);
		if (!held_peer_covers(&h->conf->peers[i], prefix))
			continue;
		if (fits(&h->peers[i]))
			return true;
		covered = true;
	}
	return !covered && any;
}

bool held_carries(const struct held *h, const struct prefix *prefix)
{
	return some_that_carries(h, prefix, is_up);
}

bool held_is_proven(const struct held *h, const struct prefix *prefix)
{
	return some_that_carries(h, prefix, is_proven);
}

uint32_t held_mtu(const struct held *h, const struct prefix *prefix)
{
	uint32_t least = h->mtu;

	for (size_t i = 0; i < h->conf->n_peers; i++) {
		uint32_t pmtu = h->peers[i].pmtu;

		if (pmtu != 0 && pmtu < least && held_peer_covers(&h->conf->peers[i], prefix))
			least = pmtu;
	}
	return least < h->mtu ? least : 0;
}
