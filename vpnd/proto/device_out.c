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

/* Who gets the packet: PACKET_FORWARD with packet->peer, or why nobody does. */
static enum packet_verdict choose_peer(struct device *dev, struct packet *packet)
{
	struct allowedips_owner *owner;
	struct peer *looped;
	size_t len;

	len = inner_len(packet->data, packet->len);
	if (!len)
		return PACKET_NOT_IP;
	looped = loop_find(dev, packet->data, len);
	if (looped) {
		device_raise(looped, EVENT_LOOPED);
		return PACKET_LOOPED;
	}
	owner = inner_destination_owner(dev->allowed_ips, packet->data);
	if (!owner)
		return PACKET_NO_PEER;
	packet->peer = peer_of_owner(owner);
	return packet->peer->path.remote.addr.family == ADDR_NONE ? PACKET_NO_ENDPOINT
								  : PACKET_FORWARD;
}

/* Give it what it will be sealed with; the batch holds each session once for a run of packets. */
static void plan(
	struct peer *peer, struct packet *packet, const struct packet *before, size_t padded_len)
{
	packet->session = peer->current;
	if (!before || before->session != packet->session)
		session_hold(packet->session);
	packet->counter = packet->session->sent++;
	packet->path = peer->path;
	peer->tx_bytes += DATA_OVERHEAD + padded_len;
	peer->tx_packets++;
}

/* Data was sent now. Once is enough for all that leave at the same time. */
static void note_sent(struct peer *peer, mono_t now)
{
	timers_authenticated_sent(peer, now);
	timers_data_sent(peer, now);
	if (session_wants_rekey_to_send(peer->current, now))
		handshake_initiate(peer, false, now);
	timers_schedule(peer);
}

/* `before` is the packet before this one in its batch, or NULL. */
static enum packet_verdict take(
	struct device *dev, struct packet *packet, const struct packet *before, mono_t now)
{
	bool led = before && packet->follows && before->verdict == PACKET_FORWARD;
	size_t padded_len = session_padded_len(packet->len, dev->mtu);

	if (led) {
		packet->peer = before->peer;
	} else {
		enum packet_verdict verdict = choose_peer(dev, packet);

		if (verdict != PACKET_FORWARD)
			return verdict;
	}
	if (!session_can_send(packet->peer->current, now))
		return stage(packet->peer, packet, padded_len, now);
	plan(packet->peer, packet, before, padded_len);
	if (!led)
		note_sent(packet->peer, now);
	return PACKET_FORWARD;
}

void device_seal_plan(
	struct device *dev, struct packet *packets, size_t count, size_t mtu, mono_t now)
{
	dev->mtu = mtu;
	for (size_t i = 0; i < count; i++) {
		struct packet *packet = &packets[i];

		packet->session = NULL;
		packet->stale = false;
		packet->verdict =
			dev->has_key ? take(dev, packet, i ? packet - 1 : NULL, now) : PACKET_DOWN;
		dev->verdicts[packet->verdict]++;
	}
}

void device_seal_finish(struct packet *packets, size_t count, size_t mtu)
{
	for (size_t i = 0; i < count; i++) {
		struct packet *packet = &packets[i];

		if (packet->verdict != PACKET_FORWARD)
			continue;
		packet->class = ecn_encapsulate(packet->data);
		session_seal_as(packet->session, packet->counter, &packet->data, &packet->len,
			session_padded_len(packet->len, mtu));
	}
}

void device_seal_batch(
	struct device *dev, struct packet *packets, size_t count, size_t mtu, mono_t now)
{
	device_seal_plan(dev, packets, count, mtu, now);
	device_seal_finish(packets, count, mtu);
	device_release(packets, count);
}

static enum packet_verdict plan_probe(
	struct device *dev, struct peer *peer, struct packet *packet, size_t mtu, mono_t now)
{
	if (!dev->up || !dev->has_key)
		return PACKET_DOWN;
	if (peer->path.remote.addr.family == ADDR_NONE)
		return PACKET_NO_ENDPOINT;
	if (!session_can_send(peer->current, now))
		return PACKET_EXPIRED;
	packet->peer = peer;
	plan(peer, packet, NULL, session_padded_len(packet->len, mtu));
	note_sent(peer, now);
	return PACKET_FORWARD;
}

void device_seal_probe(
	struct device *dev, struct peer *peer, struct packet *packet, size_t mtu, mono_t now)
{
	packet->session = NULL;
	packet->stale = false;
	packet->verdict = plan_probe(dev, peer, packet, mtu, now);
	device_seal_finish(packet, 1, mtu);
	device_release(packet, 1);
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
