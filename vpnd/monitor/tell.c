/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/tell.h"

#include <stdio.h>
#include <string.h>

void tell_plain(struct engine_link *link, enum privsep_type type, int fd)
{
	const struct privsep_plain m = {.type = type};

	engine_link_send(link, &m, sizeof(m), fd);
}

void tell_slot(struct engine_link *link, enum privsep_type type, uint32_t slot, int fd)
{
	const struct privsep_slot m = {.type = type, .slot = slot};

	engine_link_send(link, &m, sizeof(m), fd);
}

static void tell_one_udp(
	struct engine_link *link, const struct held *h, enum addr_family family, int fd)
{
	const struct privsep_udp m = {.type = PRIVSEP_UDP_FD,
		.slot = h->slot,
		.family = (uint8_t)family,
		.segments = h->udp.segments && h->speed.udp_segmentation,
		.port = h->udp.port};

	if (fd >= 0)
		engine_link_send(link, &m, sizeof(m), fd);
}

void tell_udp(struct engine_link *link, const struct held *h)
{
	tell_one_udp(link, h, ADDR_V4, h->udp.v4);
	tell_one_udp(link, h, ADDR_V6, h->udp.v6);
}

static void tell_tun(struct engine_link *link, const struct held *h)
{
	struct privsep_tun m = {.type = PRIVSEP_TUN_FD, .slot = h->slot, .takes = h->tun_takes};

	engine_link_send(link, &m, sizeof(m), h->tun_fd);
	for (size_t i = 0; i < h->n_queue_fds; i++) {
		bool sink = i + 1 == h->n_queue_fds;

		m.queue = sink ? PRIVSEP_QUEUE_SINK : (uint32_t)i + 1;
		engine_link_send(link, &m, sizeof(m), h->queue_fds[i]);
	}
	if (h->speed.lanes <= 1 || h->n_queue_fds)
		return;
	m.queue = PRIVSEP_QUEUE_SINK; /* it has one for all */
	engine_link_send(link, &m, sizeof(m), h->tun_fd);
}

static void tell_allowed_ips(
	struct engine_link *link, uint32_t slot, const struct vpnd_peer_conf *peer)
{
	struct privsep_allowed_ip m = {.type = PRIVSEP_ALLOWED_IP, .slot = slot};

	for (size_t i = 0; i < peer->n_allowed_ips; i++) {
		m.prefix = peer->allowed_ips[i];
		engine_link_send(link, &m, sizeof(m), -1);
	}
}

/* The endpoint as it stands in the config. */
static void format_host(const struct conf_hostport *hostport, char *out, size_t len)
{
	if (hostport->host)
		snprintf(out, len, strchr(hostport->host, ':') ? "[%s]:%u" : "%s:%u",
			hostport->host, hostport->port);
}

/*
 * Which address of the interface a probe comes from: the one on the same net, or else the first of
 * its family, which the config is sure to have.
 */
static struct addr source_of(const struct vpnd_tunnel_conf *tunnel, const struct addr *probe)
{
	struct addr source = {0};

	for (size_t i = 0; i < tunnel->n_addresses; i++) {
		struct prefix net = tunnel->addresses[i];

		if (net.addr.family != probe->family)
			continue;
		prefix_mask(&net);
		if (prefix_contains(&net, probe))
			return tunnel->addresses[i].addr;
		if (source.family == ADDR_NONE)
			source = tunnel->addresses[i].addr;
	}
	return source;
}

static void tell_peer(struct engine_link *link, const struct held *h, size_t index)
{
	const struct vpnd_peer_conf *peer = &h->conf->peers[index];
	struct privsep_peer m = {.type = PRIVSEP_PEER,
		.slot = h->slot,
		.endpoint = h->peers[index].endpoint,
		.persistent_keepalive = peer->persistent_keepalive,
		.probe = peer->probe,
		.probe_source = source_of(h->conf, &peer->probe),
		.probe_interval_ms = peer->probe_interval_ms,
		.path_mtu = h->peers[index].pmtu,
		.preshared = peer->preshared_key_file};

	memcpy(m.public_key, peer->public_key, sizeof(m.public_key));
	if (peer->name)
		snprintf(m.name, sizeof(m.name), "%s", peer->name);
	format_host(&peer->endpoint, m.host, sizeof(m.host));
	engine_link_send(link, &m, sizeof(m), -1);
	tell_allowed_ips(link, h->slot, peer);
}

static void tell_config(struct engine_link *link, const struct held *h)
{
	tell_slot(link, PRIVSEP_KEYS_FD, h->slot, h->keys.fd);
	for (size_t i = 0; i < h->conf->n_peers; i++)
		tell_peer(link, h, i);
}

void tell_tunnel(struct engine_link *link, const struct held *h, enum tell_what what)
{
	bool config = what >= TELL_CONFIG && h->conf;
	struct privsep_tunnel m = {.type = PRIVSEP_TUNNEL,
		.slot = h->slot,
		.ifindex = h->ifindex,
		.mtu = h->mtu,
		.fwmark = h->fwmark,
		.listen_port = h->udp.port,
		.from_config = config,
		.up = h->up,
		.busy_poll_us = h->speed.busy_poll_us};

	memcpy(m.name, h->name, sizeof(m.name));
	engine_link_send(link, &m, sizeof(m), -1);
	tell_tun(link, h);
	tell_slot(link, PRIVSEP_UAPI_FD, h->slot, h->uapi.fd);
	tell_udp(link, h);
	if (config)
		tell_config(link, h);
	if (what == TELL_ALL && h->state_fd >= 0)
		tell_slot(link, PRIVSEP_STATE_FD, h->slot, h->state_fd);
	tell_slot(link, PRIVSEP_TUNNEL_DONE, h->slot, -1);
}

void tell_link(struct engine_link *link, const struct held *h, bool gone)
{
	const struct privsep_link m = {.type = PRIVSEP_LINK,
		.slot = h->slot,
		.mtu = h->mtu,
		.up = h->up && !gone,
		.gone = gone};

	engine_link_send(link, &m, sizeof(m), -1);
}

void tell_endpoint(struct engine_link *link, uint32_t slot,
	const uint8_t public_key[static KEY_LEN], const struct endpoint *endpoint,
	const char *reason)
{
	struct privsep_endpoint m = {.type = PRIVSEP_ENDPOINT, .slot = slot};

	memcpy(m.public_key, public_key, sizeof(m.public_key));
	if (endpoint)
		m.endpoint = *endpoint;
	else
		snprintf(m.reason, sizeof(m.reason), "%s", reason);
	engine_link_send(link, &m, sizeof(m), -1);
}
