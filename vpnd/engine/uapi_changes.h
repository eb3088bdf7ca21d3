/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a UAPI `set` request asks for: a list of changes in the order of its lines. It holds keys,
 * so it lies in blocks that are never moved and that are wiped when they are freed.
 */
#ifndef VPND_ENGINE_UAPI_CHANGES_H
#define VPND_ENGINE_UAPI_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/key.h"

enum uapi_op {
	/* of the interface */
	UAPI_PRIVATE_KEY,   /* key; all zero: none */
	UAPI_LISTEN_PORT,   /* number; 0: any */
	UAPI_FWMARK,        /* number; 0: none */
	UAPI_REPLACE_PEERS, /* remove all peers */
	UAPI_PEER,          /* key, peer_flags: what follows is about this peer */
	/* of the newest UAPI_PEER */
	UAPI_PRESHARED_KEY,       /* key; all zero: none */
	UAPI_ENDPOINT,            /* endpoint */
	UAPI_KEEPALIVE,           /* number: seconds; 0: off */
	UAPI_REPLACE_ALLOWED_IPS, /* remove all allowed IPs of the peer */
	UAPI_ALLOW,               /* prefix */
	UAPI_DISALLOW,            /* prefix */
	UAPI_HAD_SESSION,         /* shake hands at once; in state text only */
};

/* What the lines of a peer say about the peer as a whole. */
enum uapi_peer_flags {
	UAPI_PEER_REMOVE = 1 << 0,
	UAPI_PEER_UPDATE_ONLY = 1 << 1, /* do not add it */
};

struct uapi_change {
	uint8_t op;         /* enum uapi_op */
	uint8_t peer_flags; /* enum uapi_peer_flags, with UAPI_PEER */
	union {
		uint8_t key[KEY_LEN];
		struct endpoint endpoint;
		struct prefix prefix;
		uint32_t number;
	};
};

enum { UAPI_CHANGES_MAX = 400000 }; /* in one list; less than 16 MB */

/* Zero is the empty list. */
struct uapi_changes_block;
struct uapi_changes {
	struct uapi_changes_block *first, *last;
	size_t count;
};

/*
 * Add a change, which may be filled through *out until the list is done. Returns 0, -E2BIG past
 * UAPI_CHANGES_MAX, or -ENOMEM.
 */
int uapi_changes_add(struct uapi_changes *changes, enum uapi_op op, struct uapi_change **out);

/* Walk the list: start with a zero cursor, NULL at the end. */
struct uapi_cursor {
	const struct uapi_changes_block *block;
	size_t next;
};
const struct uapi_change *uapi_changes_next(
	const struct uapi_changes *changes, struct uapi_cursor *cursor);

/* The newest change of this kind, or NULL. */
const struct uapi_change *uapi_changes_last(const struct uapi_changes *changes, enum uapi_op op);

/* Wipe and free all; the list is empty then. */
void uapi_changes_done(struct uapi_changes *changes);

#endif
