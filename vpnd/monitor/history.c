/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, for who asks later: `vpnctl events`. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "vpnd/monitor/engine_link.h"
#include "vpnd/monitor/state.h"

void history_note(struct monitor *m, enum privsep_event_kind kind, const char *subject,
	const char *why, const char *format, ...)
{
	struct wall now = clock_wall();
	struct privsep_event event = {.type = PRIVSEP_EVENT,
		.kind = kind,
		.number = m->events.newest + 1,
		.run = m->events.newest > 0 ? m->events.run : clock_mono().us,
		.time_ms = now.s * 1000 + now.ns / 1000000};
	va_list ap;

	snprintf(event.subject, sizeof(event.subject), "%s", subject);
	snprintf(event.why, sizeof(event.why), "%s", why);
	va_start(ap, format);
	vsnprintf(event.what, sizeof(event.what), format, ap);
	va_end(ap);
	events_keep(&m->events, &event);
	if (m->link)
		engine_link_send(m->link, &event, sizeof(event), -1);
}

void history_tell(const struct monitor *m)
{
	const struct privsep_event *event = events_after(&m->events, 0);

	for (; event; event = events_after(&m->events, event->number))
		engine_link_send(m->link, event, sizeof(*event), -1);
}
