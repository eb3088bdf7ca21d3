/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destinations with most flows: each public address can have only so many flows to one address
 * and port as it has source ports, so these are where they run out first.
 */
#ifndef NATD_BUSIEST_H
#define NATD_BUSIEST_H

#include "base/addr.h"

struct flow_table;

struct busiest {
	struct addr address; /* whom the inside hosts speak to */
	struct addr public;  /* as whom */
	uint16_t port;
	uint8_t protocol;
	uint32_t flows;
};

#define BUSIEST_MAX 32

/*
 * Find at most `max` (up to BUSIEST_MAX), most flows first. Looks at every flow; needs some hundred
 * kB meanwhile. Returns how many were found, or -ENOMEM.
 */
int busiest_find(struct flow_table *table, struct busiest *out, size_t max);

#endif
