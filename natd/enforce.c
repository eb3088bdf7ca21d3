/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/enforce.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "natd/active.h"
#include "natd/nat_guard.h"
#include "natd/natd.h"
#include "natd/ruleset.h"
#include "netlink/nft_watch.h"

#define RETRY_US (100 * US_PER_MS) /* after a repair that failed */

void enforce_look(struct natd *natd)
{
	int r = load_verify(natd->nft, natd->active->wanted, &natd->ruleset, natd->ruleset_why,
		sizeof(natd->ruleset_why));

	if (r < 0)
		natd->ruleset = LOAD_DIFFERS; /* not known to be right is not right */
}

int enforce_install(struct natd *natd, const struct active *active)
{
	int r = load_ruleset(natd->nft, active->ruleset, active->wanted, natd->ruleset_why,
		sizeof(natd->ruleset_why));

	if (r == 0)
		natd->ruleset = LOAD_VERIFIED;
	return r;
}

/* The ruleset does its work without; what is lost is cover for the moment of a stranger's flush. */
void enforce_guard(struct natd *natd)
{
	char why[NATD_WHY_SIZE];

	if (nat_guard_install(natd->guard, natd->active->conf, why, sizeof(why)) < 0)
		log_warn("no guard for when others flush the ruleset: %s", why);
}

static void retry_later(struct natd *natd)
{
	sd_event_source_set_time_relative(natd->retry, RETRY_US);
	sd_event_source_set_enabled(natd->retry, SD_EVENT_ONESHOT);
}

static void restore(struct natd *natd, const char *who, mono_t began)
{
	char cause[NATD_WHY_SIZE];
	mono_t ended;

	snprintf(cause, sizeof(cause), "%s", natd->ruleset_why);
	if (enforce_install(natd, natd->active) < 0) {
		log_warn_limited(&natd->repair_limit, clock_mono(),
			"changed by %s: %s; cannot restore the ruleset yet: %s", who, cause,
			natd->ruleset_why);
		enforce_look(natd);
		retry_later(natd);
		return;
	}
	ended = clock_mono();
	log_warn_limited(&natd->repair_limit, ended,
		"changed by %s: %s; ruleset restored in %" PRIu64 " us", who, cause,
		mono_elapsed_us(began, ended));
}

void enforce_repair(struct natd *natd, const char *who)
{
	mono_t began = clock_mono();

	enforce_look(natd);
	if (natd->ruleset != LOAD_VERIFIED)
		restore(natd, who, began);
	natd_judge(natd);
}

static void on_table_changed(const struct nft_change *change, void *arg)
{
	char who[64];

	if (change->pid)
		snprintf(who, sizeof(who), "%s (process %u)", change->process, change->pid);
	else
		snprintf(who, sizeof(who), "an unknown process");
	enforce_repair(arg, who);
}

static int on_retry(sd_event_source *source, uint64_t us, void *arg)
{
	(void)source;
	(void)us;
	enforce_repair(arg, "an unknown process");
	return 0;
}

int enforce_watch(struct natd *natd)
{
	int r = sd_event_add_time_relative(
		natd->event, &natd->retry, CLOCK_BOOTTIME, RETRY_US, 1, on_retry, natd);

	if (r >= 0)
		r = sd_event_source_set_enabled(natd->retry, SD_EVENT_OFF);
	if (r >= 0)
		r = nft_watch_new(natd->event, RULESET_TABLE, on_table_changed, natd, &natd->watch);
	return r < 0 ? r : 0;
}
