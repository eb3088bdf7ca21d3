/* SPDX-License-Identifier: GPL-2.0-or-later */
/* natd's eyes: the kernel's events led into the view of flows, and what else is asked of it. */
#ifndef NATD_FLOW_WATCH_H
#define NATD_FLOW_WATCH_H

#include <systemd/sd-event.h>

#include "netlink/conntrack_follow.h"

struct flow_log;
struct flow_watch;
struct flows;
struct natd_conf;
struct nl_state;

/* Begin to follow. `conf` is borrowed until flow_watch_set_conf. Returns 0 or a negative errno. */
int flow_watch_new(sd_event *event, const struct natd_conf *conf, struct flow_watch **out);
void flow_watch_free(struct flow_watch *watch);

/*
 * Another config is in force, and the one before is not used any more. The file of the log is
 * opened anew in any case.
 */
void flow_watch_set_conf(struct flow_watch *watch, const struct natd_conf *conf);

/* Links or addresses have changed. */
void flow_watch_net(struct flow_watch *watch, const struct nl_state *net);

/* Somebody asks what flows are like: what the next answer tells is to be from now on. */
void flow_watch_look(struct flow_watch *watch);

const struct flows *flow_watch_flows(const struct flow_watch *watch);
struct conntrack_follow_counters flow_watch_counters(const struct flow_watch *watch);

/*
 * A ruleset has come into force under which flows may lack the translation that they should have;
 * or, if it is the first, may be such as none may begin.
 */
void flow_watch_end_refused(struct flow_watch *watch, bool first);

struct flow_log *flow_watch_log(const struct flow_watch *watch);

/* The kernel's own counts. Returns 0 or a negative errno. */
int flow_watch_stats(struct flow_watch *watch, struct conntrack_stats *out);

#endif
