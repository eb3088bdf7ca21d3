/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Removing the UAPI socket of an interface is how one ends an implementation like ours. With a
 * config it is an accident, as it always is with the control socket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dirwatch.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "vpnd/monitor/handover.h"
#include "vpnd/monitor/state.h"
#include "vpnd/monitor/tell.h"

/* Whether to look later, where nothing is to be mended yet, or no more. */
static int not_running(const struct monitor *m)
{
	return m->phase != STOPPING;
}

/* --- of the interfaces ---------------------------------------------------------------------------
 */

static int replace_uapi(struct monitor *m, struct held *h, bool again)
{
	struct sockfile fresh;
	char err[256];
	int r = uapisock_listen(h->name, &fresh, err, sizeof(err));

	if (r < 0) {
		if (!again)
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

/* What cannot be made now, on a full disk or where another program is, is tried again. */
static int look_at_uapi(void *arg, bool again)
{
	struct monitor *m = arg;
	int r = 0;

	for (size_t i = 0; i < PRIVSEP_TUNNELS && m->phase == RUNNING; i++) {
		struct held *h = m->slots[i];

		if (!h || uapisock_in_place(h->name, &h->uapi))
			continue;
		if (m->conf) {
			int e = replace_uapi(m, h, again);

			r = r < 0 ? r : e;
		} else {
			log_notice("the UAPI socket of %s was removed: that ends vpnd", h->name);
			monitor_stop(m, EXIT_SUCCESS);
		}
	}
	return m->phase == RUNNING ? r : not_running(m);
}

/* --- of vpnd itself ------------------------------------------------------------------------------
 */

static char *control_path(const struct monitor *m, char *out)
{
	snprintf(out, SOCKETS_PATH, "%s/vpnd.sock", m->options->run_dir);
	return out;
}

/* For members of the engine's group, of which `vpnctl serve` is one, too; but rather than not at
 * all, for root alone. */
static int make_control(const struct monitor *m, const char *path, struct sockfile *out)
{
	int r = sockfile_listen(path, 0600, out);

	if (r < 0)
		return r;
	r = m->fallback_user ? 0 : sockfile_admit(path, m->gid);
	if (r < 0)
		log_warn("only root may use %s: %s", path, strerror(-r));
	return 0;
}

int sockets_listen(struct monitor *m, char *path)
{
	int *before = m->handover ? &m->handover->control : NULL;

	control_path(m, path);
	if (!m->conf)
		return 0;
	if (!m->fallback_user)
		sandbox_join(m->gid); /* to be able to give it a socket without CAP_CHOWN */
	if (!before || *before < 0 || sockfile_adopt(path, *before, &m->control) < 0)
		return make_control(m, path, &m->control);
	cleanup_take_fd(before);
	return 0;
}

static int look_at_control(void *arg, bool again)
{
	struct monitor *m = arg;
	struct sockfile fresh;
	char path[SOCKETS_PATH];
	int r;

	if (m->phase != RUNNING)
		return not_running(m);
	if (sockfile_in_place(control_path(m, path), &m->control))
		return 0;
	r = make_control(m, path, &fresh);
	if (r < 0) {
		if (!again)
			log_err("cannot listen on %s: %s", path, strerror(-r));
		return r;
	}
	log_warn("repaired what another program removed: %s", path);
	cleanup_close(&m->control.fd);
	m->control = fresh;
	if (m->link)
		tell_plain(m->link, PRIVSEP_CONTROL_FD, m->control.fd);
	return 0;
}

/* --- both ----------------------------------------------------------------------------------------
 */

int sockets_watch(struct monitor *m)
{
	int r = dirwatch_new(m->event, UAPISOCK_DIR, look_at_uapi, m, &m->uapi_watch);

	if (r == 0 && m->conf)
		r = dirwatch_new(
			m->event, m->options->run_dir, look_at_control, m, &m->control_watch);
	return r;
}

void sockets_end(struct monitor *m)
{
	char path[SOCKETS_PATH];

	dirwatch_free(m->uapi_watch);
	dirwatch_free(m->control_watch);
	sockfile_unlink(control_path(m, path), &m->control);
	cleanup_close(&m->control.fd);
}
