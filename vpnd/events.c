/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/events.h"

#include <stddef.h>

void events_keep(struct events *e, const struct privsep_event *event)
{
	e->run = event->run;
	e->newest = event->number;
	e->all[event->number % EVENTS_MAX] = *event;
}

const struct privsep_event *events_after(const struct events *e, uint64_t number)
{
	if (e->newest - number > EVENTS_MAX)
		number = e->newest < EVENTS_MAX ? 0 : e->newest - EVENTS_MAX;
	while (number < e->newest) {
		const struct privsep_event *event = &e->all[++number % EVENTS_MAX];

		if (event->number == number)
			return event;
	}
	return NULL;
}
