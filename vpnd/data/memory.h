/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one room for packets: a huge page, where the system has them, for it is read all the time. */
#ifndef VPND_DATA_MEMORY_H
#define VPND_DATA_MEMORY_H

#include <stdint.h>

enum { MEMORY_BYTES = 2 << 20 };

/* Map MEMORY_BYTES, which no core dump will hold: packets in clear pass here. 0 or -errno. */
int memory_map(uint8_t **out);
/* Give it back; leaves NULL. */
void memory_unmap(uint8_t **memory);

#endif
