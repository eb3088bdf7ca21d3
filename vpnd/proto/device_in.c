/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams in: type and length -> session by index -> open in place -> replay window -> source
 * against allowed IPs. Handshake messages leave that way at the second step (handshake.c).
 *
 * All state changes in the last step, packet by packet in their order, handshake messages included.
 * So a session that one of them begins cannot open what comes behind it in the same batch; but
 * nobody can have sealed that, for both sides have a session only once a message of ours was sent.
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

/* --- what to open it with ----------------------------------------------------------------------
 */

static struct session *find_session(
	const struct device *dev, const struct packet *packet, const struct packet *before)
{
	struct message_data header;
	struct index_entry *entry;
	uint32_t index;

	memcpy(&header, packet->data, sizeof(header));
	index = le32_get(header.receiver_index);
	if (packet->follows && before && before->session && before->session->index.index == index)
		return before->session;
	entry = index_find(&dev->indices, index);
	return entry ? entry->session : NULL;
}

static enum packet_verdict plan_data(
	const struct device *dev, struct packet *packet, const struct packet *before, mono_t now)
{
	struct session *session = find_session(dev, packet, before);
	enum packet_verdict verdict;

	if (!session)
		return PACKET_BAD_INDEX;
	verdict = session_may_open(session, packet->data, now);
	if (verdict != PACKET_FORWARD)
		return verdict;
	packet->session = session;
	if (!before || before->session != session)
		session_hold(session);
	return PACKET_FORWARD;
}

/* PACKET_HANDSHAKE is what may be one. */
static enum packet_verdict plan(
	const struct device *dev, struct packet *packet, const struct packet *before, mono_t now)
{
	enum packet_verdict bad;

	switch (classify(packet, &bad)) {
	case MESSAGE_DATA:
		return plan_data(dev, packet, before, now);
	case MESSAGE_INITIATION:
	case MESSAGE_RESPONSE:
	case MESSAGE_COOKIE:
		return PACKET_HANDSHAKE;
	}
	return bad;
}

void device_open_plan(const struct device *dev, struct packet *packets, size_t count, mono_t now)
{
	for (size_t i = 0; i < count; i++) {
		struct packet *packet = &packets[i];

		packet->session = NULL;
		packet->stale = false;
		packet->verdict =
			dev->up ? plan(dev, packet, i ? packet - 1 : NULL, now) : PACKET_DOWN;
	}
}

void device_open_finish(struct packet *packets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct packet *packet = &packets[i];

		if (packet->verdict == PACKET_FORWARD &&
			!session_decrypt(packet->session, packet->data, packet->len))
			packet->verdict = PACKET_FORGED;
	}
}

/* --- what comes of it --------------------------------------------------------------------------
 */

/* Packets that came the same way for the same session, one right after the other. */
struct run {
	const struct session *session; /* NULL: none begun */
	bool heard;                    /* one of them was authentic */
};

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

static enum packet_verdict take_data(
	struct device *dev, struct packet *packet, struct run *run, mono_t now)
{
	struct session *session = packet->session;
	struct peer *peer = session->index.peer;
	size_t wire_len = packet->len;
	enum packet_verdict verdict;

	if (!session->index.index)
		return PACKET_BAD_INDEX; /* given up meanwhile, and perhaps its peer too */
	if (!packet->follows || run->session != session)
		*run = (struct run){.session = session};
	verdict = session_accept(session, &packet->data, &packet->len);
	if (verdict != PACKET_FORWARD)
		return verdict;

	peer->rx_bytes += wire_len;
	if (!run->heard)
		note_received(peer, session, &packet->path, now);
	run->heard = true;
	verdict = take_inner(dev, peer, packet, now);
	timers_schedule(peer);
	return verdict;
}

/* What is not data ends a run: sessions come and go by handshakes. */
static enum packet_verdict take(
	struct device *dev, struct packet *packet, struct run *run, bool loaded, mono_t now)
{
	if (packet->verdict == PACKET_FORWARD)
		return take_data(dev, packet, run, now);
	if (packet->verdict != PACKET_HANDSHAKE)
		return packet->verdict;
	*run = (struct run){0};
	return dev->has_key ? handshake_take(dev, packet, loaded, now) : PACKET_DOWN;
}

/* Only initiations and responses are work. */
static size_t count_handshakes(const struct packet *packets, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += packets[i].verdict == PACKET_HANDSHAKE &&
		     packets[i].len != sizeof(struct message_cookie);
	return n;
}

void device_open_commit(struct device *dev, struct packet *packets, size_t count, mono_t now)
{
	bool loaded = guard_loaded(dev->guard, count_handshakes(packets, count), now);
	struct run run = {0};

	for (size_t i = 0; i < count; i++) {
		packets[i].verdict =
			dev->up ? take(dev, &packets[i], &run, loaded, now) : PACKET_DOWN;
		dev->verdicts[packets[i].verdict]++;
	}
}

void device_open_batch(struct device *dev, struct packet *packets, size_t count, mono_t now)
{
	device_open_plan(dev, packets, count, now);
	device_open_finish(packets, count);
	device_open_commit(dev, packets, count, now);
	device_release(packets, count);
}
