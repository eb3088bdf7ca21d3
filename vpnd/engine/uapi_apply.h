/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out the changes of a UAPI request, all but those of the sockets. */
#ifndef VPND_ENGINE_UAPI_APPLY_H
#define VPND_ENGINE_UAPI_APPLY_H

#include "base/mono.h"
#include "vpnd/engine/uapi_changes.h"

struct tunnel;

/*
 * Make the changes in their order. UAPI_LISTEN_PORT and UAPI_FWMARK are left out: they take the
 * monitor. A peer with the interface's own key is ignored, and so is one that is unknown and only
 * to be updated or removed. Returns 0, or -ENOMEM with the changes made up to where memory ended.
 */
int uapi_apply(struct tunnel *tunnel, const struct uapi_changes *changes, mono_t now);

#endif
