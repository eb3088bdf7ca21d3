/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of vpnd/privsep.h that the monitor makes from what it holds. */
#ifndef VPND_MONITOR_TELL_H
#define VPND_MONITOR_TELL_H

#include "vpnd/monitor/engine_link.h"
#include "vpnd/monitor/held.h"

/* How much of a tunnel a batch tells. */
enum tell_what {
	TELL_DESCRIPTORS, /* device and sockets; peers and keys stay as they are */
	TELL_CONFIG,      /* also what the config says, in place of all before */
	TELL_ALL,         /* also the state that the last engine left: for a new one */
};

/* A whole batch, from TUNNEL to TUNNEL_DONE. */
void tell_tunnel(struct engine_link *link, const struct held *h, enum tell_what what);

/* The UDP sockets alone, before BOUND. */
void tell_udp(struct engine_link *link, const struct held *h);

/* PRIVSEP_LINK. `gone`: deleted. */
void tell_link(struct engine_link *link, const struct held *h, bool gone);

/* PRIVSEP_ENDPOINT. `endpoint` NULL: not resolved, for that reason. */
void tell_endpoint(struct engine_link *link, uint32_t slot,
	const uint8_t public_key[static KEY_LEN], const struct endpoint *endpoint,
	const char *reason);

/* Types that consist of nothing more, or of a slot, and a descriptor (or -1). */
void tell_plain(struct engine_link *link, enum privsep_type type, int fd);
void tell_slot(struct engine_link *link, enum privsep_type type, uint32_t slot, int fd);

#endif
