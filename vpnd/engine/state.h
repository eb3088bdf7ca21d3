/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the next engine must know of a tunnel: its keys, its peers and where they are, and which of
 * them had a session. It is the text of a UAPI `set` request in a sealed memfd; the monitor keeps
 * the descriptor and never reads it.
 */
#ifndef VPND_ENGINE_STATE_H
#define VPND_ENGINE_STATE_H

#include "base/mono.h"

struct tunnel;

/*
 * Write the state of `tunnel` into a new memfd that nobody can change. Returns 0 with *fd
 * (O_CLOEXEC) the caller's, -EFBIG past PRIVSEP_STATE_MAX, or a negative errno.
 */
int state_save(const struct tunnel *tunnel, mono_t now, int *fd);

/*
 * Bring `tunnel` to the state in `fd`, which stays the caller's. Port and mark are not taken: the
 * sockets that the monitor handed over have theirs. Peers that had a session shake hands at once
 * if the tunnel is up. Returns 0; -EPERM for a descriptor that is not sealed, -EINVAL for what is
 * no state, and then nothing was changed; or a negative errno.
 */
int state_restore(struct tunnel *tunnel, mono_t now, int fd);

#endif
