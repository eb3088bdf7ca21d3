/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the protocol core asks of the engine: to send, randomness, timestamps; and what it tells,
 * which becomes log lines, with a limit where strangers can cause them.
 */
#ifndef VPND_ENGINE_UPCALLS_H
#define VPND_ENGINE_UPCALLS_H

#include "vpnd/proto/device.h"

/* For device_new, with the struct tunnel as its argument. */
extern const struct device_upcalls upcalls_of_tunnel;

#endif
