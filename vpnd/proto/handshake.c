/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshake messages on their way out and in: mac1 -> load? cookie -> rate limit -> noise ->
 * timers.
 */
#include <string.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/ecn.h"
#include "vpnd/proto/le.h"

/* A source as the cookies see it: address and port. */
struct source {
	uint8_t addr[16];
	uint8_t port[2];
};

static struct source source_of(const struct path *path)
{
	struct source source = {
		.port = {(uint8_t)(path->remote.port >> 8), (uint8_t)path->remote.port},
	};

	memcpy(source.addr, path->remote.addr.bytes, sizeof(source.addr));
	return source;
}

void handshake_forget(struct peer *peer)
{
	index_remove(&peer->device->indices, &peer->handshake_index);
	noise_reset(&peer->handshake);
}

static void add_index(struct peer *peer)
{
	index_add(&peer->device->indices, &peer->handshake_index, device_random_u32, peer->device);
}

static bool can_initiate(const struct peer *peer)
{
	const struct device *dev = peer->device;

	return dev->up && dev->has_key && !peer->remote.low_order &&
	       peer->path.remote.addr.family != ADDR_NONE;
}

void handshake_initiate(struct peer *peer, bool retry, mono_t now)
{
	struct device *dev = peer->device;
	struct message_initiation msg;
	uint8_t ephemeral[KEY_LEN], timestamp[TIMESTAMP_LEN];

	if (!retry)
		peer->retries = 0;
	if (!can_initiate(peer))
		return;
	if (!mono_expired_s(peer->handshake_sent, REKEY_TIMEOUT_S, now)) {
		timers_handshake_delayed(peer);
		return;
	}
	peer->handshake_sent = now;
	dev->upcalls->random(dev->arg, ephemeral, sizeof(ephemeral));
	dev->upcalls->timestamp(dev->arg, timestamp);
	add_index(peer);
	if (noise_create_initiation(&peer->handshake, &dev->identity, &peer->remote, ephemeral,
		    timestamp, peer->handshake_index.index, &msg) == NOISE_OK) {
		cookie_add_macs(&peer->cookie, &msg, sizeof(msg), now);
		if (!peer->unanswered++)
			peer->unanswered_since = now;
		timers_authenticated_sent(peer, now);
		peer_send(peer, HANDSHAKE_CLASS, &msg, sizeof(msg));
		timers_handshake_initiated(peer, now);
		device_raise(peer, EVENT_HANDSHAKE_SENT);
	} else {
		handshake_forget(peer);
	}
	crypto_wipe(ephemeral, sizeof(ephemeral));
	timers_schedule(peer);
}

static void respond(struct peer *peer, mono_t now)
{
	struct device *dev = peer->device;
	struct message_response msg;
	uint8_t ephemeral[KEY_LEN];

	peer->handshake_sent = now;
	dev->upcalls->random(dev->arg, ephemeral, sizeof(ephemeral));
	add_index(peer);
	if (noise_create_response(&peer->handshake, &peer->remote, ephemeral,
		    peer->handshake_index.index, &msg) == NOISE_OK) {
		cookie_add_macs(&peer->cookie, &msg, sizeof(msg), now);
		if (keypairs_begin(peer, false, now) == 0) {
			timers_authenticated_sent(peer, now);
			peer_send(peer, HANDSHAKE_CLASS, &msg, sizeof(msg));
		}
	} else {
		handshake_forget(peer);
	}
	crypto_wipe(ephemeral, sizeof(ephemeral));
}

static bool flooding(const struct peer *peer, mono_t now)
{
	return mono_is_set(peer->initiation_taken) &&
	       mono_before(now, mono_add_us(peer->initiation_taken, US_PER_S / INITIATIONS_PER_S));
}

static enum packet_verdict verdict_of(enum noise_result result)
{
	switch (result) {
	case NOISE_OK:
		return PACKET_HANDSHAKE;
	case NOISE_REPLAYED:
		return PACKET_REPLAYED;
	case NOISE_STATE:
		return PACKET_BAD_INDEX;
	case NOISE_LOW_ORDER:
	case NOISE_FORGED:
		break;
	}
	return PACKET_BAD_HANDSHAKE;
}

/* It was made by the peer; when, nobody knows: it may have been recorded long ago. */
static void note_replay(struct peer *peer, mono_t now)
{
	peer->replayed = now;
	peer->replays++;
	device_raise(peer, EVENT_REPLAYED);
}

/* The peer has proved that it has its key, now and from there. */
static void note_place(struct peer *peer, const struct path *path, mono_t now)
{
	peer_heard(peer, path, now);
	if (rivals_seen(&peer->rivals, &path->remote, now))
		device_raise(peer, EVENT_RIVALS);
}

