/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/table.h"
#include "vpnctl/units.h"
#include "vpnctl/view.h"

#define BUSIEST_SHOWN 5
#define SCARCE 0.8 /* share of ports from which on it is shown as a warning */

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

/* --- figures of flows ------------------------------------------------------------------------- */

static void put_count(struct table *table, int64_t count)
{
	char text[UNITS_LEN];

	table_put(table, PAINT_PLAIN, units_count(count, text));
}

static int finish(struct table *table, struct pen pen)
{
	int r = table_print(table, pen);

	table_done(table);
	return r;
}

#define FIGURES "ACTIVE", "ATTEMPTS", "ESTABLISHED", "IDLE"
#define PUT_FIGURES(table, of)                           \
	do {                                             \
		put_count((table), (of)->active);        \
		put_count((table), (of)->attempts);      \
		put_count((table), (of)->established);   \
		put_count((table), (of)->idle_timeouts); \
	} while (0)

static int print_subnets(const struct field_list *subnets, struct pen pen)
{
	static const char *const names[] = {"SUBNET", "LEAVES AS", FIGURES, "PACKETS", "BYTES"};
	const struct reply_subnet *items = subnets->items;
	struct table table;
	char text[UNITS_LEN];

	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < subnets->n; i++) {
		table_put_foreign(&table, items[i].prefix);
		table_take(&table, PAINT_PLAIN, foreign_list(&items[i].snat, ", ", 0));
		PUT_FIGURES(&table, &items[i]);
		put_count(&table, items[i].packets);
		table_put(&table, PAINT_PLAIN, units_bytes(items[i].bytes, text));
	}
	return finish(&table, pen);
}

static int print_addresses(const struct field_list *addresses, struct pen pen)
{
	static const char *const names[] = {"ADDRESS", FIGURES, "OUT", "IN"};
	const struct reply_address *items = addresses->items;
	struct table table;
	char text[UNITS_LEN];

	if (!addresses->n)
		return 0;
	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < addresses->n; i++) {
		const struct reply_traffic *traffic = &items[i].traffic;

		table_put_foreign(&table, items[i].address);
		PUT_FIGURES(&table, &items[i]);
		table_put(&table, PAINT_PLAIN, units_bytes(traffic->to_outside.bytes, text));
		table_put(&table, PAINT_PLAIN, units_bytes(traffic->from_outside.bytes, text));
	}
	return finish(&table, pen);
}

static char *destination(const struct reply_busiest *busiest)
{
	_cleanup_free_ char *address = foreign_text(busiest->address, FOREIGN_WORD);
	char *text = NULL;

	if (address && busiest->port == FIELD_UNKNOWN)
		return cleanup_take(address);
	if (!address || asprintf(&text, strchr(address, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64,
				address, busiest->port) < 0)
		return NULL;
	return text;
}

/* Where ports run out first, with the share of them that is taken. */
static int print_busiest(const struct field_list *busiest, struct pen pen)
{
	static const char *const names[] = {"BUSIEST", "PROTO", "AS", "FLOWS", "OF PORTS"};
	const struct reply_busiest *items = busiest->items;
	struct table table;
	char text[UNITS_LEN];

	if (!busiest->n)
		return 0;
	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < busiest->n && i < BUSIEST_SHOWN; i++) {
		bool scarce = items[i].share >= SCARCE;

		table_take(&table, PAINT_PLAIN, destination(&items[i]));
		table_put_foreign(&table, items[i].protocol);
		table_put_foreign(&table, items[i].nat);
		put_count(&table, items[i].active);
		table_put(&table, scarce ? PAINT_WARN : PAINT_PLAIN,
			units_percent(items[i].share, text));
	}
	return finish(&table, pen);
}

static void print_table(const struct reply_nat *nat, FILE *f)
{
	_cleanup_free_ char *kernel = view_counters(&nat->kernel);
	char fill[UNITS_LEN], entry[UNITS_LEN], errors[UNITS_LEN], lost[UNITS_LEN];

	if (nat->port_allocation_errors < 0 && isnan(nat->table.fill))
		return;
	fprintf(f, "flow table: %s full, %s bytes an entry; port_allocation_errors %s\n",
		units_percent(nat->table.fill, fill),
		units_count(nat->table.bytes_per_entry, entry),
		units_count(nat->port_allocation_errors, errors));
	fprintf(f, "conntrack: %s\n", kernel ? kernel : "-");
	if (nat->flows_followed == 0)
		fputs("more flows begin and end than flow_events_max, and a core is busy: not "
		      "followed for now, looked at when asked\n",
			f);
	if (nat->accounting == 0)
		fputs("accounting of flows is off, so OUT and IN are unknown: "
		      "net.netfilter.nf_conntrack_acct = 0\n",
			f);
	if (nat->flow_log.dropped > 0)
		fprintf(f, "lines lost of the flow log: %s\n",
			units_count(nat->flow_log.dropped, lost));
}

static void print_log_error(const struct reply_nat *nat, FILE *f)
{
	_cleanup_free_ char *error = NULL;

	if (!nat->flow_log.error)
		return;
	error = foreign_text(nat->flow_log.error, FOREIGN_SENTENCE);
	fprintf(f, "flow log: %s\n", error ? error : "-");
}

/* As sysctl(8) writes numbers, since that is who gets them next. */
static void print_settings(const struct field_list *settings, FILE *f)
{
	const struct reply_setting *items = settings->items;

	if (settings->n)
		fputs("settings of the kernel that should be others (manage_sysctl in "
		      "natd.conf(5)):\n",
			f);
	for (size_t i = 0; i < settings->n; i++) {
		_cleanup_free_ char *name = foreign_text(items[i].name, FOREIGN_WORD);

		fprintf(f, "  %s = %" PRId64 ", now %" PRId64 "\n", name ? name : "-",
			items[i].wanted, items[i].is);
	}
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
	if (r == 0)
		r = print_addresses(&nat->addresses, pen);
	if (r == 0)
		r = print_busiest(&nat->busiest, pen);
	if (r < 0)
		return r;
	print_table(nat, pen.f);
	print_log_error(nat, pen.f);
	print_settings(&nat->settings, pen.f);
	_cleanup_free_ char *never = foreign_list(&nat->never_uplink, ", ", 0);
	_cleanup_free_ char *ruleset = foreign_text(nat->ruleset, FOREIGN_WORD);
	if (!never || !ruleset)
		return -ENOMEM;
	fprintf(pen.f, "never by an uplink: %s\nruleset in the kernel: %s\n", never, ruleset);
	return 0;
}
