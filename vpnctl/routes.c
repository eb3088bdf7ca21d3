/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/table.h"
#include "vpnctl/view.h"

static void put_backup(struct table *table, const struct reply_route *route)
{
	_cleanup_free_ char *name = foreign_text(route->backup, FOREIGN_WORD);
	char *text = NULL;

	if (!name || asprintf(&text, "%s%s", name,
			     route->backup && route->backup_state == REPLY_DOWN ? " (x)" : "") < 0)
		text = NULL;
	table_take(table, PAINT_PLAIN, text);
}

static void put_unreachable(struct table *table, const struct reply_route *route)
{
	_cleanup_free_ char *why = foreign_text(route->reason, FOREIGN_SENTENCE);
	char *text = NULL;

	if (!route->reason)
		table_put(table, PAINT_BAD, "UNREACHABLE");
	else
		table_take(table, PAINT_BAD,
			why && asprintf(&text, "UNREACHABLE: %s", why) >= 0 ? text : NULL);
}

static void put_reach(struct table *table, const struct reply_route *route)
{
	if (route->state == REPLY_UNREACHABLE)
		put_unreachable(table, route);
	else if (route->state != REPLY_REACHABLE)
		table_put(table, PAINT_WARN, "-");
	else if (route->answered == 0)
		table_put(table, PAINT_WARN, "not answered yet");
	else if (route->backup && route->backup_state == REPLY_DOWN)
		table_put(table, PAINT_WARN, "reachable, NOT redundant");
	else
		table_put(table, PAINT_PLAIN, "reachable");
}

int routes_table(const struct field_list *routes, struct pen pen)
{
	static const char *const names[] = {"PREFIX", "VIA", "BACKUP", "STATE"};
	const struct reply_route *items = routes->items;
	struct table table;

	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < routes->n; i++) {
		table_put_foreign(&table, items[i].prefix);
		table_take(&table, PAINT_PLAIN, foreign_list(&items[i].via, ", ", 0));
		put_backup(&table, &items[i]);
		put_reach(&table, &items[i]);
	}
	int r = table_print(&table, pen);
	table_done(&table);
	return r;
}

int routes_print(const struct view *view, struct pen pen)
{
	view_unreached(view, REPORT_ROUTES, pen);
	if (!view->report->vpn.routes.known)
		return 0;
	return routes_table(&view->report->vpn.routes, pen);
}
