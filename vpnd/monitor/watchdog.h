/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the engine's loop, which moves the packets, still goes round. It is asked once a second;
 * one that leaves WATCHDOG_MISSES questions in a row unanswered hangs. Questions are counted, not
 * time, so that a machine that was suspended blames nobody. Each answer is passed on to the service
 * manager (sd_notify WATCHDOG=1), which so watches both processes.
 */
#ifndef VPND_MONITOR_WATCHDOG_H
#define VPND_MONITOR_WATCHDOG_H

typedef struct sd_event sd_event;
struct watchdog;

enum { WATCHDOG_MISSES = 5 };

struct watchdog_upcalls {
	void (*ask)(void *arg);   /* ask the engine; watchdog_answered follows, or not */
	void (*hangs)(void *arg); /* it did not answer; called once until watchdog_begin */
};

/* Returns 0 with *out, at rest, or a negative errno. `upcalls` is borrowed for life. */
int watchdog_new(
	sd_event *event, const struct watchdog_upcalls *upcalls, void *arg, struct watchdog **out);
void watchdog_free(struct watchdog *w); /* NULL is fine */

/* An engine works from now on. */
void watchdog_begin(struct watchdog *w);

/* There is none any more. NULL is fine. */
void watchdog_rest(struct watchdog *w);

/* It answered. */
void watchdog_answered(struct watchdog *w);

#endif
