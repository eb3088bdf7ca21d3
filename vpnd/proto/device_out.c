/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets out: allowed IPs -> session -> seal in place, or stage and shake hands. */
#include "vpnd/proto/core.h"
#include "vpnd/proto/ecn.h"
#include "vpnd/proto/inner.h"
#include "vpnd/proto/loop.h"

static enum packet_verdict stage(
	struct peer *peer, const struct packet *packet, size_t padded_len, mono_t now)
{
	stage_add(peer, packet->data, packet->len, padded_len);
	handshake_initiate(peer, false, now);
	return PACKET_STAGED;
}

static enum packet_verdict seal(struct device *dev, struct packet *packet, mono_t now)
{
	struct allowedips_owner *owner;
	struct peer *peer;
	size_t len, padded_len;

	len = inner_len(packet->data, packet->len);
	if (!len)
		return PACKET_NOT_IP;
	peer = loop_find(dev, packet->data, len);
	if (peer) {
		device_raise(peer, EVENT_LOOPED);
		return PACKET_LOOPED;
	}
	owner = inner_destination_owner(dev->allowed_ips, packet->data);
	if (!owner)
		return PACKET_NO_PEER;
	peer = peer_of_owner(owner);
	if (peer->path.remote.addr.family == ADDR_NONE)
		return PACKET_NO_ENDPOINT;
	padded_len = session_padded_len(packet->len, dev->mtu);
	if (!session_can_send(peer->current, now))
		return stage(peer, packet, padded_len, now);

	packet->class = ecn_encapsulate(packet->data);
	session_seal(peer->current, &packet->data, &packet->len, padded_len);
	packet->peer = peer;
	packet->path = peer->path;
	peer->tx_bytes += packet->len;
	peer->tx_packets++;
	timers_authenticated_sent(peer, now);
	timers_data_sent(peer, now);
	if (session_wants_rekey_to_send(peer->current, now))
		handshake_initiate(peer, false, now);
	timers_schedule(peer);
	return PACKET_FORWARD;
}

void device_seal_batch(
	struct device *dev, struct packet *packets, size_t count, size_t mtu, mono_t now)
{
	bool ready = dev->up && dev->has_key;

	dev->mtu = mtu;
	for (size_t i = 0; i < count; i++) {
		packets[i].verdict = ready ? seal(dev, &packets[i], now) : PACKET_DOWN;
		dev->verdicts[packets[i].verdict]++;
	}
}

size_t device_answer(struct device *dev, const struct packet *packet,
	uint8_t out[static UNREACHABLE_MAX], mono_t now)
{
	size_t len;

	if (packet->verdict != PACKET_NO_PEER && packet->verdict != PACKET_NO_ENDPOINT)
		return 0;
	len = unreachable_create(packet->data, inner_len(packet->data, packet->len), out);
	return len && unreachable_allow(&dev->unreachable, now) ? len : 0;
}
