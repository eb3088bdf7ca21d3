/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers to `events`. A client that has seen all of them may wait for the next: it is answered
 * when there is one, or with none after a while, and asks again. So a follower holds nothing but
 * its connection, and an engine that is gone meanwhile costs it no event.
 */
#ifndef VPND_ENGINE_FOLLOWERS_H
#define VPND_ENGINE_FOLLOWERS_H

#include <stddef.h>

#include "base/control.h"

struct engine;
struct followers;

/* Returns 0 or a negative errno. */
int followers_new(struct engine *engine, struct followers **out);
void followers_free(struct followers *f); /* after the control server; NULL is fine */

/*
 * Answer {"cmd":"events","since":number,"run":run,"wait":bool}: a new reference, or NULL with err
 * filled, or NULL when the client waits. `run` tells the numbers of one monitor from another's.
 */
json_t *followers_ask(struct followers *f, json_t *request, char *err, size_t errlen);

/* There is another event. */
void followers_wake(struct followers *f);

#endif
