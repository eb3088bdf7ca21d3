/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ChaCha20-Poly1305 (RFC 8439) for transport messages: the one seam between the data path and the
 * library that computes it. The nonce is four zero bytes and the counter in little-endian
 * (WireGuard paper, section 5.4.6); nothing goes along unencrypted.
 *
 * Two files implement it, and the build takes one (AEAD in the Makefile): aead_ipsec_mb.c where
 * intel-ipsec-mb exists, on x86-64, and aead_openssl.c elsewhere. docs/performance.md has the
 * figures that decided. libsodium, which computes the handshake (crypto.h), takes over where the
 * chosen library does not know the CPU or has no memory.
 *
 * A key is 32 bytes that no call changes, so threads may seal and open with one key at the same
 * time. What a library wants to write to while it computes belongs to the calling thread, is made
 * at its first call, and holds no key between calls. A thread gives it back with aead_leave().
 */
#ifndef VPND_PROTO_AEAD_H
#define VPND_PROTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vpnd/proto/messages.h"

struct aead_key {
	uint8_t secret[KEY_LEN];
};

/* Take a copy of `secret`; until aead_key_wipe() it lies in `key` and nowhere else. */
void aead_key_init(struct aead_key *key, const uint8_t secret[static KEY_LEN]);
void aead_key_wipe(struct aead_key *key);

/*
 * Seal `len` bytes of `plain` and write len + TAG_LEN bytes to `out`. `out` is `plain`, or the two
 * do not overlap. No counter may be used twice with one key.
 */
void aead_seal(const struct aead_key *key, uint64_t counter, uint8_t *out, const uint8_t *plain,
	size_t len);

/*
 * Open `len` bytes, tag included, and write len - TAG_LEN bytes to `out`, which is `sealed`, or the
 * two do not overlap. False for anything that does not authenticate, len < TAG_LEN included; `out`
 * holds nothing of the plaintext then, and what was sealed is lost if it lay there.
 */
bool aead_open(const struct aead_key *key, uint64_t counter, uint8_t *out, const uint8_t *sealed,
	size_t len);

/* Free what the library keeps for the calling thread. A later call makes it anew. */
void aead_leave(void);

#endif
