/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine may still ask of the kernel once it has begun: its descriptors, memory, time. */
#ifndef VPND_ENGINE_CONFINE_H
#define VPND_ENGINE_CONFINE_H

/* Give the rest up for good. Returns 0 or a negative errno. */
int confine_engine(void);

#endif
