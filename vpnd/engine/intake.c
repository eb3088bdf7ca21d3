/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/intake.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/keyfile.h"
#include "base/log.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/prober.h"
#include "vpnd/engine/state.h"
#include "vpnd/engine/tunnel.h"

/* Descriptors that a batch may bring. */
enum { FD_UAPI, FD_UDP4, FD_UDP6, FD_STATE, FD_KEYS, FD_TUN, FDS = FD_TUN + PRIVSEP_QUEUES };

struct intake_peer {
	struct privsep_peer told;
	uint8_t preshared_key[KEY_LEN]; /* zero: none */
	size_t first_prefix, prefixes;
};

struct intake {
	struct privsep_tunnel head;
	int fds[FDS]; /* -1: not in this batch */
	uint32_t tun_takes;
	bool udp_segments;
	uint8_t private_key[KEY_LEN]; /* zero: none */
	struct intake_peer *peers;
	size_t peer_count, peer_room;
	struct prefix *prefixes; /* of all peers, in their order */
	size_t prefix_count, prefix_room;
};

struct intake *intake_new(const struct privsep_tunnel *head)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (!intake)
		return NULL;
	intake->head = *head;
	for (int i = 0; i < FDS; i++)
		intake->fds[i] = -1;
	return intake;
}

void intake_free(struct intake *intake)
{
	if (!intake)
		return;
	for (int i = 0; i < FDS; i++)
		if (intake->fds[i] >= 0)
			close(intake->fds[i]);
	if (intake->peers)
		sodium_memzero(intake->peers, intake->peer_room * sizeof(*intake->peers));
	free(intake->peers);
	free(intake->prefixes);
	sodium_memzero(intake, sizeof(*intake));
	free(intake);
}

static int say(char *reason, int error, const char *text)
{
	snprintf(reason, PRIVSEP_REASON, "%s", text);
	return error;
}

/* Make room for one element more. Peers hold keys, so what is left behind is wiped. */
static void *grow(void *old, size_t count, size_t *room, size_t size)
{
	size_t wider = *room ? *room * 2 : 16;
	void *fresh;

	if (count < *room)
		return old;
	fresh = calloc(wider, size);
	if (!fresh)
		return NULL;
	if (old) {
		memcpy(fresh, old, count * size);
		sodium_memzero(old, count * size);
		free(old);
	}
	*room = wider;
	return fresh;
}

static int read_key(struct intake *intake, size_t index, uint8_t key[static KEY_LEN],
	const char *which, char *reason)
{
	char why[PRIVSEP_REASON];
	int r = keyfile_read_nth(intake->fds[FD_KEYS], index, key, why, sizeof(why));

	if (r < 0)
		snprintf(reason, PRIVSEP_REASON, "%.50s: %.75s", which, why);
	return r;
}

/* Of the newest peer. */
static int read_preshared_key(struct intake *intake, char *reason)
{
	struct intake_peer *peer = &intake->peers[intake->peer_count - 1];
	char key[KEY_BASE64_STRLEN], which[96];
	const char *name = peer->told.name;

	if (!*name)
		name = key_to_base64(peer->told.public_key, key);
	snprintf(which, sizeof(which), "preshared key of %.60s", name);
	return read_key(intake, intake->peer_count, peer->preshared_key, which, reason);
}

static int add_peer(struct intake *intake, const struct privsep_peer *told, char *reason)
{
	struct intake_peer *peers;

	if (told->preshared && intake->fds[FD_KEYS] < 0)
		return -EPROTO;
	peers = grow(intake->peers, intake->peer_count, &intake->peer_room, sizeof(*peers));
	if (!peers)
		return say(reason, -ENOMEM, "out of memory");
	intake->peers = peers;
	peers[intake->peer_count++] = (struct intake_peer){
		.told = *told,
		.first_prefix = intake->prefix_count,
	};
	return told->preshared ? read_preshared_key(intake, reason) : 0;
}

