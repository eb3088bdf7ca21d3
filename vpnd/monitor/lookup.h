/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One lookup of a host name, in a process of its own that has no rights and no descriptors. */
#ifndef VPND_MONITOR_LOOKUP_H
#define VPND_MONITOR_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "vpnd/monitor/rotation.h"
#include "vpnd/privsep.h"

struct lookup;

struct lookup_answer {
	uint32_t n;                              /* addresses found; 0: none */
	struct endpoint endpoints[ROTATION_MAX]; /* in the order of RFC 6724 */
	char reason[PRIVSEP_REASON];             /* why not, in words */
};

/*
 * Start. All addresses of both families are looked for, as far as this host has the family. Returns
 * 0 or a negative errno.
 */
int lookup_new(const char *host, uint16_t port, uid_t uid, gid_t gid, struct lookup **out);

/* End it, whether or not it has answered. */
void lookup_free(struct lookup *l);

/* Readable when there is an answer, hung up when there will be none. Owned by the lookup. */
int lookup_fd(const struct lookup *l);

/*
 * True if that can be an answer. It comes from a process that has read what strangers sent: nothing
 * may be in it that the engine would not take.
 */
bool lookup_can_be(const struct lookup_answer *answer);

/* Take the answer. Returns 0, or -EIO for none or one that cannot be. */
int lookup_read(const struct lookup *l, struct lookup_answer *out);

#endif
