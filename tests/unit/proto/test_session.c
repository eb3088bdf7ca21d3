/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What surrounds a plaintext in its datagram. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "vpnd/proto/session.h"

static void padding_is_to_16_bytes_and_never_past_the_mtu(void **state)
{
	static const struct {
		size_t len, mtu, padded;
	} CASES[] = {
		{0, 1420, 0},
		{1, 1420, 16},
		{16, 1420, 16},
		{17, 1420, 32},
		{1408, 1420, 1408},
		{1409, 1420, 1420},
		{1420, 1420, 1420},
		{1424, 1424, 1424},
		/* The MTU has just been lowered, or is not known yet. */
		{1421, 1420, 1421},
		{1433, 1420, 1433},
		{100, 0, 100},
		{65535, 65535, 65535},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		assert_int_equal(session_padded_len(CASES[i].len, CASES[i].mtu), CASES[i].padded);
}

/* What lay in the buffer before is nobody's business. */
static void padding_is_zeros(void **state)
{
	enum { LEN = 5, PADDED = 16 };
	static const uint8_t ZEROS[PADDED - LEN];
	uint8_t buffer[PACKET_HEADROOM + PADDED + TAG_LEN];
	uint8_t *data = buffer + PACKET_HEADROOM;
	struct session session = {.may_send = true};
	size_t len = LEN;

	(void)state;
	randombytes_buf(session.send.secret, sizeof(session.send.secret));
	session.receive = session.send;
	memset(buffer, 0xff, sizeof(buffer));
	memcpy(data, "plain", LEN);
	session_seal(&session, &data, &len, PADDED);
	assert_ptr_equal(data, buffer);
	assert_int_equal(len, sizeof(buffer));
	assert_true(session_decrypt(&session, data, len));
	assert_int_equal(session_accept(&session, &data, &len), PACKET_FORWARD);
	assert_int_equal(len, PADDED);
	assert_memory_equal(data, "plain", LEN);
	assert_memory_equal(data + LEN, ZEROS, sizeof(ZEROS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding_is_to_16_bytes_and_never_past_the_mtu),
		cmocka_unit_test(padding_is_zeros),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
