/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is undone in the moment in which it is repaired, in a network namespace of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/log.h"
#include "netlink/model.h"
#include "vpnd/monitor/reconcile.h"

#define PATIENCE_US (30 * US_PER_S)
#define FLUSH "ip route flush proto 71"
#define IS_THERE "ip route show type unreachable | grep -q 10.241.0.0/16"

static unsigned int repairs;

static bool observed(void *arg, const struct nl_state *state)
{
	(void)arg, (void)state;
	return false;
}

static int want(void *arg, const struct nl_state *state, struct nl_state *wanted)
{
	struct nl_route guard = {.table = NL_TABLE_MAIN,
		.metric = 7,
		.type = NL_ROUTE_UNREACHABLE,
		.protocol = NL_PROTO_GATEHOUSE};

	(void)arg, (void)state;
	assert_int_equal(prefix_parse("10.241.0.0/16", true, &guard.dst), 0);
	return model_put_route(wanted, &guard) < 0 ? -1 : 0;
}

static bool in_our_place(void *arg, const struct nl_route *route)
{
	(void)arg, (void)route;
	return false;
}

/* Called when the step is done, amidst the pass: the first time another program is at work. */
static void repaired(void *arg, const char *step, unsigned int more)
{
	(void)arg, (void)step, (void)more;
	if (repairs++ == 0)
		assert_int_equal(system(FLUSH), 0);
}

static void rerouted(void *arg)
{
	(void)arg;
}

static void settled(void *arg, const struct nl_state *state)
{
	(void)arg, (void)state;
}

static void what_is_undone_while_it_is_repaired_is_repaired_again(void **state)
{
	static const struct reconcile_upcalls upcalls = {
		observed, want, in_our_place, repaired, rerouted, settled};
	mono_t until = mono_add_us(clock_mono(), PATIENCE_US);
	struct reconcile *r;
	sd_event *event;

	(void)state;
	assert_true(sd_event_new(&event) >= 0);
	assert_int_equal(reconcile_new(event, &upcalls, NULL, &r), 0);
	assert_int_equal(reconcile_now(r), 0);
	assert_int_equal(system(IS_THERE), 0);
	assert_int_equal(system(FLUSH), 0);
	while ((repairs == 0 || system(IS_THERE) != 0) && mono_before(clock_mono(), until))
		assert_true(sd_event_run(event, 10000) >= 0);
	assert_int_equal(system(IS_THERE), 0);
	assert_int_equal(repairs, 2);
	reconcile_free(r);
	sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_undone_while_it_is_repaired_is_repaired_again),
	};

	if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0) {
		puts("skipped: only root has a network of his own");
		return 0;
	}
	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
