/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"
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

/* Without that group, or the right to give files away, root alone may ask. */
static void admit_group(const char *path)
{
	uid_t uid;
	gid_t gid;

	if (sandbox_user(GROUP, NULL, &uid, &gid) < 0)
		return;
	if (chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0660) < 0)
		log_info("only root may use %s: %s", path, strerror(errno));
}

int control_start(struct natd *natd)
{
	_cleanup_close_ int fd = -1;
	char path[NATD_PATH_SIZE];
	int r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/natd.sock", natd->options->run_dir) >=
		sizeof(path))
		r = -ENAMETOOLONG;
	if (r == 0)
		r = control_listen(path, 0600, &fd);
	if (r == 0) {
		memcpy(natd->socket_path, path, sizeof(path));
		admit_group(path);
		r = control_server_new(natd->event, fd, handle, natd, &natd->control);
	}
	if (r < 0)
		log_err("cannot listen on %s: %s", path, strerror(-r));
	else
		cleanup_take_fd(&fd);
	return r;
}

void control_stop(struct natd *natd)
{
	control_server_free(natd->control);
	if (*natd->socket_path)
		unlink(natd->socket_path);
}
