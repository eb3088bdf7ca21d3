/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports as text. One command, one function below; the JSON of all is report_json. Each prints to
 * the pen and returns 0 or -ENOMEM.
 */
#ifndef VPNCTL_VIEW_H
#define VPNCTL_VIEW_H

#include "vpnctl/paint.h"
#include "vpnctl/report.h"

/* What is shown, and for --watch what was so a moment ago. */
struct view {
	const struct report *report;
	const struct report *before; /* NULL: show totals, or the first frame of a watch */
	int64_t elapsed_us;          /* from `before` to `report` */
	bool rates;                  /* bytes a second instead of totals */
};

/* Headline, tunnels, routes and NAT: the whole gateway. */
int status_print(const struct view *view, struct pen pen);

/* Every tunnel's peers, and what was dropped. */
int tunnels_print(const struct view *view, struct pen pen);

/* Every prefix and its way. */
int routes_print(const struct view *view, struct pen pen);

/* Uplinks, subnets, flows, and what was dropped. */
int nat_print(const struct view *view, struct pen pen);

/* --- shared by them -------------------------------------------------------------------------- */

/* How to show a state: "UP", "DEGRADED", "DOWN", "-", and its colour. */
const char *view_state(enum reply_state state);
enum paint view_state_paint(enum reply_state state);

/* A line "vpnd: why" for each daemon of these parts that gave no reply. */
void view_unreached(const struct view *view, unsigned int parts, struct pen pen);

/*
 * Counters in a line of new text: their sum, then the largest by name, as "12 (no_port 9, invalid
 * 3)"; "-" when they are unknown. NULL without memory.
 */
char *view_counters(const struct field_list *counters);

/* Parts that both status and the command of the same name show. */
int routes_table(const struct field_list *routes, struct pen pen);
int nat_line(const struct reply_nat *nat, struct pen pen); /* with why, if it is not up */

#endif
