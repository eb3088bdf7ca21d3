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

/* Contiguous parts in ascending order, no two adjacent. */
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
 * True if flows whose own source port lies in `part` should stay in it, and so mostly keep that
 * port. In a small part too many of them could want the same few.
 */
bool ports_keep(const struct conf_ports *part);

#endif
