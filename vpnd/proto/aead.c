/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/aead.h"

#include <string.h>

#include "vpnd/proto/crypto.h"

void aead_key_init(struct aead_key *key, const uint8_t secret[static KEY_LEN])
{
	memcpy(key->secret, secret, sizeof(key->secret));
}

void aead_key_wipe(struct aead_key *key)
{
	crypto_wipe(key, sizeof(*key));
}
