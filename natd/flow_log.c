/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/flow_words.h"
#include "base/log.h"
#include "natd/spool.h"

#define LINE_SIZE 768 /* bytes; the longest is some 500 */
#define DROPS_LOGGED_PER_MINUTE 2
#define TIME_STRLEN 40

struct flow_log {
	const struct natd_flow_log *conf; /* NULL: none */
	struct spool *spool;
	struct log_limit drop_limit;
};

int flow_log_new(struct flow_log **out)
{
	struct flow_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->drop_limit = LOG_LIMIT_INIT(DROPS_LOGGED_PER_MINUTE);
	if (spool_new(&log->spool) < 0) {
		free(log);
		return -ENOMEM;
	}
	*out = log;
	return 0;
}

void flow_log_free(struct flow_log *log)
{
	if (!log)
		return;
	spool_free(log->spool);
	free(log);
}

static bool is_on(const struct natd_flow_log *conf)
{
	return conf && (conf->file || conf->journal);
}

int flow_log_configure(struct flow_log *log, const struct natd_flow_log *conf)
{
	log->conf = conf;
	return spool_target(log->spool, conf->file, conf->journal);
}

/* --- lines ------------------------------------------------------------------------------------ */

struct line {
	size_t len;
	char text[LINE_SIZE];
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->len, room, format, args);
	va_end(args);
	if (n > 0)
		line->len += (size_t)n < room ? (size_t)n : room - 1;
}

static const char *format_time(char out[static TIME_STRLEN])
{
	struct wall now = clock_wall();
	time_t s = now.s;
	struct tm tm = {0};
	size_t len;

	gmtime_r(&s, &tm);
	len = strftime(out, TIME_STRLEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, TIME_STRLEN - len, ".%03uZ", now.ns / 1000000);
	return out;
}

static void put_end(struct line *line, const char *name, const struct flow_end *end, bool port)
{
	char text[ADDR_STRLEN];

	put(line, ",\"%s\":\"%s\"", name, addr_format(&end->addr, text));
	if (port)
		put(line, ",\"%s_port\":%u", name, end->port);
	else
		put(line, ",\"%s_port\":null", name);
}

static void put_count(struct line *line, const char *name, struct conntrack_count count, bool known)
{
	if (known)
		put(line, ",\"%s_packets\":%" PRIu64 ",\"%s_bytes\":%" PRIu64, name, count.packets,
			name, count.bytes);
	else
		put(line, ",\"%s_packets\":null,\"%s_bytes\":null", name, name);
}

/* What begin and end have in common. */
static void put_flow(struct line *line, const char *event, const struct flow_story *story)
{
	const struct flow_role *role = &story->role;
	char time[TIME_STRLEN], protocol[FLOW_WORDS_PROTOCOL_STRLEN];
	bool ports = conntrack_has_ports(story->flow->protocol);

	put(line,
		"{\"time\":\"%s\",\"event\":\"%s\",\"id\":%u,\"direction\":\"%s\","
		"\"protocol\":\"%s\"",
		format_time(time), event, story->flow->id, role->inward ? "in" : "out",
		flow_words_protocol(story->flow->protocol, protocol));
	put_end(line, "inside", &role->inside, ports);
	put_end(line, "outside", &role->outside, ports);
	put_end(line, "nat", &role->public, ports);
}

/* The kernel's id is a hash: of the same flow, both lines are in the sample or neither. */
static bool is_wanted(const struct flow_log *log, bool which, const struct conntrack_flow *flow)
{
	return which && flow->id % log->conf->sample == 0;
}

static void finish(struct flow_log *log, struct line *line, mono_t now)
{
	struct spool_stats stats;

	put(line, "}\n");
	if (spool_put(log->spool, line->text, line->len) == 0)
		return;
	spool_stats(log->spool, &stats);
	log_warn_limited(&log->drop_limit, now,
		"the log of flows is slower than the flows: %" PRIu64 " lines lost so far",
		stats.dropped);
}

void flow_log_began(const struct flow_story *story, mono_t now, void *arg)
{
	struct flow_log *log = arg;
	struct line line = {0};

	if (!is_on(log->conf) || !is_wanted(log, log->conf->start, story->flow))
		return;
	put_flow(&line, "start", story);
	finish(log, &line, now);
}

void flow_log_ended(const struct flow_story *story, enum flow_reason reason, mono_t now, void *arg)
{
	struct flow_log *log = arg;
	struct line line = {0};

	if (!is_on(log->conf) || !is_wanted(log, log->conf->end, story->flow))
		return;
	put_flow(&line, "end", story);
	put(&line, ",\"reason\":\"%s\"", flow_reason_names[reason]);
	if (story->age_known)
		put(&line, ",\"duration_s\":%" PRIu64 ".%" PRIu64, story->age_ms / 1000,
			story->age_ms / 100 % 10);
	else
		put(&line, ",\"duration_s\":null");
	put_count(&line, "out", flow_role_out(&story->role, story->flow), story->flow->has_counts);
	put_count(&line, "in", flow_role_in(&story->role, story->flow), story->flow->has_counts);
	finish(log, &line, now);
}

bool flow_log_stats(struct flow_log *log, struct spool_stats *out)
{
	spool_stats(log->spool, out);
	return is_on(log->conf);
}
