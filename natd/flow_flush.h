/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends flows that cannot go on as they began.
 *
 * When an address of an uplink goes, the flows that it translates are ended: their answers cannot
 * come any more, and an inside host that speaks on learns that at once instead of after minutes.
 * Flows by other addresses are not touched. Of several uplinks one that is set down takes those
 * along that have the addresses that the config gives to it alone: by another uplink nobody answers
 * them, and a host that goes on would keep them for ever. (What is masqueraded the kernel ends.)
 *
 * Whether a flow is translated the kernel decides at its first packet. One of a subnet that began
 * before the ruleset stood, or under a config that let it out as it was, is dropped by the ruleset
 * from then on, and every packet that the host still sends keeps it alive. Ended, the next packet
 * begins one that is translated.
 *
 * Whether a flow may pass is decided at its first packet, too. What a host that may begin none has
 * begun before there was a ruleset would pass for as long as it is not silent.
 */
#ifndef NATD_FLOW_FLUSH_H
#define NATD_FLOW_FLUSH_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct flow_flush;
struct natd_conf;
struct nl_state;

/* `conf` is borrowed until flow_flush_set_conf. Returns 0 or -ENOMEM. */
int flow_flush_new(sd_event *event, const struct natd_conf *conf, struct flow_flush **out);
void flow_flush_free(struct flow_flush *flush);

/* Another config is in force. */
void flow_flush_set_conf(struct flow_flush *flush, const struct natd_conf *conf);

/* Look at what addresses and uplinks there are now, and end the flows of those that have gone. */
void flow_flush_look(struct flow_flush *flush, const struct nl_state *net);

/*
 * A ruleset has come into force that would not let some flows begin as they did. End those that
 * hosts of translated subnets began and that are not translated, but for those to subnets,
 * never_uplink, exempt and the uplinks' own addresses; and those that are translated and go to
 * never_uplink, so that their hosts find the tunnel. If so told, end as well those that pass
 * through this host untranslated and that nobody in a subnet began, nor anybody behind a tunnel to
 * a subnet. They have ended when this returns, unless the kernel takes more than a second for a
 * part of its list.
 */
void flow_flush_refused(struct flow_flush *flush, bool unlisted_too);

#endif
