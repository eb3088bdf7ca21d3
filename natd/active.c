/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/active.h"

#include <errno.h>
#include <stdlib.h>

#include "natd/ruleset.h"

int active_drain(struct active *active, bool draining)
{
	struct listing *wanted;
	char *ruleset;
	int r = ruleset_new(active->conf, draining, &ruleset);

	if (r < 0)
		return r;
	r = listing_parse(ruleset, &wanted);
	if (r < 0) {
		free(ruleset);
		return r;
	}
	listing_free(active->wanted);
	free(active->ruleset);
	active->wanted = wanted;
	active->ruleset = ruleset;
	active->draining = draining;
	return 0;
}

int active_load(const char *path, bool draining, struct active **out, struct conf_errors *errors)
{
	struct active *active = calloc(1, sizeof(*active));
	int r;

	if (!active)
		return -ENOMEM;
	r = natd_conf_load(path, &active->conf, errors);
	if (r == 0)
		r = natd_conf_hash(active->conf, active->hash);
	if (r == 0)
		r = active_drain(active, draining);
	if (r < 0) {
		active_free(active);
		return r;
	}
	*out = active;
	return 0;
}

void active_free(struct active *active)
{
	if (!active)
		return;
	listing_free(active->wanted);
	free(active->ruleset);
	natd_conf_free(active->conf);
	free(active);
}

void active_freep(struct active **active)
{
	active_free(*active);
}
