/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <string.h>

#include "tests/golden/crypto_vectors.h"
#include "tests/golden/noise_vectors.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/le.h"
#include "vpnd/proto/noise.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { INITIATOR_INDEX = 0x11223344, RESPONDER_INDEX = 0xcafef00d };

/* One end: its identity, what it knows of the other end, and the handshake. */
struct end {
	struct noise_identity id;
	struct noise_remote remote;
	struct noise_handshake hs;
};

/* Both ends of the golden handshake before its first message. */
struct pair {
	struct end initiator;
	struct end responder;
};

static void meet(struct end *end, const uint8_t *private_key, const uint8_t *remote_public)
{
	memset(end, 0, sizeof(*end));
	noise_identity_set(&end->id, private_key);
	noise_remote_set(&end->remote, &end->id, remote_public);
	memcpy(end->remote.preshared_key, golden_preshared_key, KEY_LEN);
}

static struct pair new_pair(void)
{
	struct pair pair;

	meet(&pair.initiator, golden_initiator_private, golden_responder_public);
	meet(&pair.responder, golden_responder_private, golden_initiator_public);
	return pair;
}

static enum noise_result initiate(
	struct end *end, const uint8_t *timestamp, struct message_initiation *msg)
{
	return noise_create_initiation(&end->hs, &end->id, &end->remote, golden_initiator_ephemeral,
		timestamp, INITIATOR_INDEX, msg);
}

/* Both halves of taking an initiation. */
static enum noise_result take(struct end *end, const struct message_initiation *msg)
{
	struct noise_initiation in;
	enum noise_result result = noise_consume_initiation(&end->id, msg, &in);

	if (result != NOISE_OK)
		return result;
	result = noise_accept_initiation(&end->hs, &end->remote, msg, &in);
	assert_true(crypto_is_zero(&in, sizeof(in)));
	return result;
}

static enum noise_result respond(struct end *end, struct message_response *msg)
{
	return noise_create_response(
		&end->hs, &end->remote, golden_responder_ephemeral, RESPONDER_INDEX, msg);
}

static enum noise_result finish(struct end *end, const struct message_response *msg)
{
	return noise_consume_response(&end->hs, &end->id, &end->remote, msg);
}

/* A pair after both messages but for the last step, the initiator's, and the response. */
static struct pair almost_done(struct message_response *response)
{
	struct pair pair = new_pair();
	struct message_initiation initiation;

	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &initiation), NOISE_OK);
	assert_int_equal(take(&pair.responder, &initiation), NOISE_OK);
	assert_int_equal(respond(&pair.responder, response), NOISE_OK);
	return pair;
}

/* Both ends can derive keys, and the same ones. */
static void assert_same_keys(struct pair *pair, struct noise_keys *initiator_keys)
{
	struct noise_keys responder_keys;

	assert_int_equal(noise_derive_keys(&pair->initiator.hs, initiator_keys), NOISE_OK);
	assert_int_equal(noise_derive_keys(&pair->responder.hs, &responder_keys), NOISE_OK);
	assert_memory_equal(initiator_keys->send, responder_keys.receive, KEY_LEN);
	assert_memory_equal(initiator_keys->receive, responder_keys.send, KEY_LEN);
	assert_memory_not_equal(initiator_keys->send, initiator_keys->receive, KEY_LEN);
}

