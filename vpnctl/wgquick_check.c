/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpnd.conf demands of a wg-quick file as a whole. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/wgquick.h"

enum { IPV6_MTU_MIN = 1280 }; /* bytes, RFC 8200 section 5 */

struct checker {
	const char *file;
	FILE *notes;
	struct wgquick *quick;
	int error;
};

__attribute__((format(printf, 3, 4))) static void note(
	const struct checker *checker, int line, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(checker->notes, "%s:%d: ", checker->file, line);
	vfprintf(checker->notes, format, ap);
	fputc('\n', checker->notes);
	va_end(ap);
}

/* --- what is there ------------------------------------------------------------------------------
 */

static void check_interface(struct checker *checker)
{
	const struct wgquick *quick = checker->quick;

	if (!quick->line) {
		note(checker, 1, "has no [Interface]");
		checker->error = -EINVAL;
	} else if (!quick->has_private_key) {
		note(checker, quick->line,
			"warning: has no PrivateKey; the key file is yours to make");
	}
	for (size_t i = 0; i < quick->addresses.n; i++) {
		if (!quick->mtu || quick->mtu >= IPV6_MTU_MIN ||
			quick->addresses.items[i].prefix.addr.family != ADDR_V6)
			continue;
		note(checker, quick->mtu_line, "MTU: IPv6 addresses need %d", IPV6_MTU_MIN);
		checker->error = -EINVAL;
		break;
	}
}

static void check_peers(struct checker *checker)
{
	const struct wgquick_peer *peer, *other;

	for (peer = checker->quick->peers; peer; peer = peer->next) {
		if (!peer->has_public_key) {
			note(checker, peer->line, "peer without PublicKey");
			checker->error = -EINVAL;
			continue;
		}
		for (other = checker->quick->peers; other != peer; other = other->next) {
			if (memcmp(other->public_key, peer->public_key, KEY_LEN) != 0)
				continue;
			note(checker, peer->line, "PublicKey: that of the peer in line %d",
				other->line);
			checker->error = -EINVAL;
			break;
		}
	}
}

/* --- overlaps -----------------------------------------------------------------------------------
 */

/* A prefix and whose it is. */
struct claim {
	struct wgquick_prefix *allowed;
	const struct wgquick_peer *peer;
	const struct claim *around; /* the narrowest other claim that covers this one */
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int by_prefix = prefix_compare(&x->allowed->prefix, &y->allowed->prefix);

	return by_prefix ? by_prefix : x->allowed->line - y->allowed->line;
}

static void judge(struct checker *checker, const struct claim *inner)
{
	const struct claim *outer = inner->around;
	char in[PREFIX_STRLEN], out[PREFIX_STRLEN];

	if (!outer)
		return;
	if (outer->peer == inner->peer) {
		inner->allowed->again =
			prefix_equal(&outer->allowed->prefix, &inner->allowed->prefix);
		return;
	}
	note(checker, inner->allowed->line,
		"AllowedIPs: %s overlaps %s in line %d; in vpnd.conf an address is of one peer",
		prefix_format(&inner->allowed->prefix, in),
		prefix_format(&outer->allowed->prefix, out), outer->allowed->line);
	checker->error = -EINVAL;
}

/*
 * Two prefixes overlap only if one covers the other. Sorted, what covers a prefix stands before it:
 * it is the one just before, or one of those around that.
 */
static void judge_all(struct checker *checker, struct claim *claims, size_t n)
{
	qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < n; i++) {
		const struct claim *around = &claims[i - 1];

		while (around &&
			!prefix_covers(&around->allowed->prefix, &claims[i].allowed->prefix))
			around = around->around;
		claims[i].around = around;
		judge(checker, &claims[i]);
	}
}

static void check_overlaps(struct checker *checker)
{
	_cleanup_free_ struct claim *claims = NULL;
	struct wgquick_peer *peer;
	size_t n = 0;

	for (peer = checker->quick->peers; peer; peer = peer->next)
		n += peer->allowed_ips.n;
	if (n == 0)
		return;
	claims = calloc(n, sizeof(*claims));
	if (!claims) {
		note(checker, 1, "out of memory");
		checker->error = -ENOMEM;
		return;
	}
	n = 0;
	for (peer = checker->quick->peers; peer; peer = peer->next)
		for (size_t i = 0; i < peer->allowed_ips.n; i++)
			claims[n++] = (struct claim){&peer->allowed_ips.items[i], peer, NULL};
	judge_all(checker, claims, n);
}

/* --- routes -------------------------------------------------------------------------------------
 */

bool wgquick_routed(const struct wgquick *quick, const struct wgquick_prefix *allowed)
{
	if (quick->no_routes || allowed->again || allowed->prefix.len == 0)
		return false;
	for (size_t i = 0; i < quick->addresses.n; i++)
		if (prefix_covers(&quick->addresses.items[i].prefix, &allowed->prefix))
			return false;
	return true;
}

/* Whose endpoint a route leads into the tunnel that it carries; NULL if nobody's. */
static const struct wgquick_peer *swallowed(
	const struct wgquick *quick, const struct wgquick_prefix *allowed)
{
	const struct wgquick_peer *peer = quick->peers;

	while (peer && !prefix_contains(&allowed->prefix, &peer->endpoint.address.addr))
		peer = peer->next;
	return peer;
}

static void warn_of_routes(const struct checker *checker)
{
	const struct wgquick *quick = checker->quick;

	for (const struct wgquick_peer *peer = quick->peers; peer; peer = peer->next) {
		for (size_t i = 0; i < peer->allowed_ips.n; i++) {
			const struct wgquick_prefix *allowed = &peer->allowed_ips.items[i];
			const struct wgquick_peer *lost;
			char text[PREFIX_STRLEN];

			if (allowed->prefix.len == 0 && !quick->no_routes)
				note(checker, allowed->line,
					"warning: AllowedIPs: no route is written for %s, the "
					"default route stays the uplink's; list in `routes` what "
					"the tunnel is for",
					prefix_format(&allowed->prefix, text));
			if (!wgquick_routed(quick, allowed))
				continue;
			lost = swallowed(quick, allowed);
			if (lost)
				note(checker, allowed->line,
					"warning: AllowedIPs: the route to %s covers the Endpoint "
					"in line %d, which then needs a route of its own",
					prefix_format(&allowed->prefix, text), lost->endpoint_line);
		}
	}
}

int wgquick_check(const char *file, FILE *notes, struct wgquick *quick)
{
	struct checker checker = {.file = file, .notes = notes, .quick = quick};

	check_interface(&checker);
	check_peers(&checker);
	check_overlaps(&checker);
	warn_of_routes(&checker);
	return checker.error;
}
