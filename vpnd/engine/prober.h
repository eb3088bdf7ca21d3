/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes one peer through its tunnel: echo requests that are sealed for exactly that peer and never
 * touch the TUN, and the replies to them, which are taken out before they get there. What small
 * ones tell is decided in probe.h, what large ones tell in pmtu.h.
 */
#ifndef VPND_ENGINE_PROBER_H
#define VPND_ENGINE_PROBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/mono.h"
#include "vpnd/proto/packet.h"

struct peer;
struct pmtu;
struct probe;
struct prober;
struct tunnel;

/* What is probed, as configured. */
struct prober_config {
	struct addr from; /* of the tunnel's interface, in the family of `to` */
	struct addr to;   /* of the peer; family ADDR_NONE: do not probe */
	uint32_t interval_ms;
	uint32_t known_mtu; /* bytes, measured by an engine before this one; 0: nothing */
};

/*
 * Probe a peer of the tunnel from now on, or no more. One that is probed like that already is left
 * alone. Returns 0 or a negative errno.
 */
int prober_configure(
	struct tunnel *tunnel, struct peer *peer, const struct prober_config *config, mono_t now);

/* NULL is fine. */
void prober_free(struct prober *prober);

/* How it probes, and what is known by that. */
const struct prober_config *prober_config(const struct prober *prober);
const struct probe *prober_probe(const struct prober *prober);
const struct pmtu *prober_pmtu(const struct prober *prober);

/*
 * Look at packets that were opened: replies to our probes become PACKET_PROBE, all else shows that
 * its peer is there. `tunnel` is a struct tunnel, for struct lane.
 */
void prober_take(void *tunnel, struct packet *packets, size_t count, mono_t now);

#endif