static void handshake_is_that_of_an_independent_implementation(void **unused)
{
	struct pair pair = new_pair();
	struct message_initiation initiation;
	struct message_response response;
	struct noise_initiation in;
	struct noise_keys keys;

	(void)unused;
	assert_memory_equal(pair.initiator.id.public_key, golden_initiator_public, KEY_LEN);
	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &initiation), NOISE_OK);
	assert_memory_equal(
		&initiation, golden_initiation, sizeof(initiation) - sizeof(initiation.macs));

	assert_int_equal(noise_consume_initiation(&pair.responder.id, &initiation, &in), NOISE_OK);
	assert_memory_equal(in.static_key, golden_initiator_public, KEY_LEN);
	assert_int_equal(in.sender_index, INITIATOR_INDEX);
	assert_int_equal(noise_accept_initiation(
				 &pair.responder.hs, &pair.responder.remote, &initiation, &in),
		NOISE_OK);
	assert_memory_equal(
		pair.responder.remote.newest_timestamp, golden_timestamp, TIMESTAMP_LEN);

	assert_int_equal(respond(&pair.responder, &response), NOISE_OK);
	assert_memory_equal(&response, golden_response, sizeof(response) - sizeof(response.macs));
	assert_int_equal(finish(&pair.initiator, &response), NOISE_OK);
	assert_int_equal(pair.initiator.hs.remote_index, RESPONDER_INDEX);
	assert_int_equal(pair.responder.hs.remote_index, INITIATOR_INDEX);

	assert_same_keys(&pair, &keys);
	assert_memory_equal(keys.send, golden_initiator_send, KEY_LEN);
	assert_memory_equal(keys.receive, golden_initiator_receive, KEY_LEN);
}

static void handshake_without_preshared_key_gives_other_keys(void **unused)
{
	struct pair pair = new_pair();
	struct message_initiation initiation;
	struct message_response response;
	struct noise_keys keys;

	(void)unused;
	crypto_wipe(pair.initiator.remote.preshared_key, KEY_LEN);
	crypto_wipe(pair.responder.remote.preshared_key, KEY_LEN);
	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &initiation), NOISE_OK);
	assert_int_equal(take(&pair.responder, &initiation), NOISE_OK);
	assert_int_equal(respond(&pair.responder, &response), NOISE_OK);
	assert_int_equal(finish(&pair.initiator, &response), NOISE_OK);
	assert_same_keys(&pair, &keys);
	assert_memory_not_equal(keys.send, golden_initiator_send, KEY_LEN);
}

