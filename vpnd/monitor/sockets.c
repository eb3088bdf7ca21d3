/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removing the socket of an interface is how one ends an implementation like ours. */
#include <stdlib.h>
#include <sys/inotify.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"

#define RETRY_US US_PER_S

static int replace(struct monitor *m, struct held *h)
{
	struct uapisock fresh;
	char err[256];
	int r = uapisock_listen(h->name, &fresh, err, sizeof(err));

	if (r < 0) {
		log_line_limited(&m->told, clock_mono(), LOG_LEVEL_ERR, "%s", err);
		return r;
	}
	log_warn("repaired what another program removed: the UAPI socket of %s", h->name);
	cleanup_close(&h->uapi.fd);
	h->uapi = fresh;
	if (m->link && h->told && h->ifindex != 0)
		tell_tunnel(m->link, h, TELL_DESCRIPTORS);
	return 0;
}

static void try_later(struct monitor *m)
{
	sd_event_source_set_time_relative(m->socket_retry, RETRY_US);
	sd_event_source_set_enabled(m->socket_retry, SD_EVENT_ONESHOT);
}

/* What cannot be made now, on a full disk or where another program is, is tried again. */
static void look(struct monitor *m)
{
	int r = 0;

	for (size_t i = 0; i < PRIVSEP_TUNNELS && m->phase == RUNNING; i++) {
		struct held *h = m->slots[i];

		if (!h || uapisock_in_place(h->name, &h->uapi))
			continue;
		if (m->conf) {
			int e = replace(m, h);

			r = r < 0 ? r : e;
		} else {
			log_notice("the UAPI socket of %s was removed: that ends vpnd", h->name);
			monitor_stop(m, EXIT_SUCCESS);
		}
	}
	if (r < 0)
		try_later(m);
}

static bool is_ours(const struct monitor *m, const char *file)
{
	for (size_t i = 0; i < PRIVSEP_TUNNELS; i++)
		if (m->slots[i] && uapisock_is_name(file, m->slots[i]->name))
			return true;
	return false;
}

static int on_file(sd_event_source *source, const struct inotify_event *event, void *arg)
{
	struct monitor *m = arg;

	(void)source;
	if (event->len == 0 || is_ours(m, event->name))
		look(m);
	if (event->mask & IN_IGNORED) /* the directory itself was removed */
		try_later(m);
	return 0;
}

static int watch_directory(struct monitor *m)
{
	return sd_event_add_inotify(m->event, &m->socket_watch, UAPISOCK_DIR,
		IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR, on_file, m);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct monitor *m = arg;

	(void)source;
	(void)usec;
	m->socket_watch = sd_event_source_disable_unref(m->socket_watch);
	look(m);
	if (watch_directory(m) < 0) /* another one by now, perhaps */
		try_later(m);
	return 0;
}

int sockets_watch(struct monitor *m)
{
	int r = watch_directory(m);

	if (r >= 0)
		r = sd_event_add_time_relative(
			m->event, &m->socket_retry, CLOCK_MONOTONIC, 0, US_PER_MS, on_retry, m);
	return r < 0 ? r : sd_event_source_set_enabled(m->socket_retry, SD_EVENT_OFF);
}

void sockets_end(struct monitor *m)
{
	sd_event_source_disable_unref(m->socket_watch);
	sd_event_source_disable_unref(m->socket_retry);
}