static enum packet_verdict take_initiation(
	struct device *dev, const struct packet *packet, mono_t now)
{
	struct message_initiation msg;
	struct noise_initiation begun;
	struct peer *peer;
	enum noise_result result;

	memcpy(&msg, packet->data, sizeof(msg));
	result = noise_consume_initiation(&dev->identity, &msg, &begun);
	if (result != NOISE_OK)
		return verdict_of(result);
	peer = device_peer(dev, begun.static_key);
	if (!peer || flooding(peer, now)) {
		crypto_wipe(&begun, sizeof(begun));
		return peer ? PACKET_FLOODED : PACKET_UNKNOWN_PEER;
	}
	result = noise_accept_initiation(&peer->handshake, &peer->remote, &msg, &begun);
	if (result == NOISE_REPLAYED)
		note_replay(peer, now);
	if (result != NOISE_OK)
		return verdict_of(result);
	peer->initiation_taken = now;
	peer->rx_bytes += packet->len;
	note_place(peer, &packet->path, now);
	device_raise(peer, EVENT_INITIATION);
	respond(peer, now);
	timers_authenticated_received(peer, now);
	timers_schedule(peer);
	return PACKET_HANDSHAKE;
}

static enum packet_verdict take_response(
	struct device *dev, const struct packet *packet, mono_t now)
{
	struct message_response msg;
	struct index_entry *entry;
	struct peer *peer;
	enum noise_result result;

	memcpy(&msg, packet->data, sizeof(msg));
	entry = index_find(&dev->indices, le32_get(msg.receiver_index));
	if (!entry || entry->session)
		return PACKET_BAD_INDEX;
	peer = entry->peer;
	result = noise_consume_response(&peer->handshake, &dev->identity, &peer->remote, &msg);
	if (result != NOISE_OK)
		return verdict_of(result);
	if (keypairs_begin(peer, true, now) < 0)
		return PACKET_BAD_HANDSHAKE;
	peer->rx_bytes += packet->len;
	note_place(peer, &packet->path, now);
	timers_authenticated_received(peer, now);
	timers_handshake_complete(peer, now);
	/* The responder may send only when it has heard something in the new session. */
	stage_send(peer, true, now);
	timers_schedule(peer);
	return PACKET_HANDSHAKE;
}

static enum packet_verdict take_cookie(struct device *dev, const struct packet *packet, mono_t now)
{
	struct message_cookie msg;
	struct index_entry *entry;

	memcpy(&msg, packet->data, sizeof(msg));
	entry = index_find(&dev->indices, le32_get(msg.receiver_index));
	if (!entry)
		return PACKET_BAD_INDEX;
	/* Only the cookie is taken: whoever sends it is not known by it. */
	if (!cookie_consume_reply(&entry->peer->cookie, &msg, now))
		return PACKET_BAD_MAC;
	return PACKET_COOKIE;
}

static void reply_cookie(
	struct device *dev, const struct packet *packet, const struct source *source, mono_t now)
{
	struct message_cookie reply;
	struct message_macs macs;
	le32_t sender_index;
	uint8_t secret[KEY_LEN], nonce[COOKIE_NONCE_LEN];

	memcpy(&macs, packet->data + packet->len - sizeof(macs), sizeof(macs));
	memcpy(&sender_index, packet->data + sizeof(le32_t), sizeof(sender_index));
	dev->upcalls->random(dev->arg, secret, sizeof(secret));
	dev->upcalls->random(dev->arg, nonce, sizeof(nonce));
	cookie_create_reply(&dev->checker, &macs, source, sizeof(*source), le32_get(sender_index),
		secret, nonce, now, &reply);
	crypto_wipe(secret, sizeof(secret));
	dev->upcalls->send(dev->arg, &packet->path, 0, &reply, sizeof(reply));
}

enum packet_verdict handshake_take(
	struct device *dev, const struct packet *packet, bool loaded, mono_t now)
{
	struct source source = source_of(&packet->path);

	if (packet->data[0] == MESSAGE_COOKIE)
		return take_cookie(dev, packet, now);
	switch (cookie_check(
		&dev->checker, packet->data, packet->len, &source, sizeof(source), now)) {
	case COOKIE_INVALID_MAC1:
		return PACKET_BAD_MAC;
	case COOKIE_VALID_MAC1:
		if (!loaded)
			break;
		reply_cookie(dev, packet, &source, now);
		return PACKET_NO_COOKIE;
	case COOKIE_VALID_MAC2:
		if (loaded && !guard_allow(dev->guard, &packet->path.remote.addr, now))
			return PACKET_FLOODED;
		break;
	}
	return packet->data[0] == MESSAGE_INITIATION ? take_initiation(dev, packet, now)
						     : take_response(dev, packet, now);
}
