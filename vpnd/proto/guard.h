/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps floods of handshake messages from taking all the time of one thread: how many come,
 * and who may start one when there are too many (WireGuard paper, section 5.3). Shared by all
 * devices that the thread serves, for it is its time that is short, not a device's.
 */
#ifndef VPND_PROTO_GUARD_H
#define VPND_PROTO_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/mono.h"

enum {
	GUARD_WINDOW_MS = 100,
	GUARD_MESSAGES = 100, /* in one window; more mean load: a tenth of one core's time */
	GUARD_LASTS_S = 1,    /* from the newest such window on */
};

struct guard;

/* `seed`: 16 random bytes for the rate limit. NULL on ENOMEM. */
struct guard *guard_new(const uint8_t seed[static 16]);
void guard_free(struct guard *guard);

/* Count `count` handshake messages more, and say whether we are under load. */
bool guard_loaded(struct guard *guard, size_t count, mono_t now);

/* True if a source that has proved its address may start one more handshake under load. */
bool guard_allow(struct guard *guard, const struct addr *source, mono_t now);

#endif
