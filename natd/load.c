/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "natd/listing_diff.h"
#include "natd/replace.h"
#include "natd/ruleset.h"
#include "netlink/nft.h"

#define _cleanup_listing_ __attribute__((cleanup(listing_freep)))

/* The kernel's table taken apart. Returns 0, -ENOENT, or another negative errno. */
static int read_table(struct nft *nft, struct listing **out, char *why, size_t whylen)
{
	_cleanup_free_ char *text = NULL;
	int r = nft_list(nft, RULESET_FAMILY, RULESET_TABLE, &text, why, whylen);

	if (r < 0)
		return r;
	r = listing_parse(text, out);
	if (r < 0)
		snprintf(why, whylen, "cannot read what nft lists: %s", strerror(-r));
	return r;
}

int load_verify(struct nft *nft, const struct listing *wanted, enum load_state *state, char *why,
	size_t whylen)
{
	_cleanup_listing_ struct listing *found = NULL;
	int r = read_table(nft, &found, why, whylen);

	if (r == -ENOENT) {
		snprintf(why, whylen, "table " RULESET_FAMILY " " RULESET_TABLE " is missing");
		*state = LOAD_MISSING;
		return 0;
	}
	if (r < 0)
		return r;
	*state = listing_equal(wanted, found, why, whylen) ? LOAD_VERIFIED : LOAD_DIFFERS;
	return 0;
}

/* Replace with all memory kept. -EINVAL if the kernel or nft said no to that. */
static int replace_kindly(struct nft *nft, const char *ruleset, const struct listing *wanted,
	char *why, size_t whylen)
{
	_cleanup_listing_ struct listing *found = NULL;
	_cleanup_free_ char *text = NULL;
	int r = read_table(nft, &found, why, whylen);

	if (r < 0 && r != -ENOENT)
		return r;
	if (found && listing_equal(wanted, found, why, whylen))
		return 0;
	r = replace_new(ruleset, wanted, found, &text);
	if (r < 0) {
		snprintf(why, whylen, "%s", strerror(-r));
		return r;
	}
	return nft_run(nft, text, why, whylen);
}

/*
 * The kind way fails if somebody changes the table in between, or has put something into it that
 * cannot be removed piece by piece.
 */
static int replace(struct nft *nft, const char *ruleset, const struct listing *wanted, char *why,
	size_t whylen)
{
	_cleanup_free_ char *text = NULL;
	int r = replace_kindly(nft, ruleset, wanted, why, whylen);

	if (r != -EINVAL)
		return r;
	log_debug("replacing the table as a whole: %s", why);
	r = replace_all(ruleset, &text);
	if (r < 0) {
		snprintf(why, whylen, "%s", strerror(-r));
		return r;
	}
	return nft_run(nft, text, why, whylen);
}

int load_ruleset(struct nft *nft, const char *ruleset, const struct listing *wanted, char *why,
	size_t whylen)
{
	enum load_state state;
	int r = replace(nft, ruleset, wanted, why, whylen);

	if (r == 0)
		r = load_verify(nft, wanted, &state, why, whylen);
	if (r == 0 && state != LOAD_VERIFIED)
		r = -EBADMSG;
	return r;
}

int load_diff(struct nft *nft, const struct listing *wanted, FILE *f, char *why, size_t whylen)
{
	_cleanup_listing_ struct listing *found = NULL;
	const struct listing nothing = {0};
	int r = read_table(nft, &found, why, whylen);

	if (r < 0 && r != -ENOENT)
		return r;
	return listing_diff(f, found ? found : &nothing, wanted);
}

int load_has(struct nft *nft, const char *head, char *why, size_t whylen)
{
	_cleanup_listing_ struct listing *found = NULL;
	int r = read_table(nft, &found, why, whylen);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return listing_find(found, head) != NULL;
}

bool load_is_claimed(struct nft *nft)
{
	_cleanup_free_ char *guard = NULL;
	char why[256];

	return nft_list(nft, RULESET_FAMILY, RULESET_GUARD, &guard, why, sizeof(why)) == 0 &&
	       strstr(guard, "flags owner");
}

int load_remove(struct nft *nft, char *why, size_t whylen)
{
	return nft_run(nft,
		"add table " RULESET_FAMILY " " RULESET_TABLE "\n"
		"delete table " RULESET_FAMILY " " RULESET_TABLE "\n",
		why, whylen);
}
