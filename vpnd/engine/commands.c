/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/commands.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/control.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/followers.h"
#include "vpnd/engine/status.h"

static json_t *status(struct engine *engine, json_t *request, char *err, size_t errlen)
{
	(void)request;
	snprintf(err, errlen, "out of memory");
	return status_json(engine, clock_mono(), clock_wall());
}

static json_t *ping(struct engine *engine, json_t *request, char *err, size_t errlen)
{
	(void)request;
	(void)engine;
	snprintf(err, errlen, "out of memory");
	return json_object();
}

static void on_reloaded(void *arg, const struct privsep_reloaded *answer)
{
	if (!answer->error)
		control_answer(arg, json_pack("{s:s}", "config_hash", answer->config_hash),
			"out of memory");
	else
		control_answer(
			arg, NULL, answer->reason[0] ? answer->reason : strerror(answer->error));
}

/* The monitor answers later. */
static json_t *reload(struct engine *engine, json_t *request, char *err, size_t errlen)
{
	struct control_later *later;

	(void)request;
	if (engine->reloaded) {
		snprintf(err, errlen, "a reload is under way");
		return NULL;
	}
	snprintf(err, errlen, "out of memory");
	later = control_later(engine->control);
	if (later)
		engine_reload(engine, on_reloaded, later);
	return NULL;
}

static json_t *events(struct engine *engine, json_t *request, char *err, size_t errlen)
{
	return followers_ask(engine->followers, request, err, errlen);
}

static const struct {
	const char *name;
	json_t *(*run)(struct engine *engine, json_t *request, char *err, size_t errlen);
} commands[] = {
	{"status", status},
	{"ping", ping},
	{"reload", reload},
	{"events", events},
};

static json_t *handle(void *arg, const char *cmd, json_t *request, char *err, size_t errlen)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, cmd))
			return commands[i].run(arg, request, err, errlen);
	snprintf(err, errlen, "unknown command");
	return NULL;
}

int commands_serve(struct engine *engine, int listen_fd)
{
	if (engine->control)
		return control_server_move(engine->control, listen_fd);
	return control_server_new(engine->event, listen_fd, handle, engine, &engine->control);
}
