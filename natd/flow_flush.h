/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When an address of an uplink goes, the flows that it translates are ended: their answers cannot
 * come any more, and an inside host that speaks on learns that at once instead of after minutes.
 * Flows by other addresses are not touched.
 */
#ifndef NATD_FLOW_FLUSH_H
#define NATD_FLOW_FLUSH_H

#include <systemd/sd-event.h>

struct flow_flush;
struct natd_conf;
struct nl_state;

/* Returns 0 or -ENOMEM. */
int flow_flush_new(sd_event *event, struct flow_flush **out);
void flow_flush_free(struct flow_flush *flush);

/* Look at what addresses there are now, and end the flows of those that have gone. */
void flow_flush_look(
	struct flow_flush *flush, const struct natd_conf *conf, const struct nl_state *net);

#endif
