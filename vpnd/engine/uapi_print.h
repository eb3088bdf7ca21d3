/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tunnel as UAPI text: what `get` answers, and what `set` would take to make it again. */
#ifndef VPND_ENGINE_UAPI_PRINT_H
#define VPND_ENGINE_UAPI_PRINT_H

#include "base/mono.h"
#include "vpnd/engine/text.h"

struct tunnel;

/* The answer to `get`, up to the line of its errno. */
void uapi_print_get(const struct tunnel *tunnel, mono_t now, struct text *out);

/* A whole `set` request with the marks that only state text has. */
void uapi_print_state(const struct tunnel *tunnel, mono_t now, struct text *out);

#endif
