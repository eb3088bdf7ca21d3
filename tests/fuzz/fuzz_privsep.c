/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages across the privilege line. The first byte says from which side and whether a descriptor
 * came along. What passes must hold what those who read it rely on.
 */
#include <stdlib.h>
#include <string.h>

#include "vpnd/privsep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
	if (!truth)
		abort();
}

/* Read as the engine reads it. */
static void use_tunnel(const struct privsep_tunnel *t)
{
	must(t->slot < PRIVSEP_TUNNELS);
	must(strlen(t->name) < PRIVSEP_IFNAME && !strchr(t->name, '/'));
}

/* Formatting an address indexes by its family. */
static void use_allowed_ip(const struct privsep_allowed_ip *a)
{
	char text[PREFIX_STRLEN];
	struct prefix again;

	must(prefix_parse(prefix_format(&a->prefix, text), true, &again) == 0);
	must(prefix_equal(&again, &a->prefix));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union privsep_message m = {0};

	if (size < 1)
		return 0;
	if (!privsep_check(data + 1, size - 1, data[0] & 1,
		    data[0] & 2 ? PRIVSEP_FROM_ENGINE : PRIVSEP_FROM_MONITOR))
		return 0;
	memcpy(&m, data + 1, size - 1);
	must((m.type >= PRIVSEP_READY) == !!(data[0] & 2));
	if (m.type == PRIVSEP_TUNNEL)
		use_tunnel(&m.tunnel);
	else if (m.type == PRIVSEP_ALLOWED_IP)
		use_allowed_ip(&m.allowed_ip);
	else if (m.type == PRIVSEP_PEER_STATE)
		must(strlen(m.peer_state.reason) < PRIVSEP_REASON);
	else if (m.type == PRIVSEP_EVENT)
		must(m.event.kind < PRIVSEP_EVENT_KINDS && strlen(m.event.why) < PRIVSEP_WHAT);
	return 0;
}
