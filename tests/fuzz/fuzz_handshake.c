/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshake messages as a stranger may send them. The input's first byte chooses the message, the
 * second whether mac1 is made right (anyone who knows the public key can do that); the rest is
 * XORed onto the message of a good handshake. Whatever differs from the good message where it is
 * authenticated must be refused and must leave the state as it was.
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/noise_vectors.h"
#include "vpnd/proto/cookie.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/noise.h"

static const mono_t now = {1000 * US_PER_S};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool right)
{
	if (!right)
		abort();
}

/* XOR the input onto a message; true if it changed any of its first `guarded` bytes. */
static bool disturb(void *msg, size_t size, size_t guarded, const uint8_t *data, size_t len)
{
	bool changed = false;

	for (size_t i = 0; i < size && i < len; i++) {
		((uint8_t *)msg)[i] ^= data[i];
		changed |= i < guarded && data[i] != 0;
	}
	return changed;
}

/* Judge the macs of a message that should be `good`; `changed` says if anything under mac1 is not.
 */
static void check_macs(
	void *msg, const void *good, size_t len, const uint8_t *receiver, bool changed, bool repair)
{
	struct cookie_checker checker;
	struct cookie_maker maker;
	enum cookie_verdict verdict;

	cookie_checker_init(&checker, receiver);
	cookie_maker_init(&maker, receiver);
	if (repair)
		cookie_add_macs(&maker, msg, len, now);
	verdict = cookie_check(&checker, msg, len, "source", 6, now);
	if (repair || memcmp(msg, good, len - MAC_LEN) == 0)
		must(verdict == COOKIE_VALID_MAC1);
	else if (changed)
		must(verdict == COOKIE_INVALID_MAC1);
}

static void fuzz_initiation(const uint8_t *data, size_t len, bool repair)
{
	struct noise_identity id;
	struct noise_remote remote = {0}, remote_before;
	struct noise_handshake hs = {0}, hs_before = {0};
	struct noise_initiation in;
	struct message_initiation msg;
	enum noise_result result;
	bool changed;

	memcpy(&msg, golden_initiation, sizeof(msg));
	changed = disturb(&msg, sizeof(msg), offsetof(struct message_initiation, macs), data, len);
	check_macs(&msg, golden_initiation, sizeof(msg), golden_responder_public, changed, repair);

	noise_identity_set(&id, golden_responder_private);
	noise_remote_set(&remote, &id, golden_initiator_public);
	remote_before = remote;
	result = noise_consume_initiation(&id, &msg, &in);
	if (result == NOISE_OK)
		result = noise_accept_initiation(&hs, &remote, &msg, &in);

	changed = memcmp(msg.ephemeral, golden_initiation + 8, sizeof(msg) - 8 - sizeof(msg.macs));
	must((result == NOISE_OK) == !changed);
	if (result != NOISE_OK) {
		must(memcmp(&hs, &hs_before, sizeof(hs)) == 0);
		must(memcmp(&remote, &remote_before, sizeof(remote)) == 0);
	}
}

static void fuzz_response(const uint8_t *data, size_t len, bool repair)
{
	struct noise_identity id;
	struct noise_remote remote = {0};
	struct noise_handshake hs = {0}, before;
	struct message_initiation initiation;
	struct message_response msg;
	enum noise_result result;
	bool changed;

	memcpy(&msg, golden_response, sizeof(msg));
	changed = disturb(&msg, sizeof(msg), offsetof(struct message_response, macs), data, len);
	check_macs(&msg, golden_response, sizeof(msg), golden_initiator_public, changed, repair);

	noise_identity_set(&id, golden_initiator_private);
	noise_remote_set(&remote, &id, golden_responder_public);
	memcpy(remote.preshared_key, golden_preshared_key, KEY_LEN);
	must(noise_create_initiation(&hs, &id, &remote, golden_initiator_ephemeral,
		     golden_timestamp, 0x11223344, &initiation) == NOISE_OK);
	before = hs;
	result = noise_consume_response(&hs, &id, &remote, &msg);

	changed = memcmp(msg.ephemeral, golden_response + 12, sizeof(msg) - 12 - sizeof(msg.macs));
	must((result == NOISE_OK) == !changed);
	if (result != NOISE_OK)
		must(memcmp(&hs, &before, sizeof(hs)) == 0);
}

static void fuzz_cookie_reply(const uint8_t *data, size_t len)
{
	struct cookie_maker maker, before;
	struct message_initiation initiation;
	struct message_cookie msg, good;
	bool taken;

	memcpy(&good, golden_cookie_reply, sizeof(good));
	msg = good;
	disturb(&msg, sizeof(msg), sizeof(msg), data, len);

	cookie_maker_init(&maker, golden_responder_public);
	memcpy(&initiation, golden_initiation, sizeof(initiation));
	cookie_add_macs(&maker, &initiation, sizeof(initiation), now);
	before = maker;
	taken = cookie_consume_reply(&maker, &msg, now);

	msg.receiver_index = good.receiver_index; /* not authenticated; it only finds the maker */
	must(taken == (memcmp(&msg, &good, sizeof(msg)) == 0));
	if (!taken)
		must(memcmp(&maker, &before, sizeof(maker)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cookie_checker checker;

	cookie_checker_init(&checker, golden_responder_public);
	cookie_check(&checker, data, len, data, len, now);
	if (len < 2)
		return 0;
	switch (data[0] % 3) {
	case 0:
		fuzz_initiation(data + 2, len - 2, data[1] & 1);
		break;
	case 1:
		fuzz_response(data + 2, len - 2, data[1] & 1);
		break;
	default:
		fuzz_cookie_reply(data + 2, len - 2);
	}
	return 0;
}
