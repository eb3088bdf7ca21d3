/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/session.h"

#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"

void session_free(struct session *session)
{
	if (!session)
		return;
	crypto_wipe(session, sizeof(*session));
	free(session);
}

static bool expired(const struct session *session, uint64_t span_s, mono_t now)
{
	return mono_expired_s(session->born, span_s, now);
}

bool session_can_send(const struct session *session, mono_t now)
{
	return session && session->may_send && session->sent < REJECT_AFTER_MESSAGES &&
	       !expired(session, REJECT_AFTER_TIME_S, now);
}

bool session_wants_rekey_to_send(const struct session *session, mono_t now)
{
	return session->sent > REKEY_AFTER_MESSAGES ||
	       (session->initiator && expired(session, REKEY_AFTER_TIME_S, now));
}

bool session_wants_rekey_to_receive(const struct session *session, mono_t now)
{
	return session->initiator &&
	       expired(session, REJECT_AFTER_TIME_S - KEEPALIVE_TIMEOUT_S - REKEY_TIMEOUT_S, now);
}

size_t session_padded_len(size_t len, size_t mtu)
{
	size_t padded = (len + PADDING_MULTIPLE - 1) & ~((size_t)PADDING_MULTIPLE - 1);

	if (padded <= mtu)
		return padded;
	return len > mtu ? len : mtu;
}

void session_seal(struct session *session, uint8_t **data, size_t *len, size_t padded_len)
{
	struct message_data header = {
		.type = le32_of(MESSAGE_DATA),
		.receiver_index = le32_of(session->remote_index),
		.counter = le64_of(session->sent),
	};
	uint8_t *plain = *data;

	memset(plain + *len, 0, padded_len - *len);
	aead_seal(&session->send, session->sent, plain, plain, padded_len);
	session->sent++;
	*data = plain - sizeof(header);
	memcpy(*data, &header, sizeof(header));
	*len = sizeof(header) + padded_len + TAG_LEN;
}

enum packet_verdict session_open(struct session *session, uint8_t **data, size_t *len, mono_t now)
{
	struct message_data header;
	uint8_t *sealed = *data + sizeof(header);
	size_t sealed_len = *len - sizeof(header);
	uint64_t counter;

	memcpy(&header, *data, sizeof(header));
	counter = le64_get(header.counter);
	if (counter >= REJECT_AFTER_MESSAGES || expired(session, REJECT_AFTER_TIME_S, now))
		return PACKET_EXPIRED;
	if (!aead_open(&session->receive, counter, sealed, sealed, sealed_len))
		return PACKET_FORGED;
	if (replay_check(&session->window, counter) != REPLAY_FRESH)
		return PACKET_REPLAYED;
	*data = sealed;
	*len = sealed_len - TAG_LEN;
	return PACKET_FORWARD;
}
