/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the kernel at what is wanted: compares with what netlink observes, carries out the
 * difference, and does so again whenever something changed, whoever changed it.
 */
#ifndef VPND_MONITOR_RECONCILE_H
#define VPND_MONITOR_RECONCILE_H

#include "base/mono.h"
#include "netlink/model.h"

typedef struct sd_event sd_event;
struct reconcile;

struct reconcile_upcalls {
	/*
	 * The kernel's state may have changed; called at start and end of each pass. Returns true
	 * if it changed more itself, by other means than netlink.
	 */
	bool (*observed)(void *arg, const struct nl_state *state);
	/*
	 * Put into `wanted` (empty) what should be. Returns 0 or a negative errno. NULL: nothing in
	 * the kernel is to be touched, only observed.
	 */
	int (*want)(void *arg, const struct nl_state *state, struct nl_state *wanted);
	/* True for a stranger's route that may sit where one of ours should. */
	bool (*in_our_place)(void *arg, const struct nl_route *route);
	/* `step` put right what another program changed; `more` others before it were not told. */
	void (*repaired)(void *arg, const char *step, unsigned int more);
	/* The kernel may route otherwise now, within a pass or not, whoever's doing it is. */
	void (*rerouted)(void *arg);
	/* A pass is over: this is what the kernel has now. */
	void (*settled)(void *arg, const struct nl_state *state);
};

/* Start to observe. Returns 0 or a negative errno. `upcalls` is borrowed for life. */
int reconcile_new(sd_event *event, const struct reconcile_upcalls *upcalls, void *arg,
	struct reconcile **out);
void reconcile_free(struct reconcile *r);

/*
 * What is wanted has changed: bring the kernel there now. Not from within an upcall; there use
 * reconcile_soon. Returns 0, or the first error, which is logged, and tried again in a second.
 */
int reconcile_now(struct reconcile *r);

/* The same, from the event loop, as soon as it comes round. */
void reconcile_soon(struct reconcile *r);

/*
 * What is wanted may be another thing then, although nothing changes: bring the kernel there as
 * soon as it comes to that. Replaces what was asked before; MONO_NEVER: not at all.
 */
void reconcile_at(struct reconcile *r, mono_t when);

/* Another pass in a second: something that is none of ours to repair here is not as it should be.
 */
void reconcile_later(struct reconcile *r);

struct reconcile_counters {
	uint64_t repairs;  /* steps that put right what others changed */
	uint64_t overruns; /* the kernel told more than we could read */
	uint64_t resyncs;  /* its tables were read anew for that, and other reasons */
};
struct reconcile_counters reconcile_counters(const struct reconcile *r);

/* Dump the kernel's tables again: `in_our_place` has changed. Returns 0 or a negative errno. */
int reconcile_resync(struct reconcile *r);

#endif
