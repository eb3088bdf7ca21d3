/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the program of `on_state_change`, which is given one JSON object on its standard input for
 * each change. One at a time, as a process group of its own, without privilege and descriptors, and
 * killed with all that it started when its time is over: whatever it does, vpnd goes on.
 *
 * Changes wait in a queue of at most one for each subject: a newer one takes the place of an older,
 * so that the last state is never lost, and the queue no longer than there are subjects.
 */
#ifndef VPND_MONITOR_HOOK_H
#define VPND_MONITOR_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct sd_event sd_event;
struct handover;
struct json_t;
struct hook;

struct hook_config {
	const char *path;   /* copied; NULL: none, and what waits is dropped */
	uint32_t timeout_s; /* seconds, more than 0 */
	uid_t uid;          /* as whom; root keeps CAP_NET_ADMIN, and nothing else */
	gid_t gid;
};

/* Returns 0 or a negative errno. */
int hook_new(sd_event *event, struct hook **out);
void hook_free(struct hook *h); /* kills what runs; NULL is fine */

/*
 * From now on. A program that cannot be run is no error: that is logged, here or when it comes to
 * be so, but only once, and it is looked at before each run. Returns 0 or -ENOMEM.
 */
int hook_configure(struct hook *h, const struct hook_config *config);

/*
 * Tell of a change. `subject` names what it is about (copied), `object` is consumed, NULL for want
 * of memory. Lost, with a line in the log, when memory is short or the text is longer than what a
 * pipe takes at once.
 */
void hook_tell(struct hook *h, const char *subject, struct json_t *object);

/* Tell the next monitor what runs and what waits. Returns 0 or -ENOMEM. */
int hook_hand_over(const struct hook *h, struct handover *to);

/* Take that over; the descriptor is taken out of `from`. Returns 0 or a negative errno. */
int hook_adopt(struct hook *h, struct handover *from);

#endif
