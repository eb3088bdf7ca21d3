/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/engine_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/channel.h"
#include "base/cleanup.h"

struct engine_link {
	struct channel *channel;
	sd_event_source *later;
	const struct engine_link_upcalls *upcalls; /* NULL once broken */
	void *arg;
	const char *failure; /* to be told from the event loop; NULL: none */
};

static void report_broken(struct engine_link *l, const char *why)
{
	const struct engine_link_upcalls *upcalls = l->upcalls;

	l->upcalls = NULL;
	if (upcalls)
		upcalls->broken(l->arg, why);
}

/* Any other descriptor, kept, could hold what is to end with the engine: a device, a socket. */
static bool is_allowed(const union privsep_message *m, size_t len, int fd)
{
	return privsep_check(m, len, fd >= 0, PRIVSEP_FROM_ENGINE) &&
	       (m->type != PRIVSEP_STATE || privsep_check_state(fd) == 0);
}

static void on_message(void *arg, const void *msg, size_t len, int fd)
{
	struct engine_link *l = arg;
	union privsep_message m = {0};

	if (len <= sizeof(m))
		memcpy(&m, msg, len);
	if (!l->upcalls || !is_allowed(&m, len, fd)) {
		cleanup_close(&fd);
		report_broken(l, "it sent what it may not");
		return;
	}
	l->upcalls->message(l->arg, &m, fd);
}

static void on_closed(void *arg, int error)
{
	report_broken(arg, error ? "it broke the channel" : NULL);
}

static int on_later(sd_event_source *source, void *arg)
{
	struct engine_link *l = arg;

	(void)source;
	report_broken(l, l->failure);
	return 0;
}

void engine_link_refuse(struct engine_link *l, const char *why)
{
	if (l->failure)
		return;
	l->failure = why;
	sd_event_source_set_enabled(l->later, SD_EVENT_ONESHOT);
}

void engine_link_send(struct engine_link *l, const void *msg, size_t len, int fd)
{
	int r = l->failure || !l->upcalls ? -EPIPE : channel_send(l->channel, msg, len, fd);

	if (r == 0 || r == -EPIPE) /* its end is told by the channel itself */
		return;
	engine_link_refuse(l, r == -ENOBUFS ? "it does not read" : "it cannot be written to");
}

int engine_link_new(sd_event *event, int fd, const struct engine_link_upcalls *upcalls, void *arg,
	struct engine_link **out)
{
	struct engine_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct engine_link){.upcalls = upcalls, .arg = arg};
	r = sd_event_add_defer(event, &l->later, on_later, l);
	if (r >= 0)
		r = sd_event_source_set_enabled(l->later, SD_EVENT_OFF);
	if (r >= 0)
		r = channel_new(fd, event, on_message, on_closed, l, &l->channel);
	if (r < 0)
		engine_link_free(l);
	else
		*out = l;
	return r < 0 ? r : 0;
}

void engine_link_free(struct engine_link *l)
{
	if (!l)
		return;
	channel_free(l->channel);
	sd_event_source_disable_unref(l->later);
	free(l);
}
