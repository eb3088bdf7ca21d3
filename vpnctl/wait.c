/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "vpnctl/ask.h"
#include "vpnctl/foreign.h"
#include "vpnctl/invocation.h"
#include "vpnctl/wait.h"

#define POLL_MS 200

int wait_parse(const char *text, struct wait_goal *goal)
{
	const char *value = strchr(text, '=');
	struct prefix prefix;

	if (!strcmp(text, "nat")) {
		*goal = (struct wait_goal){REPORT_NAT, NULL};
		return 0;
	}
	if (!value || !value[1])
		return -EINVAL;
	value++;
	if (!strncmp(text, "tunnel=", strlen("tunnel="))) {
		*goal = (struct wait_goal){REPORT_TUNNELS, value};
		return 0;
	}
	if (!strncmp(text, "prefix=", strlen("prefix=")) &&
		prefix_parse(value, false, &prefix) == 0) {
		*goal = (struct wait_goal){REPORT_ROUTES, value};
		return 0;
	}
	return -EINVAL;
}

/* --- is it so, and why not
 * ------------------------------------------------------------------------
 */

static bool no(char why[static WAIT_WHY_LEN], const char *state, const char *reason)
{
	_cleanup_free_ char *safe = foreign_text(reason, FOREIGN_SENTENCE / 4);

	snprintf(
		why, WAIT_WHY_LEN, "%s%s%s", state, reason ? ": " : "", reason && safe ? safe : "");
	return false;
}

static bool up(int state, const char *reason, char why[static WAIT_WHY_LEN])
{
	return state == REPLY_UP ||
	       no(why, reply_state_words[state] ?: "in no known state", reason);
}

static bool tunnel_is_up(
	const struct report *report, const char *name, char why[static WAIT_WHY_LEN])
{
	const struct reply_tunnel *tunnel = report_tunnel(report, name);

	return tunnel ? up(tunnel->state, tunnel->reason, why)
		      : no(why, "not there", "vpnd has no tunnel of this name");
}

/* What is said of the first of its tunnels. */
static const char *first_reason(const struct report *report, const struct reply_route *route)
{
	const char *const *via = route->via.items;
	const struct reply_tunnel *tunnel = route->via.n ? report_tunnel(report, via[0]) : NULL;

	return tunnel ? tunnel->reason : NULL;
}

static bool route_is_reachable(
	const struct report *report, const char *prefix, char why[static WAIT_WHY_LEN])
{
	const struct reply_route *route = report_route(report, prefix);

	if (!route)
		return no(why, "not there", "vpnd has no route for this prefix");
	if (route->state != REPLY_REACHABLE)
		return no(
			why, reply_reach_words[route->state] ?: "in no known state", route->reason);
	/* It has its routes from the start; that somebody is at the other end shows later. */
	return route->answered != 0 || no(why, "not answered yet", first_reason(report, route));
}

bool wait_reached(
	const struct wait_goal *goal, const struct report *report, char why[static WAIT_WHY_LEN])
{
	for (int d = 0; d < REPORT_DAEMONS; d++) {
		if (!report_concerns(d, goal->part) || report->daemons[d].data)
			continue;
		/* What was noted is safe already. */
		snprintf(why, WAIT_WHY_LEN, "not known, %s: %s", report_daemon_names[d],
			report->daemons[d].error ?: "not asked");
		return false;
	}
	if (goal->part == REPORT_TUNNELS)
		return tunnel_is_up(report, goal->name, why);
	if (goal->part == REPORT_ROUTES)
		return route_is_reachable(report, goal->name, why);
	return up(report->nat.state, report->nat.reason, why);
}

/* --- waiting for it ------------------------------------------------------------------------------
 */

/* One look, which takes no longer than there is time. 0, -EAGAIN if it is not so, or -ENOMEM. */
static int look(const struct invocation *inv, const struct wait_goal *goal, mono_t deadline,
	char why[static WAIT_WHY_LEN])
{
	uint64_t left_ms = mono_elapsed_us(clock_mono(), deadline) / US_PER_MS;
	struct report report;

	/* Even with no time left one honest question is asked. */
	left_ms = left_ms < POLL_MS ? POLL_MS : left_ms;
	int r = ask_status(inv->run_dir, goal->part,
		left_ms < ASK_TIMEOUT_MS ? (int)left_ms : ASK_TIMEOUT_MS, &report);
	if (r == 0 && !wait_reached(goal, &report, why))
		r = -EAGAIN;
	report_done(&report);
	return r;
}

int wait_run(const struct invocation *inv)
{
	mono_t deadline = mono_add_s(clock_mono(), (uint64_t)inv->timeout_s);
	char why[WAIT_WHY_LEN] = "out of memory";
	struct wait_goal goal;
	int r;

	if (!inv->wait_for || wait_parse(inv->wait_for, &goal) < 0) {
		fputs("vpnctl: wait needs --for tunnel=NAME, --for prefix=PREFIX or --for nat\n",
			stderr);
		return EXIT_USAGE;
	}
	while ((r = look(inv, &goal, deadline, why)) == -EAGAIN &&
		mono_before(clock_mono(), deadline))
		nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
	if (r == 0)
		return EXIT_WELL;
	fprintf(stderr, "vpnctl: after %d s %s is %s\n", inv->timeout_s, inv->wait_for, why);
	return EXIT_FAILED;
}
