/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/followers.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mono.h"
#include "vpnd/engine/engine.h"

/* Less than CONTROL_IDLE_S, after which the connection would be dropped. */
#define WAIT_US (15 * US_PER_S)

struct follower {
	struct control_later *later;
	uint64_t since;
};

struct followers {
	struct engine *engine;
	sd_event_source *timer;
	struct follower all[CONTROL_CLIENTS_MAX]; /* longest waiting first */
	size_t count;
};

static const char *const kinds[] = {
	[PRIVSEP_EVENT_DAEMON] = "daemon",
	[PRIVSEP_EVENT_CONFIG] = "config",
	[PRIVSEP_EVENT_TUNNEL] = "tunnel",
	[PRIVSEP_EVENT_ROUTE] = "route",
	[PRIVSEP_EVENT_INTERFACE] = "interface",
	[PRIVSEP_EVENT_REPAIR] = "repair",
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == PRIVSEP_EVENT_KINDS, "a word for each");

static json_t *time_json(int64_t time_ms)
{
	char day[sizeof("2026-11-22T10:14:02") + 16], text[sizeof(day) + 16];
	time_t s = time_ms / 1000;
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(day, sizeof(day), "%FT%T", &tm) == 0)
		return json_null();
	snprintf(text, sizeof(text), "%s.%03dZ", day, (int)(time_ms % 1000));
	return json_string(text);
}

static json_t *event_json(const struct privsep_event *e)
{
	return json_pack("{s:I, s:o, s:s, s:s, s:s, s:s}", "number", (json_int_t)e->number, "time",
		time_json(e->time_ms), "kind", kinds[e->kind], "subject", e->subject, "what",
		e->what, "why", e->why);
}

static json_t *answer(const struct engine *engine, uint64_t since)
{
	const struct events *events = &engine->events;
	const struct privsep_event *e = events_after(events, since);
	json_t *list = json_array();

	for (; e; e = events_after(events, e->number))
		json_array_append_new(list, event_json(e));
	return json_pack("{s:I, s:I, s:o}", "run", (json_int_t)events->run, "newest",
		(json_int_t)events->newest, "events", list);
}

/* All of them: who still has nothing new asks again. */
static void answer_all(struct followers *f)
{
	size_t count = f->count;

	f->count = 0;
	sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
	for (size_t i = 0; i < count; i++)
		control_answer(
			f->all[i].later, answer(f->engine, f->all[i].since), "out of memory");
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	answer_all(arg);
	return 0;
}

static void wait_for_more(struct followers *f, uint64_t since)
{
	struct control_later *later;

	/* The connections of some of them are gone, for the server has no more than these. */
	if (f->count == CONTROL_CLIENTS_MAX)
		answer_all(f);
	later = control_later(f->engine->control);
	if (!later)
		return;
	if (f->count == 0) {
		sd_event_source_set_time_relative(f->timer, WAIT_US);
		sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
	}
	f->all[f->count++] = (struct follower){later, since};
}

json_t *followers_ask(struct followers *f, json_t *request, char *err, size_t errlen)
{
	json_int_t since = json_integer_value(json_object_get(request, "since"));
	json_int_t run = json_integer_value(json_object_get(request, "run"));

	snprintf(err, errlen, "out of memory");
	if (since < 0 || run != (json_int_t)f->engine->events.run)
		since = 0;
	if (!json_is_true(json_object_get(request, "wait")) ||
		events_after(&f->engine->events, (uint64_t)since))
		return answer(f->engine, (uint64_t)since);
	wait_for_more(f, (uint64_t)since);
	return NULL;
}

void followers_wake(struct followers *f)
{
	if (f->count > 0)
		answer_all(f);
}

int followers_new(struct engine *engine, struct followers **out)
{
	struct followers *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->engine = engine;
	r = sd_event_add_time_relative(
		engine->event, &f->timer, CLOCK_MONOTONIC, 0, US_PER_S, on_timer, f);
	if (r >= 0)
		r = sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
	if (r < 0)
		followers_free(f);
	else
		*out = f;
	return r < 0 ? r : 0;
}

void followers_free(struct followers *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++)
		control_answer(f->all[i].later, NULL, "");
	sd_event_source_disable_unref(f->timer);
	free(f);
}
