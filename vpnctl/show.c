/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that report: ask, print as text or JSON, say by the exit status how it is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vpnctl/ask.h"
#include "vpnctl/invocation.h"
#include "vpnctl/view.h"

#define WATCH_INTERVAL_S 1
#define CLEAR_SCREEN "\033[H\033[2J"

/* A report command: what it is about and how it looks. */
struct show {
	unsigned int parts; /* enum report_part */
	int (*print)(const struct view *view, struct pen pen);
};

static int print_json(const struct report *report, unsigned int parts, size_t flags)
{
	_cleanup_json_ json_t *json = report_json(report, parts);

	/* Six digits are plenty for a round trip, and 8.2 stays 8.2. */
	if (!json || json_dumpf(json, stdout, flags | JSON_REAL_PRECISION(6)) < 0)
		return -ENOMEM;
	putchar('\n');
	return 0;
}

static int out_of_memory(void)
{
	fputs("vpnctl: out of memory\n", stderr);
	return EXIT_OUTPUT;
}

static int once(const struct show *show, const struct invocation *inv)
{
	struct report report;
	int r = ask_status(inv->run_dir, show->parts, ASK_TIMEOUT_MS, &report);

	if (r == 0 && inv->json)
		r = print_json(&report, show->parts, JSON_INDENT(2));
	else if (r == 0)
		r = show->print(&(struct view){.report = &report}, paint_pen(stdout));
	int code = report_verdict(&report, show->parts);
	report_done(&report);
	return r < 0 ? out_of_memory() : code;
}

static int print_frame(
	const struct show *show, const struct invocation *inv, const struct view *view)
{
	struct pen pen = paint_pen(stdout);

	if (inv->json)
		return print_json(view->report, show->parts, JSON_COMPACT);
	if (isatty(STDOUT_FILENO))
		fputs(CLEAR_SCREEN, stdout);
	else if (view->before)
		putchar('\n');
	return show->print(view, pen);
}

/* Until a signal ends it, or nobody reads any more. */
static int watch(const struct show *show, const struct invocation *inv)
{
	struct report reports[2];
	mono_t times[2] = {MONO_UNSET, MONO_UNSET};
	int r = 0;

	report_init(&reports[1]);
	for (unsigned int frame = 0; r == 0; frame++) {
		unsigned int now = frame % 2, before = !now;

		times[now] = clock_mono();
		r = ask_status(inv->run_dir, show->parts, ASK_TIMEOUT_MS, &reports[now]);
		struct view view = {.report = &reports[now],
			.before = frame ? &reports[before] : NULL,
			.elapsed_us = (int64_t)mono_elapsed_us(times[before], times[now]),
			.rates = true};
		if (r == 0)
			r = print_frame(show, inv, &view);
		report_done(&reports[before]);
		if (fflush(stdout))
			break;
		nanosleep(&(struct timespec){.tv_sec = WATCH_INTERVAL_S}, NULL);
	}
	report_done(&reports[0]);
	report_done(&reports[1]);
	return r < 0 ? out_of_memory() : EXIT_OUTPUT;
}

static int run(const struct show *show, const struct invocation *inv)
{
	return inv->watch ? watch(show, inv) : once(show, inv);
}

int show_status(const struct invocation *inv)
{
	return run(&(struct show){REPORT_ALL, status_print}, inv);
}

int show_tunnels(const struct invocation *inv)
{
	return run(&(struct show){REPORT_TUNNELS, tunnels_print}, inv);
}

int show_routes(const struct invocation *inv)
{
	return run(&(struct show){REPORT_ROUTES, routes_print}, inv);
}

int show_nat(const struct invocation *inv)
{
	return run(&(struct show){REPORT_NAT, nat_print}, inv);
}
