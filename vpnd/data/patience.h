/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to do when a TUN or a socket is full. Dropping there would lose what a whole batch was made
 * for, while waiting for a moment makes packets queue up where they come from, and the queue there
 * drops what is too much, one packet of many flows at a time. But nothing may stand still for long.
 */
#ifndef VPND_DATA_PATIENCE_H
#define VPND_DATA_PATIENCE_H

#include <stdbool.h>

/* How long it may still be waited. */
struct patience {
	int left_ms;
};
#define PATIENCE_BATCH ((struct patience){.left_ms = 20}) /* for all of a batch together */
#define PATIENCE_ONE ((struct patience){.left_ms = 1})    /* for what the core sends by itself */

/*
 * An operation on `fd` failed with `error`, an errno. True: try again, for it was interrupted or
 * `fd` was full and is not any more. False: give up.
 */
bool patience_wait(struct patience *patience, int fd, int error);

#endif
