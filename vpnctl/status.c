/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/table.h"
#include "vpnctl/units.h"
#include "vpnctl/view.h"

#define LINE_WIDTH 80 /* columns, where the headline ends */
#define HASH_SHOWN 4  /* digits of a config's hash, enough to see that it changed */

/* --- headline -----------------------------------------------------------------------------------
 */

/* Does the kernel hold what the config says? Only natd looks, so far; "" is unknown. */
static const char *drift(enum report_daemon d, const struct reply_nat *nat)
{
	if (d != REPORT_NATD || !nat->ruleset)
		return "";
	return !strcmp(nat->ruleset, "verified") ? " = kernel" : " NOT in the kernel";
}

/* "vpnd ok, config 7f3c, engine restarts 2". */
static void print_daemon(FILE *f, enum report_daemon d, const struct report *report)
{
	const struct report_answer *answer = &report->daemons[d];
	_cleanup_free_ char *hash = NULL;

	fprintf(f, "  %s %s", report_daemon_names[d], answer->data ? "ok" : "NOT REACHED");
	if (!answer->data)
		return;
	if (answer->who.config_hash)
		hash = strndup(answer->who.config_hash, HASH_SHOWN);
	_cleanup_free_ char *safe = foreign_text(hash, HASH_SHOWN);
	if (hash && safe)
		fprintf(f, ", config %s%s", safe, drift(d, &report->nat));
	if (d == REPORT_VPND && answer->who.engine.restarts > 0)
		fprintf(f, ", engine restarts %" PRId64, answer->who.engine.restarts);
}

static int print_headline(const struct view *view, struct pen pen)
{
	enum reply_state state = report_state(report_verdict(view->report, REPORT_ALL));
	_cleanup_free_ char *host = foreign_text(report_host(view->report), FOREIGN_WORD);
	_cleanup_free_ char *left = NULL;
	size_t len = 0;

	FILE *f = open_memstream(&left, &len);
	if (!f)
		return -ENOMEM;
	fprintf(f, "%s", host ? host : "-");
	for (int d = 0; d < REPORT_DAEMONS; d++)
		print_daemon(f, d, view->report);
	if (fclose(f))
		return -ENOMEM;
	int gap = LINE_WIDTH - (int)len - (int)strlen(view_state(state));
	fprintf(pen.f, "%s%*s", left, gap > 2 ? gap : 2, "");
	paint_text(pen, view_state_paint(state), view_state(state));
	fputc('\n', pen.f);
	return 0;
}

/* --- tunnels ------------------------------------------------------------------------------------
 */

/* What went through since the last look, a second; unknown if the counter started anew. */
static int64_t rate(int64_t now, int64_t before, int64_t elapsed_us)
{
	if (now < 0 || before < 0 || now < before || elapsed_us <= 0)
		return FIELD_UNKNOWN;
	double per_s = (double)(now - before) * 1e6 / (double)elapsed_us;
	return per_s < 9e18 ? (int64_t)per_s : FIELD_UNKNOWN;
}

static void put_traffic(struct table *table, const struct view *view, int64_t now, int64_t before)
{
	char text[UNITS_LEN];

	table_put(table, PAINT_PLAIN,
		view->rates ? units_rate(rate(now, before, view->elapsed_us), text)
			    : units_bytes(now, text));
}

static void put_tunnel(struct table *table, const struct view *view, const struct reply_tunnel *t)
{
	static const struct reply_tunnel unknown = {
		.rx_bytes = FIELD_UNKNOWN, .tx_bytes = FIELD_UNKNOWN};
	const struct reply_tunnel *before =
		view->before && t->name ? report_tunnel(view->before, t->name) : NULL;
	char text[UNITS_LEN];

	table_put_foreign(table, t->name);
	table_put(table, view_state_paint(t->state), view_state(t->state));
	table_put(table, PAINT_PLAIN, units_duration(t->since_s, text));
	table_put(table, PAINT_PLAIN, units_duration(t->handshake_age_s, text));
	table_put(table, PAINT_PLAIN, units_ms(t->rtt_ms, text));
	table_put(table, PAINT_PLAIN, units_percent(t->loss, text));
	if (t->pmtu >= 0)
		snprintf(text, sizeof(text), "%" PRId64, t->pmtu);
	table_put(table, PAINT_PLAIN, t->pmtu >= 0 ? text : "-");
	put_traffic(table, view, t->rx_bytes, (before ?: &unknown)->rx_bytes);
	put_traffic(table, view, t->tx_bytes, (before ?: &unknown)->tx_bytes);
	if (t->state == REPLY_UP)
		return;
	if (t->reason)
		table_note_foreign(table, "why", t->reason);
	if (t->advice)
		table_note_foreign(table, "try", t->advice);
}

static int print_tunnels(const struct view *view, struct pen pen)
{
	static const char *const names[] = {
		"TUNNEL", "STATE", "SINCE", "HANDSHAKE", "RTT", "LOSS", "PMTU", "IN", "OUT"};
	const struct field_list *tunnels = &view->report->vpn.tunnels;
	const struct reply_tunnel *items = tunnels->items;
	struct table table;

	if (!tunnels->n)
		return 0;
	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < tunnels->n; i++)
		put_tunnel(&table, view, &items[i]);
	int r = table_print(&table, pen);
	table_done(&table);
	return r;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

int status_print(const struct view *view, struct pen pen)
{
	const struct report *report = view->report;
	int r = print_headline(view, pen);

	view_unreached(view, REPORT_ALL, pen);
	if (r == 0)
		r = print_tunnels(view, pen);
	if (r == 0 && report->vpn.routes.n)
		r = routes_table(&report->vpn.routes, pen);
	if (r == 0 && report->daemons[REPORT_NATD].data)
		r = nat_line(&report->nat, pen);
	return r;
}
