/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/nat_guard.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "natd/ruleset.h"
#include "netlink/nft.h"
#include "netlink/nft_own.h"

#define QUERY_S 60 /* RFC 5508 REQ-2 */

static const struct nft_own_timeout queries[] = {
	{RULESET_QUERIES4, AF_INET, IPPROTO_ICMP, QUERY_S},
	{RULESET_QUERIES6, AF_INET6, IPPROTO_ICMPV6, QUERY_S},
};

struct nat_guard {
	struct nft_own *own;
	struct nft *nft;
	bool brief; /* this kernel's tables do not outlive their owner, which is `nft` then */
	char *text; /* what it was filled by; NULL: it may not be there */
};

int nat_guard_new(struct nat_guard **out)
{
	struct nat_guard *guard = calloc(1, sizeof(*guard));
	int r;

	if (!guard)
		return -ENOMEM;
	r = nft_own_new(RULESET_GUARD, &guard->own);
	if (r == 0)
		r = nft_new(&guard->nft);
	if (r < 0) {
		nat_guard_free(guard);
		return r;
	}
	*out = guard;
	return 0;
}

void nat_guard_free(struct nat_guard *guard)
{
	if (!guard)
		return;
	nft_free(guard->nft);
	nft_own_free(guard->own);
	free(guard->text);
	free(guard);
}

/* Made empty, filled while it is nobody's, and taken. */
static int install_lasting(struct nat_guard *guard, const char *text, char *why, size_t whylen)
{
	int r = nft_own_open(guard->own, queries, sizeof(queries) / sizeof(queries[0]));

	if (r == 0)
		r = nft_run(guard->nft, text, why, whylen);
	else
		snprintf(why, whylen, "cannot make it: %s", strerror(-r));
	if (r < 0) {
		nft_own_remove(guard->own);
		return r;
	}
	r = nft_own_take(guard->own);
	if (r < 0)
		snprintf(why, whylen, "cannot take it: %s", strerror(-r));
	return r;
}

/* Nobody else can have changed one that is filled by the same text. */
static bool is_installed(const struct nat_guard *guard, const char *text)
{
	return guard->text && strcmp(guard->text, text) == 0;
}

static int install(struct nat_guard *guard, const struct natd_conf *conf, char *why, size_t whylen)
{
	_cleanup_free_ char *text = NULL;
	int r = ruleset_guard_new(conf, guard->brief, &text);

	if (r < 0) {
		snprintf(why, whylen, "%s", strerror(-r));
		return r;
	}
	if (is_installed(guard, text))
		return 0;
	free(guard->text);
	guard->text = NULL;
	if (guard->brief)
		r = nft_run(guard->nft, text, why, whylen);
	else
		r = install_lasting(guard, text, why, whylen);
	if (r == 0)
		guard->text = cleanup_take(text);
	return r;
}

int nat_guard_install(
	struct nat_guard *guard, const struct natd_conf *conf, char *why, size_t whylen)
{
	int r = install(guard, conf, why, whylen);

	if (r == 0 || guard->brief)
		return r;
	log_debug("no guard that outlives natd: %s", why);
	guard->brief = true;
	return install(guard, conf, why, whylen);
}

void nat_guard_remove(struct nat_guard *guard)
{
	free(guard->text);
	guard->text = NULL;
	nft_own_remove(guard->own);
}
