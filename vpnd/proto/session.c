/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/session.h"

#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"

void session_hold(struct session *session)
{
	session->holders++;
}

void session_release(struct session *session)
{
	if (!session || --session->holders)
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
	session_seal_as(session, session->sent++, data, len, padded_len);
}

void session_seal_as(const struct session *session, uint64_t counter, uint8_t **data, size_t *len,
	size_t padded_len)
{
	struct message_data header = {
		.type = le32_of(MESSAGE_DATA),
		.receiver_index = le32_of(session->remote_index),
		.counter = le64_of(counter),
	};
	uint8_t *plain = *data;

	memset(plain + *len, 0, padded_len - *len);
	aead_seal(&session->send, counter, plain, plain, padded_len);
	*data = plain - sizeof(header);
	memcpy(*data, &header, sizeof(header));
	*len = sizeof(header) + padded_len + TAG_LEN;
}

static uint64_t counter_of(const uint8_t *data)
{
	struct message_data header;

	memcpy(&header, data, sizeof(header));
	return le64_get(header.counter);
}

enum packet_verdict session_may_open(const struct session *session, const uint8_t *data, mono_t now)
{
	return counter_of(data) >= REJECT_AFTER_MESSAGES ||
			       expired(session, REJECT_AFTER_TIME_S, now)
		       ? PACKET_EXPIRED
		       : PACKET_FORWARD;
}

bool session_decrypt(const struct session *session, uint8_t *data, size_t len)
{
	uint8_t *sealed = data + sizeof(struct message_data);

	return aead_open(&session->receive, counter_of(data), sealed, sealed,
		len - sizeof(struct message_data));
}

enum packet_verdict session_accept(struct session *session, uint8_t **data, size_t *len)
{
	if (replay_check(&session->window, counter_of(*data)) != REPLAY_FRESH)
		return PACKET_REPLAYED;
	*data += sizeof(struct message_data);
	*len -= DATA_OVERHEAD;
	return PACKET_FORWARD;
}
