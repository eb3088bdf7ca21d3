/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches for files that others remove from a directory, or put in the place of ours, also when
 * the directory itself is removed or moved. It costs nothing while nothing happens there.
 */
#ifndef BASE_DIRWATCH_H
#define BASE_DIRWATCH_H

#include <stdbool.h>

typedef struct sd_event sd_event;
struct dirwatch;

/*
 * Look whether all is in place, and mend what is not. Returns 0; 1 to be called once more in a
 * second; or a negative errno, likewise, and `again` then says that it failed the last time too, so
 * that it is logged once. Must not free the watch.
 */
typedef int (*dirwatch_look)(void *arg, bool again);

/*
 * Call `look` on the next turn of the loop, and then whenever a file has left `path` or was moved
 * into it. Without such a directory it is asked each second, and may make it. `path` is copied.
 * Returns 0 or a negative errno.
 */
int dirwatch_new(
	sd_event *event, const char *path, dirwatch_look look, void *arg, struct dirwatch **out);

/* NULL is fine. */
void dirwatch_free(struct dirwatch *d);

#endif
