/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program of on_state_change is told; vpnd.conf(5) describes it. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "vpnd/monitor/hook.h"
#include "vpnd/monitor/state.h"

enum { SCHEMA = 1 };

static int find_user(const struct monitor *m, struct hook_config *config)
{
	int r = 0;

	config->uid = m->uid;
	config->gid = m->gid;
	if (!m->conf->hook_user)
		return 0;
	if (strcmp(m->conf->hook_user, "root") == 0)
		config->uid = config->gid = 0;
	else
		r = sandbox_user(m->conf->hook_user, NULL, &config->uid, &config->gid);
	if (r < 0)
		log_err("hook_user \"%s\": %s", m->conf->hook_user, strerror(-r));
	return r;
}

int changes_configure(struct monitor *m)
{
	struct hook_config config = {
		.path = m->conf->on_state_change, .timeout_s = m->conf->hook_timeout_s};
	int r = find_user(m, &config);

	return r < 0 ? r : hook_configure(m->hook, &config);
}

static json_t *time_now(void)
{
	char text[sizeof("2026-11-22T10:14:02Z") + 16];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(text, sizeof(text), "%FT%TZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

static const char *state_of(const struct held *h)
{
	size_t down = 0;

	for (size_t i = 0; i < h->conf->n_peers; i++)
		down += h->peers[i].down;
	return down == 0 ? "up" : down < h->conf->n_peers ? "degraded" : "down";
}

void changes_tell_peer(struct monitor *m, const struct held *h, size_t peer, const char *reason)
{
	char label[VPND_CONF_LABEL_STRLEN], subject[IFNAMSIZ + 16];

	snprintf(subject, sizeof(subject), "tunnel %s", h->name);
	hook_tell(m->hook, subject,
		json_pack("{s:i, s:s, s:o, s:s, s:s, s:s, s:s, s:s}", "schema", SCHEMA, "event",
			"tunnel", "time", time_now(), "tunnel", h->name, "state", state_of(h),
			"peer", vpnd_conf_peer_label(&h->conf->peers[peer], label), "peer_state",
			h->peers[peer].down ? "down" : "up", "reason", reason));
}

static json_t *name_or_null(const struct monitor *m, uint32_t slot)
{
	return slot < PRIVSEP_TUNNELS && m->slots[slot] ? json_string(m->slots[slot]->name)
							: json_null();
}

/* Those that carry it now. */
static json_t *names(const struct monitor *m, const struct privsep_route *route)
{
	json_t *list = json_array();

	if (!route->installed)
		return list;
	json_array_append_new(list, name_or_null(m, route->slot));
	for (size_t i = 0; i < route->n_more; i++)
		json_array_append_new(list, name_or_null(m, route->more[i]));
	return list;
}

void changes_tell_route(struct monitor *m, const struct privsep_route *route)
{
	char prefix[PREFIX_STRLEN], subject[PREFIX_STRLEN + 32];

	prefix_format(&route->prefix, prefix);
	snprintf(subject, sizeof(subject), "prefix %s table %u", prefix, route->table);
	hook_tell(m->hook, subject,
		json_pack("{s:i, s:s, s:o, s:s, s:I, s:s, s:o, s:o}", "schema", SCHEMA, "event",
			"prefix", "time", time_now(), "prefix", prefix, "table",
			(json_int_t)route->table, "state",
			route->installed ? "reachable" : "unreachable", "via", names(m, route),
			"backup", name_or_null(m, route->backup_slot)));
}