static int add_prefix(struct intake *intake, const struct prefix *prefix, char *reason)
{
	struct prefix *prefixes = grow(
		intake->prefixes, intake->prefix_count, &intake->prefix_room, sizeof(*prefixes));

	if (!prefixes)
		return say(reason, -ENOMEM, "out of memory");
	intake->prefixes = prefixes;
	prefixes[intake->prefix_count++] = *prefix;
	intake->peers[intake->peer_count - 1].prefixes++;
	return 0;
}

static int add_fd(struct intake *intake, int which, int fd)
{
	if (intake->fds[which] >= 0) {
		close(fd);
		return -EPROTO;
	}
	intake->fds[which] = fd;
	return 0;
}

static int add_keys(struct intake *intake, int fd, char *reason)
{
	int r = add_fd(intake, FD_KEYS, fd);

	return r < 0 ? r : read_key(intake, 0, intake->private_key, "private key", reason);
}

int intake_add(struct intake *intake, const union privsep_message *msg, int fd, char *reason)
{
	switch (msg->type) {
	case PRIVSEP_TUN_FD:
		intake->tun_takes = msg->tun.takes;
		return add_fd(intake, FD_TUN + (int)msg->tun.queue, fd);
	case PRIVSEP_UAPI_FD:
		return add_fd(intake, FD_UAPI, fd);
	case PRIVSEP_UDP_FD:
		intake->udp_segments = msg->udp.segments;
		return add_fd(intake, msg->udp.family == ADDR_V6 ? FD_UDP6 : FD_UDP4, fd);
	case PRIVSEP_STATE_FD:
		return add_fd(intake, FD_STATE, fd);
	case PRIVSEP_KEYS_FD:
		return add_keys(intake, fd, reason);
	case PRIVSEP_PEER:
		return add_peer(intake, &msg->peer, reason);
	case PRIVSEP_ALLOWED_IP:
		return intake->peer_count ? add_prefix(intake, &msg->allowed_ip.prefix, reason)
					  : -EPROTO;
	default:
		if (fd >= 0)
			close(fd);
		return -EPROTO;
	}
}

/* Hand a descriptor of the batch over. */
static int take_fd(struct intake *intake, int which)
{
	int fd = intake->fds[which];

	intake->fds[which] = -1;
	return fd;
}

static int apply_descriptors(struct intake *intake, struct tunnel *tunnel)
{
	int r = 0;

	for (int queue = 0; r == 0 && queue < PRIVSEP_QUEUES; queue++)
		if (intake->fds[FD_TUN + queue] >= 0)
			r = tunnel_take_tun(tunnel, (uint32_t)queue,
				take_fd(intake, FD_TUN + queue), intake->tun_takes);
	if (r == 0 && intake->fds[FD_UDP4] >= 0)
		r = tunnel_take_udp(
			tunnel, ADDR_V4, take_fd(intake, FD_UDP4), intake->udp_segments);
	if (r == 0 && intake->fds[FD_UDP6] >= 0)
		r = tunnel_take_udp(
			tunnel, ADDR_V6, take_fd(intake, FD_UDP6), intake->udp_segments);
	if (r == 0 && intake->fds[FD_UAPI] >= 0)
		r = tunnel_take_uapi(tunnel, take_fd(intake, FD_UAPI));
	return r;
}

static bool told(const struct intake *intake, const uint8_t *public_key)
{
	for (size_t i = 0; i < intake->peer_count; i++)
		if (memcmp(intake->peers[i].told.public_key, public_key, KEY_LEN) == 0)
			return true;
	return false;
}

static void remove_untold(const struct intake *intake, struct tunnel *tunnel)
{
	struct peer *peer = device_peer_next(tunnel->device, NULL);

	while (peer) {
		struct peer *next = device_peer_next(tunnel->device, peer);

		if (!told(intake, peer_public_key(peer)))
			tunnel_peer_remove(tunnel, peer);
		peer = next;
	}
}

/* What only the config knows of a peer, whatever else is the truth about it. */
static int describe_peer(
	struct tunnel *tunnel, struct peer *peer, const struct privsep_peer *from, mono_t now)
{
	struct tunnel_peer *extra = peer_user(peer);
	const struct prober_config probes = {.from = from->probe_source,
		.to = from->probe,
		.interval_ms = from->probe_interval_ms,
		.known_mtu = from->path_mtu};

