/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source ports of translated flows: the configured range without those that belong to the host
 * itself, its reserved ports and those that it forwards. A translated flow on one of them would
 * take packets away from whoever listens there (port shadowing, CVE-2021-3773).
 */
#ifndef NATD_PORTS_H
#define NATD_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "natd/conf.h"

/*
 * Contiguous parts in ascending order, no two adjacent. Which part a flow goes to is settled before
 * the kernel looks for a free port in it, so a small part would overflow while others have room:
 * parts of less than 1024 ports are left out, and if there are no others, all but the largest.
 */
struct ports {
	struct conf_ports *parts;
	size_t n;
	uint32_t total; /* ports in all of them */
};

/*
 * Fill `out`, to be released with ports_done; no part at all if everything is taken. Returns 0 or
 * -ENOMEM.
 */
int ports_init(struct ports *out, const struct natd_conf *conf);
void ports_done(struct ports *ports);

/* How many ports a part has. */
uint32_t ports_count(const struct conf_ports *part);

/*
 * How many flows one public address can have to one destination. The kernel tries up to 128 ports
 * in a row, and gives up after four ever shorter rows, so of so few all are given out. Of more, one
 * in 8 is held back: taken ports lie in rows themselves, and these get longer than 128 when a range
 * is fuller than that (0.15 % of the flows found none at 15 in 16).
 */
uint32_t ports_usable(const struct ports *ports);

/* The part with the most ports. */
const struct conf_ports *ports_largest(const struct ports *ports);

#endif
