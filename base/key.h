/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of 32 bytes and their text forms. All conversions take the same time for any key. */
#ifndef BASE_KEY_H
#define BASE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_LEN 32
#define KEY_BASE64_LEN 44                      /* characters, one of them padding */
#define KEY_BASE64_STRLEN (KEY_BASE64_LEN + 1) /* with the NUL */
#define KEY_HEX_LEN (2 * KEY_LEN)
#define KEY_HEX_STRLEN (KEY_HEX_LEN + 1)

/*
 * Parse exactly 44 characters of base64 (RFC 4648 section 4, no unused bit set), or 64 of hex in
 * either case, and then the NUL. Returns 0 or -EINVAL.
 */
int key_from_base64(const char *text, uint8_t key[static KEY_LEN]);
int key_from_hex(const char *text, uint8_t key[static KEY_LEN]);

/* Write the text form, NUL included, and return `out`. The caller wipes `out` if `key` is secret.
 */
char *key_to_base64(const uint8_t key[static KEY_LEN], char out[static KEY_BASE64_STRLEN]);
char *key_to_hex(const uint8_t key[static KEY_LEN], char out[static KEY_HEX_STRLEN]);

/* Make 32 random bytes a Curve25519 secret (RFC 7748 section 5). */
void key_clamp(uint8_t key[static KEY_LEN]);

/* True if all bytes are zero, in constant time. */
bool key_is_zero(const uint8_t key[static KEY_LEN]);

#endif
