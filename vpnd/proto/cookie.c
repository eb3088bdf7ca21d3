/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/cookie.h"

#include <string.h>

#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"

enum { LABEL_LEN = 8 };
static const char LABEL_MAC1[] = "mac1----";
static const char LABEL_COOKIE[] = "cookie--";
static_assert(sizeof(LABEL_MAC1) == LABEL_LEN + 1 && sizeof(LABEL_COOKIE) == LABEL_LEN + 1,
	"labels are sent without their NUL");

/* How much of a message mac1 and mac2 cover. */
static size_t mac1_covers(size_t len)
{
	return len - sizeof(struct message_macs);
}

static size_t mac2_covers(size_t len)
{
	return mac1_covers(len) + offsetof(struct message_macs, mac2);
}

void cookie_checker_init(struct cookie_checker *checker, const uint8_t public_key[static KEY_LEN])
{
	crypto_wipe(checker, sizeof(*checker));
	crypto_hash2(checker->mac1_key, LABEL_MAC1, LABEL_LEN, public_key, KEY_LEN);
	crypto_hash2(checker->cookie_key, LABEL_COOKIE, LABEL_LEN, public_key, KEY_LEN);
}

static bool secret_expired(const struct cookie_checker *checker, mono_t now)
{
	return mono_expired_s(checker->secret_born, COOKIE_REFRESH_TIME_S, now);
}

enum cookie_verdict cookie_check(const struct cookie_checker *checker, const void *msg, size_t len,
	const void *source, size_t source_len, mono_t now)
{
	enum cookie_verdict verdict = COOKIE_INVALID_MAC1;
	struct message_macs macs;
	struct {
		uint8_t cookie[COOKIE_LEN];
		uint8_t mac[MAC_LEN];
	} secret;

	if (len < sizeof(macs))
		return COOKIE_INVALID_MAC1;
	memcpy(&macs, (const uint8_t *)msg + mac1_covers(len), sizeof(macs));

	crypto_mac(secret.mac, checker->mac1_key, KEY_LEN, msg, mac1_covers(len));
	if (!crypto_equal(secret.mac, macs.mac1, MAC_LEN))
		goto out;
	verdict = COOKIE_VALID_MAC1;

	if (secret_expired(checker, now))
		goto out;
	crypto_mac(secret.cookie, checker->secret, KEY_LEN, source, source_len);
	crypto_mac(secret.mac, secret.cookie, COOKIE_LEN, msg, mac2_covers(len));
	if (crypto_equal(secret.mac, macs.mac2, MAC_LEN))
		verdict = COOKIE_VALID_MAC2;
out:
	crypto_wipe(&secret, sizeof(secret));
	return verdict;
}

void cookie_create_reply(struct cookie_checker *checker, const struct message_macs *macs,
	const void *source, size_t source_len, uint32_t receiver_index,
	const uint8_t random[static KEY_LEN], const uint8_t nonce[static COOKIE_NONCE_LEN],
	mono_t now, struct message_cookie *out)
{
	uint8_t cookie[COOKIE_LEN];

	if (secret_expired(checker, now)) {
		memcpy(checker->secret, random, KEY_LEN);
		checker->secret_born = now;
	}
	out->type = le32_of(MESSAGE_COOKIE);
	out->receiver_index = le32_of(receiver_index);
	memcpy(out->nonce, nonce, COOKIE_NONCE_LEN);
	crypto_mac(cookie, checker->secret, KEY_LEN, source, source_len);
	crypto_xseal(out->encrypted_cookie, checker->cookie_key, nonce, cookie, COOKIE_LEN,
		macs->mac1, MAC_LEN);
	crypto_wipe(cookie, sizeof(cookie));
}

void cookie_maker_init(struct cookie_maker *maker, const uint8_t peer_public_key[static KEY_LEN])
{
	crypto_wipe(maker, sizeof(*maker));
	crypto_hash2(maker->mac1_key, LABEL_MAC1, LABEL_LEN, peer_public_key, KEY_LEN);
	crypto_hash2(maker->cookie_key, LABEL_COOKIE, LABEL_LEN, peer_public_key, KEY_LEN);
}

void cookie_add_macs(struct cookie_maker *maker, void *msg, size_t len, mono_t now)
{
	struct message_macs *macs = (void *)((uint8_t *)msg + mac1_covers(len));

	crypto_mac(macs->mac1, maker->mac1_key, KEY_LEN, msg, mac1_covers(len));
	memcpy(maker->last_mac1, macs->mac1, MAC_LEN);
	maker->sent_mac1 = true;

	if (mono_expired_s(maker->cookie_born, COOKIE_REFRESH_TIME_S - COOKIE_LATENCY_S, now))
		memset(macs->mac2, 0, MAC_LEN);
	else
		crypto_mac(macs->mac2, maker->cookie, COOKIE_LEN, msg, mac2_covers(len));
}

bool cookie_consume_reply(struct cookie_maker *maker, const struct message_cookie *msg, mono_t now)
{
	uint8_t cookie[COOKIE_LEN];
	bool ok = maker->sent_mac1 && le32_get(msg->type) == MESSAGE_COOKIE &&
		  crypto_xopen(cookie, maker->cookie_key, msg->nonce, msg->encrypted_cookie,
			  sizeof(msg->encrypted_cookie), maker->last_mac1, MAC_LEN);

	if (ok) {
		memcpy(maker->cookie, cookie, COOKIE_LEN);
		maker->cookie_born = now;
		maker->sent_mac1 = false;
	}
	crypto_wipe(cookie, sizeof(cookie));
	return ok;
}