	memcpy(extra->name, from->name, sizeof(extra->name));
	memcpy(extra->host, from->host, sizeof(extra->host));
	return prober_configure(tunnel, peer, &probes, now);
}

/* Where a peer has roamed to stays, unless the config itself now says something else. */
static void place_peer(struct peer *peer, const struct privsep_peer *from, bool fresh)
{
	struct tunnel_peer *extra = peer_user(peer);

	if (!fresh && strcmp(extra->host, from->host) == 0)
		return;
	extra->host_is_new = from->endpoint.addr.family == ADDR_NONE;
	if (!extra->host_is_new)
		peer_set_endpoint(peer, &from->endpoint);
}

static int allow(const struct intake *intake, const struct intake_peer *from, struct peer *peer)
{
	peer_disallow_all(peer);
	for (size_t i = 0; i < from->prefixes; i++) {
		int r = peer_allow(peer, &intake->prefixes[from->first_prefix + i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_peer(const struct intake *intake, const struct intake_peer *from,
	struct tunnel *tunnel, mono_t now)
{
	bool fresh = !device_peer(tunnel->device, from->told.public_key);
	struct peer *peer;
	int r = tunnel_peer_get(tunnel, from->told.public_key, &peer);

	if (r < 0)
		return r;
	place_peer(peer, &from->told, fresh);
	r = describe_peer(tunnel, peer, &from->told, now);
	if (r < 0)
		return r;
	peer_set_preshared_key(peer, from->preshared_key);
	peer_set_persistent_keepalive(peer, from->told.persistent_keepalive, now);
	return allow(intake, from, peer);
}

/* The tunnel as the config file has it. */
static int apply_config(
	const struct intake *intake, struct tunnel *tunnel, mono_t now, char *reason)
{
	tunnel_set_private_key(tunnel, intake->private_key, now);
	remove_untold(intake, tunnel);
	for (size_t i = 0; i < intake->peer_count; i++) {
		int r = apply_peer(intake, &intake->peers[i], tunnel, now);

		if (r == -EADDRINUSE)
			return say(reason, r, "a peer has the public key of the tunnel itself");
		if (r < 0)
			return say(reason, r, strerror(-r));
	}
	return 0;
}

/* The tunnel as an earlier engine left it; the config only adds names to what is there. */
static int apply_state(struct intake *intake, struct tunnel *tunnel, mono_t now)
{
	int r = state_restore(tunnel, now, intake->fds[FD_STATE]);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < intake->peer_count; i++) {
		const struct privsep_peer *from = &intake->peers[i].told;
		struct peer *peer = device_peer(tunnel->device, from->public_key);

		if (peer)
			r = describe_peer(tunnel, peer, from, now);
	}
	return r;
}

int intake_apply(struct intake *intake, struct tunnel *tunnel, mono_t now, char *reason)
{
	const struct privsep_tunnel *head = &intake->head;
	int r = apply_descriptors(intake, tunnel);

	if (r < 0)
		return say(reason, r, strerror(-r));
	tunnel->ifindex = head->ifindex;
	tunnel->fwmark = head->fwmark;
	tunnel->listen_port = head->listen_port;
	tunnel->busy_poll_us = head->busy_poll_us;
	if (tunnel->engine->crew)
		crew_set_busy_poll(tunnel->engine->crew, head->busy_poll_us);
	tunnel->from_config |= head->from_config;
	tunnel_set_link(tunnel, head->up, head->mtu);

	r = intake->fds[FD_STATE] >= 0 ? apply_state(intake, tunnel, now) : -ENOENT;
	if (r < 0 && r != -ENOENT)
		log_warn("%s: state of the engine before this one: %s", tunnel->name, strerror(-r));
	if (r < 0 && head->from_config) {
		r = apply_config(intake, tunnel, now, reason);
		if (r < 0)
			return r;
	}
	if (head->from_config)
		tunnel_shake_hands(tunnel, now);
	tunnel_changed(tunnel);
	return 0;
}
