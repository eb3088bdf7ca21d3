/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before each look after a failure the directory is watched anew, since by then it may be another
 * one of that name. The watch comes first: what happens after it is told, what was before is seen.
 */
#include "base/dirwatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/mono.h"

#define RETRY_US US_PER_S
#define SELF_GONE (IN_IGNORED | IN_MOVE_SELF) /* the directory was removed, or has another name */

struct dirwatch {
	sd_event *event;
	char *path;
	dirwatch_look look;
	void *arg;
	sd_event_source *watch, *retry;
	bool failing; /* and retry is on */
};

static void try_later(struct dirwatch *d, uint64_t delay_us)
{
	sd_event_source_set_time_relative(d->retry, delay_us);
	sd_event_source_set_enabled(d->retry, SD_EVENT_ONESHOT);
}

static void look(struct dirwatch *d, int watched)
{
	int r = d->look(d->arg, d->failing);

	d->failing = r < 0;
	if (r != 0 || watched < 0)
		try_later(d, RETRY_US);
}

static int on_event(sd_event_source *source, const struct inotify_event *event, void *arg)
{
	(void)source;
	look(arg, event->mask & SELF_GONE ? -ENOENT : 0);
	return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct dirwatch *d = arg;

	(void)source;
	(void)usec;
	d->watch = sd_event_source_disable_unref(d->watch);
	look(d, sd_event_add_inotify(d->event, &d->watch, d->path,
			IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR,
			on_event, d));
	return 0;
}

int dirwatch_new(
	sd_event *event, const char *path, dirwatch_look asked, void *arg, struct dirwatch **out)
{
	struct dirwatch *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	*d = (struct dirwatch){.event = sd_event_ref(event), .look = asked, .arg = arg};
	d->path = strdup(path);
	r = d->path ? sd_event_add_time_relative(
			      event, &d->retry, CLOCK_MONOTONIC, 0, US_PER_MS, on_retry, d)
		    : -ENOMEM;
	if (r < 0)
		dirwatch_free(d);
	else
		*out = d;
	return r < 0 ? r : 0;
}

void dirwatch_free(struct dirwatch *d)
{
	if (!d)
		return;
	sd_event_source_disable_unref(d->watch);
	sd_event_source_disable_unref(d->retry);
	sd_event_unref(d->event);
	free(d->path);
	free(d);
}
