/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host names of peers. Each lookup runs in a process of its own, without any right and without any
 * descriptor: it may take its time and parse what strangers answer, and neither the monitor's loop
 * nor its privilege is touched. What fails is tried again for ever.
 */
#ifndef VPND_MONITOR_RESOLVE_H
#define VPND_MONITOR_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/key.h"

typedef struct sd_event sd_event;
struct resolve;

/* Told after each lookup: an endpoint, or NULL and the reason why not. */
typedef void (*resolve_done_fn)(void *arg, uint32_t slot, const uint8_t public_key[static KEY_LEN],
	const struct endpoint *endpoint, const char *reason);

/* `uid` and `gid` are whom lookups run as. Returns 0 or a negative errno. */
int resolve_new(sd_event *event, uid_t uid, gid_t gid, resolve_done_fn done, void *arg,
	struct resolve **out);
void resolve_free(struct resolve *r);

/*
 * Look `host` up for a peer, now and until it succeeds. Asked again, nothing happens. Returns 0 or
 * -ENOMEM.
 */
int resolve_want(struct resolve *r, uint32_t slot, const uint8_t public_key[static KEY_LEN],
	const char *host, uint16_t port);

/*
 * The peer does not answer, or answers again. For as long as it does not, its name is looked up
 * anew and again, and with each answer the next of its addresses is told: each has RESOLVE_TRY_S to
 * show what it is worth. After a round over all of them it goes on more slowly.
 */
#define RESOLVE_TRY_S 10 /* seconds: two handshakes, and what a slow one takes */
void resolve_state(
	struct resolve *r, uint32_t slot, const uint8_t public_key[static KEY_LEN], bool answers);

/* End all processes that look something up; it is asked for anew in the next turn of the loop. */
void resolve_interrupt(struct resolve *r);

/* Nothing more for the peers of this slot. */
void resolve_forget(struct resolve *r, uint32_t slot);

#endif
