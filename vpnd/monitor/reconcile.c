/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pass reads all that netlink has to say, compares, applies, and reads again, until nothing is
 * left to do. The kernel queues nearly all messages on a change before it answers the request for
 * it, so that a pass sees its own effects; for those it does not see yet (IPv6 addresses take a
 * moment) it knows its steps by heart. What else it finds different is somebody else's doing. That
 * is put right at once. Where another program insists, the time between repairs grows, from
 * REPAIR_FIRST_US to REPAIR_LONGEST_US, and shrinks again once there was peace for PEACE_US.
 */
#include "vpnd/monitor/reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "netlink/apply.h"
#include "netlink/diff.h"
#include "netlink/observe.h"

#define REPAIR_FIRST_US (50 * US_PER_MS)
#define REPAIR_LONGEST_US (800 * US_PER_MS)
#define PEACE_US (5 * US_PER_S)
#define RETRY_US US_PER_S

enum {
	ROUNDS_MAX = 4, /* of one pass; more would be a fight with ourselves */
	LINES_PER_MINUTE = 30,
	PLAN_LINES_PER_MINUTE = 5000, /* a config may have thousands of routes */
};

struct reconcile {
	sd_event_source *timer, *wake;
	struct observe *observe;
	struct apply *apply;
	const struct reconcile_upcalls *upcalls;
	void *arg;
	bool planned; /* the next pass carries out a plan, it does not repair */
	bool in_pass;
	bool doubtful;        /* that the newest pass has reached what is wanted */
	mono_t last;          /* pass that changed something */
	uint64_t interval_us; /* from that to the next repair */
	uint64_t n_repairs;   /* steps */
	uint64_t overruns;    /* as counted last */
	struct log_limit plans, repairs, told, failures;
	char *problems; /* as logged last; NULL: none */
};

