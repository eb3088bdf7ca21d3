/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/trouble.h"

#include <assert.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

static void count(struct trouble_count *c, mono_t now)
{
	if (!trouble_is_fresh(c, now))
		*c = (struct trouble_count){.since = now};
	c->times++;
	c->newest = now;
}

bool trouble_is_fresh(const struct trouble_count *c, mono_t now)
{
	return c->times && !mono_expired_s(c->newest, TROUBLE_FRESH_S, now);
}

void trouble_refused(struct trouble *trouble, int error, mono_t now)
{
	/* A full buffer passes, and a size that is too large was only tried. */
	if (error == EAGAIN || error == ENOBUFS || error == EMSGSIZE)
		return;
	count(&trouble->refused, now);
	trouble->error = error;
}

void trouble_reported(struct trouble *trouble, const struct errqueue_icmp *icmp, mono_t now)
{
	/* Of a peer that has another endpoint now, those about the old one do not count. */
	if (!endpoint_equal(&trouble->icmp.to, &icmp->to))
		trouble->reported = (struct trouble_count){0};
	count(&trouble->reported, now);
	trouble->icmp = *icmp;
}

static enum trouble_kind kind_v4(const struct errqueue_icmp *icmp)
{
	if (icmp->type == ICMP_TIME_EXCEEDED)
		return TROUBLE_LOOP;
	if (icmp->type != ICMP_DEST_UNREACH)
		return TROUBLE_OTHER;
	switch (icmp->code) {
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
		return TROUBLE_NO_NET;
	case ICMP_HOST_UNREACH:
	case ICMP_HOST_UNKNOWN:
		return TROUBLE_NO_HOST;
	case ICMP_PORT_UNREACH:
	case ICMP_PROT_UNREACH:
		return TROUBLE_NO_PORT;
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
		return TROUBLE_FORBIDDEN;
	}
	return TROUBLE_OTHER;
}

static enum trouble_kind kind_v6(const struct errqueue_icmp *icmp)
{
	enum { POLICY = 5, REJECTED = 6 }; /* RFC 4443 section 3.1 */

	if (icmp->type == ICMP6_TIME_EXCEEDED)
		return TROUBLE_LOOP;
	if (icmp->type != ICMP6_DST_UNREACH)
		return TROUBLE_OTHER;
	switch (icmp->code) {
	case ICMP6_DST_UNREACH_NOROUTE:
	case REJECTED:
		return TROUBLE_NO_NET;
	case ICMP6_DST_UNREACH_ADDR:
		return TROUBLE_NO_HOST;
	case ICMP6_DST_UNREACH_NOPORT:
		return TROUBLE_NO_PORT;
	case ICMP6_DST_UNREACH_ADMIN:
	case POLICY:
		return TROUBLE_FORBIDDEN;
	}
	return TROUBLE_OTHER;
}

enum trouble_kind trouble_kind(const struct errqueue_icmp *icmp)
{
	return icmp->from.family == ADDR_V6 ? kind_v6(icmp) : kind_v4(icmp);
}

const char *trouble_kind_name(enum trouble_kind kind)
{
	static const char *const names[] = {
		[TROUBLE_NO_NET] = "network unreachable",
		[TROUBLE_NO_HOST] = "host unreachable",
		[TROUBLE_NO_PORT] = "port unreachable",
		[TROUBLE_FORBIDDEN] = "administratively prohibited",
		[TROUBLE_LOOP] = "time exceeded",
		[TROUBLE_OTHER] = "error",
	};
	static_assert(sizeof(names) / sizeof(*names) == TROUBLE_KINDS, "a name for every kind");

	return names[kind];
}
