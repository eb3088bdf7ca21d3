/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps natd's ruleset in force, whoever changes it. */
#ifndef NATD_ENFORCE_H
#define NATD_ENFORCE_H

struct active;
struct natd;

/* Find out what the kernel has: into natd->ruleset, with natd->ruleset_why. */
void enforce_look(struct natd *natd);

/*
 * Put a ruleset into the place of what the kernel has. Returns 0, or a negative errno with the
 * reason in natd->ruleset_why; then what is in force is to be looked at.
 */
int enforce_install(struct natd *natd, const struct active *active);

/* Put the guard of natd->active in the place of the one before, or warn that there is none. */
void enforce_guard(struct natd *natd);

/* Compare kernel and config, bring the kernel back if they differ, and judge. */
void enforce_repair(struct natd *natd, const char *who);

/* From now on repair whatever others change, at once. Returns 0 or a negative errno. */
int enforce_watch(struct natd *natd);

#endif
