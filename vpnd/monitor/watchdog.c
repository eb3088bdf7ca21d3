/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/watchdog.h"

#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/mono.h"

#define INTERVAL_US US_PER_S
#define ACCURACY_US (50 * US_PER_MS)

struct watchdog {
	sd_event_source *timer;
	const struct watchdog_upcalls *upcalls;
	void *arg;
	unsigned int unanswered; /* questions */
};

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct watchdog *w = arg;

	(void)usec;
	if (w->unanswered >= WATCHDOG_MISSES) {
		w->upcalls->hangs(w->arg);
		return 0;
	}
	w->unanswered++;
	w->upcalls->ask(w->arg);
	sd_event_source_set_time_relative(source, INTERVAL_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int watchdog_new(
	sd_event *event, const struct watchdog_upcalls *upcalls, void *arg, struct watchdog **out)
{
	struct watchdog *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct watchdog){.upcalls = upcalls, .arg = arg};
	r = sd_event_add_time_relative(
		event, &w->timer, CLOCK_MONOTONIC, 0, ACCURACY_US, on_timer, w);
	if (r >= 0)
		r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
	if (r < 0)
		watchdog_free(w);
	else
		*out = w;
	return r < 0 ? r : 0;
}

void watchdog_free(struct watchdog *w)
{
	if (!w)
		return;
	sd_event_source_disable_unref(w->timer);
	free(w);
}

void watchdog_begin(struct watchdog *w)
{
	w->unanswered = 0;
	sd_event_source_set_time_relative(w->timer, 0);
	sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

void watchdog_rest(struct watchdog *w)
{
	if (w)
		sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
}

void watchdog_answered(struct watchdog *w)
{
	w->unanswered = 0;
	sd_notify(0, "WATCHDOG=1");
}
