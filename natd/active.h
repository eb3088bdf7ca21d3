/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A config together with all that is made of it: everything that can fail before the kernel. */
#ifndef NATD_ACTIVE_H
#define NATD_ACTIVE_H

#include "natd/conf.h"
#include "natd/listing.h"

struct active {
	struct natd_conf *conf;
	char hash[NATD_CONF_HASH_STRLEN];
	bool draining;          /* part of the ruleset, not of the config */
	char *ruleset;          /* the text for nft */
	struct listing *wanted; /* the same, to compare the kernel with */
};

/*
 * Read a config and make its ruleset. The caller frees *out. Returns 0, or a negative errno; errors
 * then tells what is wrong with the file, if that is the cause.
 */
int active_load(const char *path, bool draining, struct active **out, struct conf_errors *errors);

/* Make the ruleset that drains, or that does not. Returns 0, or -ENOMEM with nothing changed. */
int active_drain(struct active *active, bool draining);
void active_free(struct active *active);
void active_freep(struct active **active); /* for __attribute__((cleanup)) */

#endif
