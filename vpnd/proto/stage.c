/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/ecn.h"

static struct staged *take_first(struct stage *stage)
{
	struct staged *first = stage->first;

	stage->first = first->next;
	if (!stage->first)
		stage->tail = &stage->first;
	stage->count--;
	return first;
}

static size_t room(size_t padded_len)
{
	return PACKET_HEADROOM + padded_len + TAG_LEN;
}

static void discard(struct staged *staged)
{
	crypto_wipe(staged->buffer, room(staged->padded_len));
	free(staged);
}

static void lose_first(struct peer *peer)
{
	discard(take_first(&peer->stage));
	peer->staged_dropped++;
	peer->device->verdicts[PACKET_STAGE_FULL]++;
}

void stage_add(struct peer *peer, const uint8_t *data, size_t len, size_t padded_len)
{
	struct staged *staged = malloc(sizeof(*staged) + room(padded_len));

	if (!staged) {
		peer->staged_dropped++;
		peer->device->verdicts[PACKET_STAGE_FULL]++;
		return;
	}
	staged->next = NULL;
	staged->len = len;
	staged->padded_len = padded_len;
	memcpy(staged->buffer + PACKET_HEADROOM, data, len);
	if (peer->stage.count == STAGED_MAX)
		lose_first(peer);
	if (!peer->stage.first)
		peer->stage.tail = &peer->stage.first;
	*peer->stage.tail = staged;
	peer->stage.tail = &staged->next;
	peer->stage.count++;
}

static void send_sealed(struct peer *peer, uint8_t *data, size_t len, size_t padded_len, mono_t now)
{
	uint8_t class = padded_len ? ecn_encapsulate(data) : 0;

	session_seal(peer->current, &data, &len, padded_len);
	timers_authenticated_sent(peer, now);
	if (padded_len) {
		timers_data_sent(peer, now);
		peer->tx_packets++;
	}
	peer_send(peer, class, data, len);
}

void stage_send(struct peer *peer, bool keepalive, mono_t now)
{
	uint8_t empty[PACKET_HEADROOM + PACKET_TAILROOM];
	bool sent = peer->stage.first != NULL;

	while (peer->stage.first && session_can_send(peer->current, now)) {
		struct staged *staged = take_first(&peer->stage);

		send_sealed(peer, staged->buffer + PACKET_HEADROOM, staged->len, staged->padded_len,
			now);
		free(staged);
	}
	if (!session_can_send(peer->current, now)) {
		handshake_initiate(peer, false, now);
		return;
	}
	if (!sent && keepalive)
		send_sealed(peer, empty + PACKET_HEADROOM, 0, 0, now);
	if (session_wants_rekey_to_send(peer->current, now))
		handshake_initiate(peer, false, now);
}

void stage_drop(struct peer *peer)
{
	while (peer->stage.first)
		lose_first(peer);
}
