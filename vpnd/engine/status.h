/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `status` answers: the data of the control protocol's reply, as vpnctl reads it. */
#ifndef VPND_ENGINE_STATUS_H
#define VPND_ENGINE_STATUS_H

#include "base/clock.h"
#include "base/mono.h"

struct engine;
struct json_t;

enum { STATUS_ALLOWED_IPS = 64 }; /* of one peer that are listed; all are counted */

/*
 * The state of all tunnels and routes, each judged anew. `wall` is `now` on the wall clock. Returns
 * a new reference, or NULL when memory is short.
 */
struct json_t *status_json(struct engine *engine, mono_t now, struct wall wall);

#endif
