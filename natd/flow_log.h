/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of flows: their begin and end, as whom they went out, one JSON object a line. */
#ifndef NATD_FLOW_LOG_H
#define NATD_FLOW_LOG_H

#include "natd/flows.h"

struct flow_log;
struct natd_flow_log;
struct spool_stats;

/* Returns 0 or -ENOMEM. */
int flow_log_new(struct flow_log **out);
void flow_log_free(struct flow_log *log);

/* Log as `conf` says (borrowed until the next call); its file is opened anew in any case. */
int flow_log_configure(struct flow_log *log, const struct natd_flow_log *conf);

/* As hooks of flows.h: `arg` is the log. */
void flow_log_began(const struct flow_story *story, mono_t now, void *arg);
void flow_log_ended(const struct flow_story *story, enum flow_reason reason, mono_t now, void *arg);

/* False if nothing is logged at all. */
bool flow_log_stats(struct flow_log *log, struct spool_stats *out);

#endif
