/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `events`: what vpnd kept of what happened. To follow is to ask again and again for what is past
 * the last one that was shown; vpnd answers when there is something.
 */
#include "vpnctl/events.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "vpnctl/ask.h"
#include "vpnctl/foreign.h"
#include "vpnctl/invocation.h"

#define FOLLOW_TIMEOUT_MS 25000 /* vpnd answers before, if with nothing */
#define RETRY_MS 200

/* What was shown last. */
struct place {
	json_int_t run, newest;
};

int events_print(FILE *f, const struct reply_event *event)
{
	_cleanup_free_ char *at = foreign_text(event->time, FOREIGN_WORD);
	_cleanup_free_ char *subject = foreign_text(event->subject, 2 * FOREIGN_WORD);
	_cleanup_free_ char *what = foreign_text(event->what, FOREIGN_SENTENCE);
	_cleanup_free_ char *why = foreign_text(event->why, FOREIGN_SENTENCE);

	if (!at || !subject || !what || !why)
		return -ENOMEM;
	fprintf(f, "%s  %s: %s", at, subject, what);
	if (event->why && *event->why)
		fprintf(f, ": %s", why);
	fputc('\n', f);
	return 0;
}

/* --- one answer --------------------------------------------------------------------------------
 */

/* Shown one by one: as text, or as JSON with `before` in front. */
static int show(const struct invocation *inv, json_t *item, const char *before)
{
	_cleanup_json_ json_t *json = NULL;
	struct reply_event event;
	int r = field_read(&reply_event_table, item, &event);

	if (r == 0 && !inv->json)
		r = events_print(stdout, &event);
	if (r == 0 && inv->json) {
		json = field_write(&reply_event_table, &event);
		fputs(before, stdout);
		r = json && json_dumpf(json, stdout, JSON_COMPACT) == 0 ? 0 : -ENOMEM;
	}
	field_done(&reply_event_table, &event);
	return r;
}

static int show_all(const struct invocation *inv, json_t *data, struct place *place)
{
	json_t *list = json_object_get(data, "events"), *item;
	int r = 0;
	size_t i;

	if (inv->json && !inv->follow)
		printf("{\"schema\":%d,\"events\":[", CONTROL_SCHEMA);
	json_array_foreach(list, i, item)
	{
		if (r == 0)
			r = show(inv, item, inv->follow ? "" : i ? ",\n" : "\n");
		if (r == 0 && inv->json && inv->follow)
			putchar('\n');
	}
	if (inv->json && !inv->follow)
		puts(i ? "\n]}" : "]}");
	place->run = json_integer_value(json_object_get(data, "run"));
	place->newest = json_integer_value(json_object_get(data, "newest"));
	return r < 0 ? r : fflush(stdout) ? -EPIPE : 0;
}

static int take(json_t *data, bool last, void *arg)
{
	json_t **answer = arg;

	if (last)
		*answer = json_incref(data);
	return 0;
}

/* Ask once and show what is new. */
static int ask(const struct invocation *inv, bool wait, struct place *place, char *err)
{
	_cleanup_json_ json_t *request = json_pack("{s:s, s:b, s:I, s:I}", "cmd", "events", "wait",
		wait, "run", place->run, "since", place->newest);
	_cleanup_json_ json_t *data = NULL;
	int r;

	*err = '\0';
	if (!request)
		return -ENOMEM;
	r = ask_lines(inv->run_dir, REPORT_VPND, request, wait ? FOLLOW_TIMEOUT_MS : ASK_TIMEOUT_MS,
		take, &data, err, ASK_ERROR_LEN);
	return r < 0 ? r : show_all(inv, data, place);
}

/* --- the command -------------------------------------------------------------------------------
 */

/* vpnd or its engine may be restarting: what happens meanwhile is told when it is back. */
static int follow(const struct invocation *inv, struct place *place, char *err)
{
	bool away = false;
	int r;

	for (;;) {
		r = ask(inv, true, place, err);
		if (r == -ENOMEM || r == -EPIPE || r == -EREMOTEIO)
			return r;
		if (r < 0 && !away)
			fprintf(stderr, "vpnctl: %s; waiting for it\n", err);
		away = r < 0;
		if (away)
			nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
	}
}

int events_run(const struct invocation *inv)
{
	char err[ASK_ERROR_LEN];
	struct place place = {0};
	int r = ask(inv, false, &place, err);

	if (r == 0 && inv->follow)
		r = follow(inv, &place, err);
	return ask_exit(r, err);
}
