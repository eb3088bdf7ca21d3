/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of its tunnels carry a prefix, by policy and by who is up. Pure; what has to be remembered
 * from one time to the next is in struct choice.
 *
 * A tunnel that is lost is left at once. One that comes back has to stay for a hold time before it
 * is used again, unless there is no other. With failover it is then preferred to one that is worse,
 * if the policy pre-empts; with ecmp it joins.
 */
#ifndef VPND_MONITOR_CHOICE_H
#define VPND_MONITOR_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"
#include "vpnd/conf.h"

struct choice_policy {
	enum vpnd_policy policy;
	bool preempt;     /* of failover */
	uint64_t hold_us; /* how long one that came back has to be up */
	uint8_t n;        /* tunnels, best first; at most VPND_CONF_VIA_MAX */
};

/* Start with all zero: then whoever is up has been so for long. */
struct choice {
	bool known;
	uint8_t up;     /* bits: who was up when last looked at */
	uint8_t chosen; /* bits: who carries; 0: nobody, which is only so when nobody is up */
	mono_t since[VPND_CONF_VIA_MAX]; /* it has been up; mono zero: for long */
};

_Static_assert(VPND_CONF_VIA_MAX <= 8, "a bit for each");

/*
 * Look at who is up now (bits). Returns true if the choice is another one. *next (mono) is when to
 * look again although nothing has changed, or untouched.
 */
bool choice_update(
	struct choice *c, const struct choice_policy *policy, uint8_t up, mono_t now, mono_t *next);

/*
 * Who takes over if all chosen are lost, or before the first comes back when none is chosen: one
 * that is up, else any of `here` (bits); -1: nobody.
 */
int choice_backup(const struct choice *c, const struct choice_policy *policy, uint8_t here);

#endif
