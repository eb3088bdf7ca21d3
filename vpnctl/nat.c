/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/table.h"
#include "vpnctl/units.h"
#include "vpnctl/view.h"

/* The addresses that the Internet sees, or the uplink's name for one that is down. */
static void print_uplinks(const struct field_list *uplinks, FILE *f)
{
	const struct reply_uplink *items = uplinks->items;

	for (size_t i = 0; i < uplinks->n; i++) {
		_cleanup_free_ char *name = foreign_text(items[i].name, FOREIGN_WORD);
		_cleanup_free_ char *addresses = foreign_list(&items[i].addresses, " ", 0);

		if (items[i].up == 0)
			fprintf(f, " %s (x)", name ? name : "-");
		else
			fprintf(f, " %s", addresses ? addresses : "-");
	}
	if (!uplinks->n)
		fputs(" -", f);
}

int nat_line(const struct reply_nat *nat, struct pen pen)
{
	_cleanup_free_ char *drops = view_counters(&nat->drops);
	char flows[UNITS_LEN], flows_max[UNITS_LEN];

	if (!drops)
		return -ENOMEM;
	fputs("NAT", pen.f);
	print_uplinks(&nat->uplinks, pen.f);
	fputs("  ", pen.f);
	paint_text(pen, view_state_paint(nat->state), view_state(nat->state));
	fprintf(pen.f, "  flows %s of %s  drops %s\n", units_count(nat->flows, flows),
		units_count(nat->flows_max, flows_max), drops);
	if (nat->state != REPLY_UP && nat->reason) {
		_cleanup_free_ char *why = foreign_text(nat->reason, FOREIGN_SENTENCE);
		fprintf(pen.f, "  why  %s\n", why ? why : "-");
	}
	return 0;
}

static int print_subnets(const struct field_list *subnets, struct pen pen)
{
	static const char *const names[] = {"SUBNET", "LEAVES AS", "PACKETS", "BYTES"};
	const struct reply_subnet *items = subnets->items;
	struct table table;
	char text[UNITS_LEN];

	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < subnets->n; i++) {
		table_put_foreign(&table, items[i].prefix);
		table_take(&table, PAINT_PLAIN, foreign_list(&items[i].snat, ", ", 0));
		table_put(&table, PAINT_PLAIN, units_count(items[i].packets, text));
		table_put(&table, PAINT_PLAIN, units_bytes(items[i].bytes, text));
	}
	int r = table_print(&table, pen);
	table_done(&table);
	return r;
}

int nat_print(const struct view *view, struct pen pen)
{
	const struct reply_nat *nat = &view->report->nat;

	view_unreached(view, REPORT_NAT, pen);
	if (!view->report->daemons[REPORT_NATD].data)
		return 0;
	int r = nat_line(nat, pen);
	if (r == 0)
		r = print_subnets(&nat->subnets, pen);
	if (r < 0)
		return r;
	_cleanup_free_ char *never = foreign_list(&nat->never_uplink, ", ", 0);
	_cleanup_free_ char *ruleset = foreign_text(nat->ruleset, FOREIGN_WORD);
	if (!never || !ruleset)
		return -ENOMEM;
	fprintf(pen.f, "never by an uplink: %s\nruleset in the kernel: %s\n", never, ruleset);
	return 0;
}