static void arm(struct reconcile *r, uint64_t delay_us)
{
	sd_event_source_set_time_relative(r->timer, delay_us);
	sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static bool is_due_within(const struct reconcile *r, uint64_t delay_us)
{
	uint64_t due_us, now_us;

	return sd_event_source_get_enabled(r->timer, NULL) > 0 &&
	       sd_event_source_get_time(r->timer, &due_us) >= 0 &&
	       sd_event_now(sd_event_source_get_event(r->timer), CLOCK_MONOTONIC, &now_us) >= 0 &&
	       due_us <= now_us + delay_us;
}

static void report(const struct diff_op *op, int error, const char *line, void *arg)
{
	struct reconcile *r = arg;
	mono_t now = clock_mono();
	unsigned int more;

	(void)op;
	if (error < 0)
		log_line_limited(&r->failures, now, LOG_LEVEL_ERR, "cannot %s", line);
	else if (r->planned)
		log_info_limited(&r->plans, now, "%s", line);
	else {
		r->n_repairs++;
		log_warn_limited(
			&r->repairs, now, "repaired what another program changed: %s", line);
		if (log_allowed(&r->told, now, &more))
			r->upcalls->repaired(r->arg, line, more);
	}
}

/* A repair is due: soon after the last one it is a fight, in which nobody gains by haste. */
static void note_repair(struct reconcile *r, mono_t now)
{
	if (mono_elapsed_us(r->last, now) > PEACE_US) {
		r->interval_us = REPAIR_FIRST_US;
		return;
	}
	if (r->interval_us >= REPAIR_LONGEST_US)
		return;
	r->interval_us *= 2;
	if (r->interval_us >= REPAIR_LONGEST_US)
		log_warn("another program undoes what is repaired, again and again: it is repaired "
			 "every %llu ms until that ends",
			(unsigned long long)(REPAIR_LONGEST_US / US_PER_MS));
}

/* Log what cannot be had, once until it changes. */
static void report_problems(struct reconcile *r, const struct diff *d)
{
	char line[DIFF_LINE_SIZE], *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	for (size_t i = 0; i < d->n_problems; i++)
		fprintf(f, "%s%s", i ? "; " : "",
			diff_describe_problem(&d->problems[i], observe_state(r->observe), line));
	fclose(f);
	if (text && d->n_problems > 0 && (!r->problems || strcmp(text, r->problems) != 0))
		log_warn("cannot %s", text);
	free(r->problems);
	r->problems = d->n_problems > 0 ? cleanup_take(text) : NULL;
	free(text);
}

/* True if both consist of the same steps. */
static bool same_steps(const struct reconcile *r, const struct diff *a, const struct diff *b)
{
	char a_line[DIFF_LINE_SIZE], b_line[DIFF_LINE_SIZE];
	const struct nl_state *names = observe_state(r->observe);

	if (!a || a->n_ops != b->n_ops)
		return false;
	for (size_t i = 0; i < a->n_ops; i++)
		if (strcmp(diff_describe_op(&a->ops[i], names, a_line),
			    diff_describe_op(&b->ops[i], names, b_line)) != 0)
			return false;
	return true;
}

static int compare(struct reconcile *r, struct diff **out)
{
	__attribute__((cleanup(model_freep))) struct nl_state *wanted = model_new();
	const struct nl_state *state = observe_state(r->observe);
	int e = wanted ? r->upcalls->want(r->arg, state, wanted) : -ENOMEM;

	return e < 0 ? e : diff_new(wanted, state, out);
}

/*
 * Compare and apply once. `last` is what the round before did, and becomes what this one does.
 * Returns 1 if it did anything, 0 if there was nothing to do, or a negative errno.
 */
static int round_once(struct reconcile *r, struct diff **last)
{
	__attribute__((cleanup(diff_freep))) struct diff *d = NULL;
	int e = compare(r, &d);

	if (e < 0)
		return e;
	report_problems(r, d);
	/* Not seen yet, or undone already: what tells us of that was read in this pass. */
	r->doubtful = same_steps(r, *last, d) && d->n_ops > 0;
	if (d->n_ops == 0 || r->doubtful)
		return 0;
	if (!r->planned && !*last)
		note_repair(r, clock_mono());
	e = apply_diff(r->apply, d, observe_state(r->observe), report, r, NULL);
	r->last = clock_mono();
	observe_read(r->observe);
	diff_free(*last);
	*last = cleanup_take(d);
	return e < 0 ? e : 1;
}

static int reach_wanted(struct reconcile *r)
{
	__attribute__((cleanup(diff_freep))) struct diff *last = NULL;
	int e = 1;

	for (int i = 0; e > 0 && i < ROUNDS_MAX; i++)
		e = round_once(r, &last);
	r->doubtful |= e > 0;
	return e < 0 ? e : 0;
}

static int pass(struct reconcile *r)
{
	int e = 0;

	r->in_pass = true;
	observe_read(r->observe);
	if (r->upcalls->observed(r->arg, observe_state(r->observe)))
		observe_read(r->observe);
	if (r->upcalls->want)
		e = reach_wanted(r);
	r->upcalls->observed(r->arg, observe_state(r->observe));
	r->upcalls->settled(r->arg, observe_state(r->observe));
	r->in_pass = false;
	if (e >= 0)
		r->planned = false; /* a plan that failed goes on when it is tried again */
	/* What could not be read is not known to be as it should be. */
	if (e < 0 || observe_stale(r->observe))
		arm(r, RETRY_US);
	else if (r->doubtful)
		arm(r, r->interval_us);
	return e;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	pass(arg);
	return 0;
}

static int on_wake(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	reconcile_now(arg);
	return 0;
}

/* From within the observer, where nothing may be applied yet. A plan does not wait for a repair. */
static void on_changed(struct observe *o, void *arg)
{
	struct reconcile *r = arg;
	uint64_t since = mono_elapsed_us(r->last, clock_mono());
	uint64_t wait_us = since < r->interval_us ? r->interval_us - since : 0;

	(void)o;
	if (!r->in_pass && !is_due_within(r, wait_us))
		arm(r, wait_us);
}

static void on_heard(void *arg)
{
	struct reconcile *r = arg;
	uint64_t overruns = observe_counters(r->observe)->overruns;

	r->upcalls->rerouted(r->arg);
	if (overruns == r->overruns)
		return;
	r->overruns = overruns; /* also if nothing of ours was hit: a pass tells of it */
	if (!r->in_pass)
		arm(r, 0);
}

static bool keep_route(const struct nl_route *route, void *arg)
{
	const struct reconcile *r = arg;

	return r->upcalls->in_our_place(r->arg, route);
}

static int start(struct reconcile *r, sd_event *event)
{
	const struct observe_config config = {
		.changed = on_changed, .heard = on_heard, .keep_route = keep_route, .arg = r};
	int e = sd_event_add_time_relative(
		event, &r->timer, CLOCK_MONOTONIC, 0, 1 * US_PER_MS, on_timer, r);

	if (e >= 0)
		e = sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
	if (e >= 0)
		e = sd_event_add_time_relative(
			event, &r->wake, CLOCK_MONOTONIC, 0, 1 * US_PER_MS, on_wake, r);
	if (e >= 0)
		e = sd_event_source_set_enabled(r->wake, SD_EVENT_OFF);
	if (e >= 0)
		e = apply_new(&r->apply);
	if (e >= 0)
		e = observe_new(&config, &r->observe);
	return e < 0 ? e : observe_attach(r->observe, event, SD_EVENT_PRIORITY_NORMAL);
}

int reconcile_new(
	sd_event *event, const struct reconcile_upcalls *upcalls, void *arg, struct reconcile **out)
{
	struct reconcile *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	*r = (struct reconcile){.upcalls = upcalls,
		.arg = arg,
		.interval_us = REPAIR_FIRST_US,
		.plans = LOG_LIMIT_INIT(PLAN_LINES_PER_MINUTE),
		.repairs = LOG_LIMIT_INIT(LINES_PER_MINUTE),
		.told = LOG_LIMIT_INIT(LINES_PER_MINUTE),
		.failures = LOG_LIMIT_INIT(LINES_PER_MINUTE)};
	e = start(r, event);
	if (e < 0)
		reconcile_free(r);
	else
		*out = r;
	return e;
}

void reconcile_free(struct reconcile *r)
{
	if (!r)
		return;
	observe_free(r->observe);
	apply_free(r->apply);
	sd_event_source_disable_unref(r->timer);
	sd_event_source_disable_unref(r->wake);
	free(r->problems);
	free(r);
}

int reconcile_now(struct reconcile *r)
{
	r->planned = true;
	return pass(r);
}

void reconcile_soon(struct reconcile *r)
{
	r->planned = true;
	arm(r, 0);
}

void reconcile_at(struct reconcile *r, mono_t when)
{
	mono_t now = clock_mono();

	sd_event_source_set_enabled(r->wake, SD_EVENT_OFF);
	if (!mono_before(when, MONO_NEVER))
		return;
	sd_event_source_set_time_relative(r->wake, mono_elapsed_us(now, when));
	sd_event_source_set_enabled(r->wake, SD_EVENT_ONESHOT);
}

void reconcile_later(struct reconcile *r)
{
	arm(r, RETRY_US);
}

struct reconcile_counters reconcile_counters(const struct reconcile *r)
{
	const struct observe_counters *c = observe_counters(r->observe);

	return (struct reconcile_counters){
		.repairs = r->n_repairs, .overruns = c->overruns, .resyncs = c->resyncs};
}

int reconcile_resync(struct reconcile *r)
{
	return observe_sync(r->observe);
}
