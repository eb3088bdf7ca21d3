/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/control.h"
#include "vpnctl/report.h"

const char *const report_daemon_names[REPORT_DAEMONS] = {"vpnd", "natd"};

static const struct {
	unsigned int parts;
	const struct field_table *identity;
	const struct field_table *content;
	size_t offset; /* of the content in struct report */
} daemons[REPORT_DAEMONS] = {
	[REPORT_VPND] = {REPORT_TUNNELS | REPORT_ROUTES, &reply_vpnd_identity_table,
		&reply_vpn_table, offsetof(struct report, vpn)},
	[REPORT_NATD] = {REPORT_NAT, &reply_natd_identity_table, &reply_nat_table,
		offsetof(struct report, nat)},
};

bool report_concerns(enum report_daemon daemon, unsigned int parts)
{
	return daemons[daemon].parts & parts;
}

/* --- filling ------------------------------------------------------------------------------------
 */

static int read_daemon(struct report *report, enum report_daemon d, json_t *data)
{
	int r = field_read(daemons[d].identity, data, &report->daemons[d].who);
	int r2 = field_read(daemons[d].content, data, (char *)report + daemons[d].offset);

	return r < 0 ? r : r2;
}

static void forget(struct report *report, enum report_daemon d)
{
	field_done(daemons[d].identity, &report->daemons[d].who);
	field_done(daemons[d].content, (char *)report + daemons[d].offset);
	json_decref(report->daemons[d].data);
	free(report->daemons[d].error);
	report->daemons[d] = (struct report_answer){0};
}

void report_init(struct report *report)
{
	*report = (struct report){0};
	/* Of no object nothing is allocated, so this cannot fail. */
	for (int d = 0; d < REPORT_DAEMONS; d++)
		read_daemon(report, d, NULL);
}

int report_answered(struct report *report, enum report_daemon daemon, json_t *data)
{
	forget(report, daemon);
	report->daemons[daemon].data = data;
	return read_daemon(report, daemon, data);
}

int report_unreached(struct report *report, enum report_daemon daemon, const char *error)
{
	forget(report, daemon);
	read_daemon(report, daemon, NULL);
	report->daemons[daemon].error = strdup(error);
	return report->daemons[daemon].error ? 0 : -ENOMEM;
}

void report_done(struct report *report)
{
	for (int d = 0; d < REPORT_DAEMONS; d++)
		forget(report, d);
}

/* --- asking it ----------------------------------------------------------------------------------
 */

const char *report_host(const struct report *report)
{
	for (int d = 0; d < REPORT_DAEMONS; d++) {
		if (report->daemons[d].who.host)
			return report->daemons[d].who.host;
	}
	return NULL;
}

const struct reply_tunnel *report_tunnel(const struct report *report, const char *name)
{
	const struct reply_tunnel *tunnels = report->vpn.tunnels.items;

	for (size_t i = 0; i < report->vpn.tunnels.n; i++) {
		if (tunnels[i].name && !strcmp(tunnels[i].name, name))
			return &tunnels[i];
	}
	return NULL;
}

const struct reply_route *report_route(const struct report *report, const char *prefix)
{
	const struct reply_route *routes = report->vpn.routes.items;
	struct prefix wanted, has;

	if (prefix_parse(prefix, false, &wanted) < 0)
		return NULL;
	for (size_t i = 0; i < report->vpn.routes.n; i++) {
		if (routes[i].prefix && prefix_parse(routes[i].prefix, false, &has) == 0 &&
			prefix_equal(&wanted, &has))
			return &routes[i];
	}
	return NULL;
}

/* --- what it amounts to
 * ---------------------------------------------------------------------------
 */

static enum exit_code worse(enum exit_code a, enum exit_code b)
{
	return a > b ? a : b;
}

static enum exit_code judge_tunnels(const struct field_list *list)
{
	const struct reply_tunnel *tunnels = list->items;
	size_t up = 0, down = 0;