/* The first two fields are what mac1 and the table of indices guard; see test_cookie.c. */
static void initiation_with_any_flipped_bit_is_refused_and_changes_nothing(void **unused)
{
	const size_t first = offsetof(struct message_initiation, ephemeral) * 8;
	const size_t end = offsetof(struct message_initiation, macs) * 8;
	struct pair pair = new_pair();
	const struct end before = pair.responder;
	struct message_initiation msg;

	(void)unused;
	memcpy(&msg, golden_initiation, sizeof(msg));
	for (size_t bit = first; bit < end; bit++) {
		((uint8_t *)&msg)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(take(&pair.responder, &msg), NOISE_FORGED);
		assert_memory_equal(&pair.responder, &before, sizeof(before));
		((uint8_t *)&msg)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(take(&pair.responder, &msg), NOISE_OK);
}

static void response_with_any_flipped_bit_is_refused_and_changes_nothing(void **unused)
{
	const size_t first = offsetof(struct message_response, ephemeral) * 8;
	const size_t end = offsetof(struct message_response, macs) * 8;
	struct message_response msg;
	struct pair pair = almost_done(&msg);
	const struct end before = pair.initiator;

	(void)unused;
	for (size_t bit = first; bit < end; bit++) {
		((uint8_t *)&msg)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(finish(&pair.initiator, &msg), NOISE_FORGED);
		assert_memory_equal(&pair.initiator, &before, sizeof(before));
		((uint8_t *)&msg)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(finish(&pair.initiator, &msg), NOISE_OK);
}

static void refused_initiation_leaves_the_output_untouched(void **unused)
{
	struct pair pair = new_pair();
	struct message_initiation msg;
	struct noise_initiation in, before;

	(void)unused;
	memset(&in, 0xaa, sizeof(in));
	before = in;
	memcpy(&msg, golden_initiation, sizeof(msg));
	msg.encrypted_static[0] ^= 1;
	assert_int_equal(noise_consume_initiation(&pair.responder.id, &msg, &in), NOISE_FORGED);
	assert_memory_equal(&in, &before, sizeof(in));
}

static void response_in_the_wrong_state_is_refused_and_changes_nothing(void **unused)
{
	static const enum noise_state wrong[] = {NOISE_IDLE, NOISE_INITIATION_TAKEN, NOISE_DONE};
	struct message_response response;
	struct pair pair = almost_done(&response);

	(void)unused;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct end end = pair.initiator, before;

		end.hs.state = wrong[i];
		before = end;
		assert_int_equal(finish(&end, &response), NOISE_STATE);
		assert_memory_equal(&end, &before, sizeof(end));
	}
}

static void second_response_is_refused(void **unused)
{
	struct message_response response;
	struct pair pair = almost_done(&response);

	(void)unused;
	assert_int_equal(finish(&pair.initiator, &response), NOISE_OK);
	assert_int_equal(finish(&pair.initiator, &response), NOISE_STATE);
}

static void response_to_an_older_initiation_is_refused(void **unused)
{
	struct message_response response;
	struct pair pair = almost_done(&response);
	struct message_initiation again;
	uint8_t ephemeral[KEY_LEN] = {1};

	(void)unused;
	assert_int_equal(noise_create_initiation(&pair.initiator.hs, &pair.initiator.id,
				 &pair.initiator.remote, ephemeral, golden_timestamp,
				 INITIATOR_INDEX, &again),
		NOISE_OK);
	assert_int_equal(finish(&pair.initiator, &response), NOISE_FORGED);
	assert_int_equal(pair.initiator.hs.state, NOISE_INITIATION_SENT);
}

static void response_is_made_only_to_an_initiation(void **unused)
{
	static const enum noise_state wrong[] = {NOISE_IDLE, NOISE_INITIATION_SENT, NOISE_DONE};

	(void)unused;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct pair pair = new_pair();
		struct message_response response = {0};

		pair.responder.hs.state = wrong[i];
		assert_int_equal(respond(&pair.responder, &response), NOISE_STATE);
		assert_true(crypto_is_zero(&response, sizeof(response)));
	}
}

static void replayed_initiation_is_refused_and_changes_nothing(void **unused)
{
	struct pair pair = new_pair();
	struct message_initiation msg;
	struct end before;

	(void)unused;
	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &msg), NOISE_OK);
	assert_int_equal(take(&pair.responder, &msg), NOISE_OK);
	before = pair.responder;
	assert_int_equal(take(&pair.responder, &msg), NOISE_REPLAYED);
	assert_memory_equal(&pair.responder, &before, sizeof(before));
}

/* What becomes of an initiation with `timestamp` after one with `newest`. */
static enum noise_result take_after(const uint8_t *newest, const uint8_t *timestamp)
{
	struct pair pair = new_pair();
	struct message_initiation msg;

	memcpy(pair.responder.remote.newest_timestamp, newest, TIMESTAMP_LEN);
	assert_int_equal(initiate(&pair.initiator, timestamp, &msg), NOISE_OK);
	return take(&pair.responder, &msg);
}

static void timestamp_must_be_greater_in_big_endian(void **unused)
{
	uint8_t newest[TIMESTAMP_LEN], timestamp[TIMESTAMP_LEN];

	(void)unused;
	memset(newest, 0x7f, sizeof(newest));
	assert_int_equal(take_after(newest, newest), NOISE_REPLAYED);
	for (size_t i = 0; i < TIMESTAMP_LEN; i++) {
		/* One byte decides, whatever comes after it. */
		memcpy(timestamp, newest, sizeof(timestamp));
		timestamp[i] = 0x80;
		memset(timestamp + i + 1, 0, sizeof(timestamp) - i - 1);
		assert_int_equal(take_after(newest, timestamp), NOISE_OK);
		timestamp[i] = 0x7e;
		memset(timestamp + i + 1, 0xff, sizeof(timestamp) - i - 1);
		assert_int_equal(take_after(newest, timestamp), NOISE_REPLAYED);
	}
}

