/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/key.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* libsodium's codecs look nothing up by a secret and branch on none. */

int key_from_base64(const char *text, uint8_t key[static KEY_LEN])
{
	uint8_t parsed[KEY_LEN];
	size_t len = 0;
	int r = -EINVAL;

	if (strnlen(text, KEY_BASE64_STRLEN) == KEY_BASE64_LEN &&
		sodium_base642bin(parsed, sizeof(parsed), text, KEY_BASE64_LEN, NULL, &len, NULL,
			sodium_base64_VARIANT_ORIGINAL) == 0 &&
		len == KEY_LEN) {
		memcpy(key, parsed, KEY_LEN);
		r = 0;
	}
	sodium_memzero(parsed, sizeof(parsed));
	return r;
}

int key_from_hex(const char *text, uint8_t key[static KEY_LEN])
{
	uint8_t parsed[KEY_LEN];
	size_t len = 0;
	int r = -EINVAL;

	if (strnlen(text, KEY_HEX_STRLEN) == KEY_HEX_LEN &&
		sodium_hex2bin(parsed, sizeof(parsed), text, KEY_HEX_LEN, NULL, &len, NULL) == 0 &&
		len == KEY_LEN) {
		memcpy(key, parsed, KEY_LEN);
		r = 0;
	}
	sodium_memzero(parsed, sizeof(parsed));
	return r;
}

char *key_to_base64(const uint8_t key[static KEY_LEN], char out[static KEY_BASE64_STRLEN])
{
	return sodium_bin2base64(
		out, KEY_BASE64_STRLEN, key, KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
}

char *key_to_hex(const uint8_t key[static KEY_LEN], char out[static KEY_HEX_STRLEN])
{
	return sodium_bin2hex(out, KEY_HEX_STRLEN, key, KEY_LEN);
}

void key_clamp(uint8_t key[static KEY_LEN])
{
	key[0] &= 248;
	key[31] &= 127;
	key[31] |= 64;
}

bool key_is_zero(const uint8_t key[static KEY_LEN])
{
	return sodium_is_zero(key, KEY_LEN) == 1;
}
