/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large rooms for packets: zero at first, taken from the system as they are touched. */
#ifndef VPND_DATA_MEMORY_H
#define VPND_DATA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Map `bytes`, which no core dump will hold: packets in clear pass here. 0 or a negative errno. */
int memory_map(size_t bytes, uint8_t **out);
/* Give it back; leaves NULL. */
void memory_unmap(uint8_t **memory, size_t bytes);

#endif