static void low_order_ephemeral_is_refused_and_changes_nothing(void **unused)
{
	struct message_response response;
	struct pair pair = almost_done(&response);
	const struct pair before = pair;
	struct message_initiation initiation;

	(void)unused;
	memcpy(&initiation, golden_initiation, sizeof(initiation));
	for (size_t i = 0; i < COUNT(x25519_low_order); i++) {
		uint8_t point[KEY_LEN];

		assert_int_equal(sodium_hex2bin(point, KEY_LEN, x25519_low_order[i], 2 * KEY_LEN,
					 NULL, NULL, NULL),
			0);
		memcpy(initiation.ephemeral, point, KEY_LEN);
		memcpy(response.ephemeral, point, KEY_LEN);
		assert_int_equal(take(&pair.responder, &initiation), NOISE_LOW_ORDER);
		assert_int_equal(finish(&pair.initiator, &response), NOISE_LOW_ORDER);
		assert_memory_equal(&pair, &before, sizeof(pair));
	}
}

static void peer_with_a_low_order_key_is_never_talked_to(void **unused)
{
	static const uint8_t low_order[KEY_LEN] = {1};
	struct message_initiation msg = {0};
	struct pair pair = new_pair();
	struct noise_initiation in;
	struct end before;

	(void)unused;
	noise_remote_set(&pair.initiator.remote, &pair.initiator.id, low_order);
	assert_true(pair.initiator.remote.low_order);
	assert_true(crypto_is_zero(pair.initiator.remote.static_static, KEY_LEN));
	before = pair.initiator;
	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &msg), NOISE_LOW_ORDER);
	assert_memory_equal(&pair.initiator, &before, sizeof(before));
	assert_true(crypto_is_zero(&msg, sizeof(msg)));

	pair.responder.remote.low_order = true;
	before = pair.responder;
	memcpy(&msg, golden_initiation, sizeof(msg));
	assert_int_equal(noise_consume_initiation(&pair.responder.id, &msg, &in), NOISE_OK);
	assert_int_equal(
		noise_accept_initiation(&pair.responder.hs, &pair.responder.remote, &msg, &in),
		NOISE_LOW_ORDER);
	assert_true(crypto_is_zero(&in, sizeof(in)));
	assert_memory_equal(&pair.responder, &before, sizeof(before));
}

static void low_order_mark_goes_with_a_good_key(void **unused)
{
	static const uint8_t low_order[KEY_LEN] = {1};
	struct pair pair = new_pair();
	const struct noise_remote good = pair.initiator.remote;

	(void)unused;
	noise_remote_set(&pair.initiator.remote, &pair.initiator.id, low_order);
	noise_remote_set(&pair.initiator.remote, &pair.initiator.id, golden_responder_public);
	assert_memory_equal(&pair.initiator.remote, &good, sizeof(good));
}

static void different_preshared_keys_fail_at_the_response(void **unused)
{
	struct pair pair = new_pair();
	struct message_initiation initiation;
	struct message_response response;

	(void)unused;
	pair.responder.remote.preshared_key[31] ^= 1;
	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &initiation), NOISE_OK);
	assert_int_equal(take(&pair.responder, &initiation), NOISE_OK);
	assert_int_equal(respond(&pair.responder, &response), NOISE_OK);
	assert_int_equal(finish(&pair.initiator, &response), NOISE_FORGED);
	assert_int_equal(pair.initiator.hs.state, NOISE_INITIATION_SENT);
}

static void initiation_for_another_responder_is_refused(void **unused)
{
	struct pair pair = new_pair();
	struct message_initiation msg;

	(void)unused;
	noise_remote_set(&pair.initiator.remote, &pair.initiator.id, golden_initiator_public);
	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &msg), NOISE_OK);
	assert_int_equal(take(&pair.responder, &msg), NOISE_FORGED);
}

