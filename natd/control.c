/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "base/dirwatch.h"
#include "base/sandbox.h"
#include "natd/active.h"
#include "natd/flow_query.h"
#include "natd/natd.h"
#include "natd/status.h"

#define GROUP "gatehouse" /* whose members may ask, besides root */

static json_t *reload(struct natd *natd, char *err, size_t errlen)
{
	if (natd_reload(natd, err, errlen) < 0)
		return NULL;
	return json_pack("{s:s}", "config_hash", natd->active->hash);
}

static json_t *drain(struct natd *natd, bool draining, char *err, size_t errlen)
{
	if (natd_drain(natd, draining, err, errlen) < 0)
		return NULL;
	return json_pack("{s:b}", "draining", draining);
}

static json_t *handle(void *arg, const char *cmd, json_t *request, char *err, size_t errlen)
{
	struct natd *natd = arg;

	if (strcmp(cmd, "status") == 0)
		return status_json(arg, err, errlen);
	if (strcmp(cmd, "reload") == 0)
		return reload(arg, err, errlen);
	if (strcmp(cmd, "drain") == 0 || strcmp(cmd, "undrain") == 0)
		return drain(natd, *cmd == 'd', err, errlen);
	if (strcmp(cmd, "ping") == 0)
		return json_object();
	if (strcmp(cmd, "flows") == 0) {
		flow_query_list(natd->flows, natd->control, request, err, errlen);
		return NULL;
	}
	if (strcmp(cmd, "kill_flows") == 0) {
		flow_query_kill(natd->flows, natd->control, request, err, errlen);
		return NULL;
	}
	snprintf(err, errlen, "natd knows no command \"%.64s\"", cmd);
	return NULL;
}

/* Without that group, or the right to join it, root alone may ask. */
static void admit_group(const char *path, bool again)
{
	uid_t uid;
	gid_t gid;
	int r;

	if (sandbox_user(GROUP, NULL, &uid, &gid) < 0)
		return;
	sandbox_join(gid); /* for when it has to be made again, without privilege */
	r = sockfile_admit(path, gid);
	if (r < 0 && !again)
		log_info("only root may use %s: %s", path, strerror(-r));
}

static int serve(struct natd *natd, const struct sockfile *s)
{
	int r = natd->control
			? control_server_move(natd->control, s->fd)
			: control_server_new(natd->event, s->fd, handle, natd, &natd->control);

	if (r == 0)
		natd->socket = *s;
	return r;
}

static int listen_there(struct natd *natd, bool again)
{
	struct sockfile fresh = SOCKFILE_NONE;
	int r = sockfile_listen(natd->socket_path, 0600, &fresh);

	if (r == 0) {
		admit_group(natd->socket_path, again);
		r = serve(natd, &fresh);
	}
	if (r == 0)
		return 0;
	if (!again)
		log_err("cannot listen on %s: %s", natd->socket_path, strerror(-r));
	sockfile_unlink(natd->socket_path, &fresh);
	cleanup_close(&fresh.fd);
	return r;
}

static int look(void *arg, bool again)
{
	struct natd *natd = arg;
	int r;

	if (sockfile_in_place(natd->socket_path, &natd->socket))
		return 0;
	r = listen_there(natd, again);
	if (r == 0)
		log_warn("repaired what another program removed: %s", natd->socket_path);
	return r;
}

int control_start(struct natd *natd)
{
	const char *run_dir = natd->options->run_dir;
	int r;

	if ((size_t)snprintf(natd->socket_path, sizeof(natd->socket_path), "%s/natd.sock",
		    run_dir) >= sizeof(natd->socket_path)) {
		log_err("%s: too long a name", run_dir);
		return -ENAMETOOLONG;
	}
	r = listen_there(natd, false);
	if (r == 0)
		r = dirwatch_new(natd->event, run_dir, look, natd, &natd->socket_watch);
	return r;
}

void control_stop(struct natd *natd)
{
	dirwatch_free(natd->socket_watch);
	sockfile_unlink(natd->socket_path, &natd->socket);
	control_server_free(natd->control);
}