	for (size_t i = 0; i < list->n; i++) {
		up += tunnels[i].state == REPLY_UP;
		down += tunnels[i].state == REPLY_DOWN;
	}
	if (list->n && down == list->n)
		return EXIT_LOST;
	return list->known && up == list->n ? EXIT_WELL : EXIT_FAILED;
}

static enum exit_code judge_routes(const struct field_list *list)
{
	const struct reply_route *routes = list->items;
	enum exit_code verdict = list->known ? EXIT_WELL : EXIT_FAILED;

	for (size_t i = 0; i < list->n; i++) {
		if (routes[i].state == REPLY_UNREACHABLE)
			verdict = worse(verdict, EXIT_LOST);
		else if (routes[i].state != REPLY_REACHABLE || routes[i].answered == 0 ||
			 (routes[i].backup && routes[i].backup_state != REPLY_UP))
			verdict = worse(verdict, EXIT_FAILED);
	}
	return verdict;
}

static enum exit_code judge_nat(const struct reply_nat *nat)
{
	if (nat->state == REPLY_DOWN)
		return EXIT_LOST;
	return nat->state == REPLY_UP ? EXIT_WELL : EXIT_FAILED;
}

enum exit_code report_verdict(const struct report *report, unsigned int parts)
{
	enum exit_code verdict = EXIT_WELL;

	for (int d = 0; d < REPORT_DAEMONS; d++) {
		if (report_concerns(d, parts) && !report->daemons[d].data)
			return EXIT_UNREACHED;
	}
	if (parts & REPORT_TUNNELS)
		verdict = worse(verdict, judge_tunnels(&report->vpn.tunnels));
	if (parts & REPORT_ROUTES)
		verdict = worse(verdict, judge_routes(&report->vpn.routes));
	if (parts & REPORT_NAT)
		verdict = worse(verdict, judge_nat(&report->nat));
	return verdict;
}

enum reply_state report_state(enum exit_code verdict)
{
	if (verdict == EXIT_WELL)
		return REPLY_UP;
	return verdict == EXIT_FAILED ? REPLY_DEGRADED : REPLY_DOWN;
}

/* --- as JSON ------------------------------------------------------------------------------------
 */

/* What a daemon was asked for, or null: then it is not known, which is not the same as nothing. */
static json_t *content_json(const struct report *report, enum report_daemon d)
{
	if (!report->daemons[d].data)
		return json_null();
	return field_write(daemons[d].content, (const char *)report + daemons[d].offset);
}

static json_t *daemon_json(const struct report *report, enum report_daemon d)
{
	const struct report_answer *answer = &report->daemons[d];
	_cleanup_json_ json_t *who = field_write(daemons[d].identity, &answer->who);
	json_t *json = json_pack("{s:b, s:s?}", "ok", !!answer->data, "error", answer->error);

	if (json && (!who || json_object_update(json, who) < 0)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *report_json(const struct report *report, unsigned int parts)
{
	enum reply_state state = report_state(report_verdict(report, parts));
	_cleanup_json_ json_t *vpn = content_json(report, REPORT_VPND);
	_cleanup_json_ json_t *json = json_pack("{s:i, s:s, s:s?}", "schema", CONTROL_SCHEMA,
		"state", reply_state_words[state], "host", report_host(report));
	json_t *who = json_object();
	int r = 0;

	for (int d = 0; d < REPORT_DAEMONS; d++) {
		if (report_concerns(d, parts))
			r |= json_object_set_new(
				who, report_daemon_names[d], daemon_json(report, d));
	}
	if (parts & REPORT_TUNNELS)
		r |= json_object_set(
			json, "tunnels", json_object_get(vpn, "tunnels") ?: json_null());
	if (parts & REPORT_ROUTES)
		r |= json_object_set(json, "routes", json_object_get(vpn, "routes") ?: json_null());
	if (parts & REPORT_NAT)
		r |= json_object_set_new(json, "nat", content_json(report, REPORT_NATD));
	r |= json_object_set_new(json, "daemons", who);
	return r == 0 && vpn ? cleanup_take(json) : NULL;
}
