/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams in: type and length -> session by index -> open in place -> replay window -> source
 * against allowed IPs. Handshake messages leave that way at the second step (handshake.c).
 */
#include <string.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/ecn.h"
#include "vpnd/proto/inner.h"
#include "vpnd/proto/le.h"

/* The message's type if its reserved bytes are zero and its length fits; else a verdict in *bad. */
static enum message_type classify(const struct packet *packet, enum packet_verdict *bad)
{
	static const size_t SIZES[] = {
		[MESSAGE_INITIATION] = sizeof(struct message_initiation),
		[MESSAGE_RESPONSE] = sizeof(struct message_response),
		[MESSAGE_COOKIE] = sizeof(struct message_cookie),
	};
	le32_t wire;
	uint32_t type;

	*bad = PACKET_BAD_LENGTH;
	if (packet->len < sizeof(wire))
		return 0;
	memcpy(&wire, packet->data, sizeof(wire));
	type = le32_get(wire);
	if (type == MESSAGE_DATA)
		return packet->len >= DATA_OVERHEAD ? MESSAGE_DATA : 0;
	if (type >= MESSAGE_INITIATION && type <= MESSAGE_COOKIE)
		return packet->len == SIZES[type] ? type : 0;
	*bad = PACKET_BAD_TYPE;
	return 0;
}

static void keep_fresh(struct peer *peer, mono_t now)
{
	if (peer->sent_lastminute || !peer->current ||
		!session_wants_rekey_to_receive(peer->current, now))
		return;
	peer->sent_lastminute = true;
	handshake_initiate(peer, false, now);
}

static enum packet_verdict take_inner(
	struct device *dev, struct peer *peer, struct packet *packet, mono_t now)
{
	size_t len;

	if (!packet->len)
		return PACKET_KEEPALIVE;
	timers_data_received(peer, now);
	len = inner_len(packet->data, packet->len);
	if (!len)
		return PACKET_BAD_INNER;
	if (inner_source_owner(dev->allowed_ips, packet->data) != &peer->allowed_ips)
		return PACKET_BAD_SOURCE;
	ecn_decapsulate(packet->class, packet->data);
	peer->rx_packets++;
	packet->len = len;
	packet->peer = peer;
	return PACKET_FORWARD;
}

/* Packets that came the same way for the same session, one right after the other. */
struct run {
	struct index_entry *entry; /* NULL: none begun */
	bool heard;                /* one of them was authentic */
};

static bool find_session(const struct device *dev, const struct packet *packet, struct run *run)
{
	struct message_data header;
	uint32_t index;

	memcpy(&header, packet->data, sizeof(header));
	index = le32_get(header.receiver_index);
	if (packet->follows && run->entry && run->entry->index == index)
		return true;
	*run = (struct run){.entry = index_find(&dev->indices, index)};
	if (run->entry && !run->entry->session)
		run->entry = NULL;
	return run->entry != NULL;
}

/* Something authentic came this way now. Once is enough for a run. */
static void note_received(
	struct peer *peer, struct session *session, const struct path *path, mono_t now)
{
	peer_heard(peer, path, now);
	if (keypairs_received(peer, session)) {
		timers_handshake_complete(peer, now);
		stage_send(peer, false, now);
	}
	keep_fresh(peer, now);
	timers_authenticated_received(peer, now);
}

static enum packet_verdict open_data(
	struct device *dev, struct packet *packet, struct run *run, mono_t now)
{
	size_t wire_len = packet->len;
	enum packet_verdict verdict;
	struct peer *peer;

	if (!find_session(dev, packet, run))
		return PACKET_BAD_INDEX;
	peer = run->entry->peer;
	verdict = session_open(run->entry->session, &packet->data, &packet->len, now);
	if (verdict != PACKET_FORWARD)
		return verdict;

	peer->rx_bytes += wire_len;
	if (!run->heard)
		note_received(peer, run->entry->session, &packet->path, now);
	run->heard = true;
	verdict = take_inner(dev, peer, packet, now);
	timers_schedule(peer);
	return verdict;
}

static enum packet_verdict take(
	struct device *dev, struct packet *packet, struct run *run, bool loaded, mono_t now)
{
	enum packet_verdict bad;

	switch (classify(packet, &bad)) {
	case MESSAGE_DATA:
		return open_data(dev, packet, run, now);
	case MESSAGE_INITIATION:
	case MESSAGE_RESPONSE:
	case MESSAGE_COOKIE:
		*run = (struct run){0}; /* sessions come and go by it */
		return dev->has_key ? handshake_take(dev, packet, loaded, now) : PACKET_DOWN;
	}
	return bad;
}

static size_t count_handshakes(const struct packet *packets, size_t count)
{
	enum packet_verdict bad;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		enum message_type type = classify(&packets[i], &bad);

		n += type == MESSAGE_INITIATION || type == MESSAGE_RESPONSE;
	}
	return n;
}

void device_open_batch(struct device *dev, struct packet *packets, size_t count, mono_t now)
{
	bool loaded = guard_loaded(dev->guard, count_handshakes(packets, count), now);
	struct run run = {0};

	for (size_t i = 0; i < count; i++) {
		packets[i].verdict =
			dev->up ? take(dev, &packets[i], &run, loaded, now) : PACKET_DOWN;
		dev->verdicts[packets[i].verdict]++;
	}
}
