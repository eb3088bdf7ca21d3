/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes wrong on the way to a peer, remembered for as long as it explains something. */
#ifndef VPND_ENGINE_TROUBLE_H
#define VPND_ENGINE_TROUBLE_H

#include <stdbool.h>

#include "base/mono.h"
#include "vpnd/data/errqueue.h"

enum { TROUBLE_FRESH_S = 30 }; /* since it last happened: older ones explain nothing */

/* How often, and since when without a pause of TROUBLE_FRESH_S. Zero: never. */
struct trouble_count {
	unsigned int times;
	mono_t since, newest;
};

struct trouble {
	struct trouble_count refused;  /* datagrams that the kernel did not send */
	int error;                     /* the newest errno of these */
	struct trouble_count reported; /* ICMP errors */
	struct errqueue_icmp icmp;     /* the newest of these */
};

/* A datagram was not sent. `error` is a positive errno. */
void trouble_refused(struct trouble *trouble, int error, mono_t now);
/* An ICMP error came. */
void trouble_reported(struct trouble *trouble, const struct errqueue_icmp *icmp, mono_t now);

bool trouble_is_fresh(const struct trouble_count *count, mono_t now);

/* What an ICMP error says, in a few words, and what kind of error that is. */
enum trouble_kind {
	TROUBLE_NO_NET,    /* a router knows no way there */
	TROUBLE_NO_HOST,   /* the last router finds nobody there */
	TROUBLE_NO_PORT,   /* the host is there, and nobody listens */
	TROUBLE_FORBIDDEN, /* a firewall refuses it */
	TROUBLE_LOOP,      /* it went in circles */
	TROUBLE_OTHER,
	TROUBLE_KINDS,
};
enum trouble_kind trouble_kind(const struct errqueue_icmp *icmp);
/* "port unreachable"... */
const char *trouble_kind_name(enum trouble_kind kind);

#endif