/* Who knows only the public key of a peer can name it, but not speak for it. */
static void initiation_with_a_borrowed_static_key_is_refused(void **unused)
{
	struct pair pair = new_pair();
	struct message_initiation msg;
	struct noise_initiation in;

	(void)unused;
	noise_identity_set(&pair.initiator.id, golden_responder_ephemeral);
	noise_remote_set(&pair.initiator.remote, &pair.initiator.id, golden_responder_public);
	memcpy(pair.initiator.id.public_key, golden_initiator_public, KEY_LEN);
	assert_int_equal(initiate(&pair.initiator, golden_timestamp, &msg), NOISE_OK);

	assert_int_equal(noise_consume_initiation(&pair.responder.id, &msg, &in), NOISE_OK);
	assert_memory_equal(in.static_key, golden_initiator_public, KEY_LEN);
	assert_int_equal(
		noise_accept_initiation(&pair.responder.hs, &pair.responder.remote, &msg, &in),
		NOISE_FORGED);
	assert_int_equal(pair.responder.hs.state, NOISE_IDLE);
}

static void keys_are_derived_once_and_the_handshake_is_wiped(void **unused)
{
	struct message_response response;
	struct pair pair = almost_done(&response);
	struct noise_keys keys, before;

	(void)unused;
	memset(&keys, 0xaa, sizeof(keys));
	before = keys;
	assert_int_equal(noise_derive_keys(&pair.initiator.hs, &keys), NOISE_STATE);
	assert_memory_equal(&keys, &before, sizeof(keys));

	assert_int_equal(finish(&pair.initiator, &response), NOISE_OK);
	assert_true(crypto_is_zero(pair.initiator.hs.ephemeral_private, KEY_LEN));
	assert_int_equal(noise_derive_keys(&pair.initiator.hs, &keys), NOISE_OK);
	assert_true(crypto_is_zero(&pair.initiator.hs, sizeof(pair.initiator.hs)));
	assert_int_equal(noise_derive_keys(&pair.initiator.hs, &keys), NOISE_STATE);
}

static void identity_is_clamped(void **unused)
{
	struct noise_identity id;
	uint8_t ones[KEY_LEN];

	(void)unused;
	memset(ones, 0xff, sizeof(ones));
	noise_identity_set(&id, ones);
	assert_int_equal(id.private_key[0], 0xf8);
	assert_int_equal(id.private_key[31], 0x7f);
}

static int set_up(void **unused)
{
	(void)unused;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_is_that_of_an_independent_implementation),
		cmocka_unit_test(handshake_without_preshared_key_gives_other_keys),
		cmocka_unit_test(initiation_with_any_flipped_bit_is_refused_and_changes_nothing),
		cmocka_unit_test(response_with_any_flipped_bit_is_refused_and_changes_nothing),
		cmocka_unit_test(refused_initiation_leaves_the_output_untouched),
		cmocka_unit_test(response_in_the_wrong_state_is_refused_and_changes_nothing),
		cmocka_unit_test(second_response_is_refused),
		cmocka_unit_test(response_to_an_older_initiation_is_refused),
		cmocka_unit_test(response_is_made_only_to_an_initiation),
		cmocka_unit_test(replayed_initiation_is_refused_and_changes_nothing),
		cmocka_unit_test(timestamp_must_be_greater_in_big_endian),
		cmocka_unit_test(low_order_ephemeral_is_refused_and_changes_nothing),
		cmocka_unit_test(peer_with_a_low_order_key_is_never_talked_to),
		cmocka_unit_test(low_order_mark_goes_with_a_good_key),
		cmocka_unit_test(different_preshared_keys_fail_at_the_response),
		cmocka_unit_test(initiation_for_another_responder_is_refused),
		cmocka_unit_test(initiation_with_a_borrowed_static_key_is_refused),
		cmocka_unit_test(keys_are_derived_once_and_the_handshake_is_wiped),
		cmocka_unit_test(identity_is_clamped),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
