/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The batch that tells the engine of one tunnel, from PRIVSEP_TUNNEL to PRIVSEP_TUNNEL_DONE: it is
 * collected whole, then carried out. Peers and keys that did not change keep their sessions.
 */
#ifndef VPND_ENGINE_INTAKE_H
#define VPND_ENGINE_INTAKE_H

#include "base/mono.h"
#include "vpnd/privsep.h"

struct intake;
struct tunnel;

/* Begin with the batch's first message. NULL when memory is short. */
struct intake *intake_new(const struct privsep_tunnel *head);
/* Close and wipe what was not carried out. NULL is fine. */
void intake_free(struct intake *intake);

/*
 * Add a checked message that belongs in a batch; `fd` is -1 or the intake's from here on. Returns
 * 0; -EPROTO for a message out of place; -EINVAL for a key file that holds no key; -ENOMEM. In the
 * last two cases `reason` says what is wrong, in PRIVSEP_REASON bytes.
 */
int intake_add(struct intake *intake, const union privsep_message *msg, int fd, char *reason);

/*
 * Carry the batch out on its tunnel. Returns 0, or a negative errno with `reason` as above and the
 * tunnel perhaps half changed.
 */
int intake_apply(struct intake *intake, struct tunnel *tunnel, mono_t now, char *reason);

#endif
