/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vpnd/monitor/backoff.h"
#include "vpnd/monitor/lookup.h"

enum {
	RUNNING_MAX = 16, /* processes at once */
	ROUND_MAX_S = 60, /* longest time between the rounds over all addresses */
	LOOKUP_TIMEOUT_S = 20,
};
#define CROWDED_US (250 * US_PER_MS)

/* A name that a peer is reached by. */
struct name {
	struct name *next;
	struct resolve *resolve;
	uint32_t slot;
	uint8_t public_key[KEY_LEN];
	char *host;
	uint16_t port;
	bool silent; /* the peer does not answer */
	mono_t last; /* when an address was told */
	struct rotation rotation;
	struct backoff backoff; /* of lookups that find nothing */
	struct backoff rounds;  /* of addresses that do not help */
	struct lookup *lookup;  /* NULL: none runs */
	sd_event_source *timer; /* until the next lookup, or for the one that runs */
	sd_event_source *io;    /* its answer */
};

struct resolve {
	sd_event *event;
	uid_t uid;
	gid_t gid;
	resolve_done_fn done;
	void *arg;
	struct name *names;
	unsigned int running;
};

static void arm(struct name *n, uint64_t delay_us)
{
	sd_event_source_set_time_relative(n->timer, delay_us);
	sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT);
}

static void end_lookup(struct name *n)
{
	if (!n->lookup)
		return;
	n->io = sd_event_source_disable_unref(n->io);
	lookup_free(n->lookup);
	n->lookup = NULL;
	n->resolve->running--;
}

/* Tell the next address, and if that is needed, be ready to tell another. */
static void tell(struct name *n, const struct lookup_answer *answer)
{
	struct resolve *r = n->resolve;
	struct endpoint next;
	bool last;

	n->last = clock_mono();
	backoff_reset(&n->backoff);
	next = *rotation_next(&n->rotation, answer->endpoints, answer->n, &last);
	next.port = n->port;
	if (n->silent)
		arm(n, last ? backoff_next_us(&n->rounds) : RESOLVE_TRY_S * US_PER_S);
	else
		sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
	r->done(r->arg, n->slot, n->public_key, &next, "");
}

static void finish(struct name *n, const struct lookup_answer *answer)
{
	struct resolve *r = n->resolve;

	end_lookup(n);
	if (answer->n > 0) {
		tell(n, answer);
		return;
	}
	arm(n, backoff_next_us(&n->backoff));
	r->done(r->arg, n->slot, n->public_key, NULL, answer->reason);
}

static void fail(struct name *n, const char *reason)
{
	struct lookup_answer answer = {0};

	snprintf(answer.reason, sizeof(answer.reason), "%s", reason);
	finish(n, &answer);
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct name *n = arg;
	struct lookup_answer answer;

	(void)source;
	(void)fd;
	(void)events;
	if (lookup_read(n->lookup, &answer) < 0)
		fail(n, "the lookup ended without an answer");
	else
		finish(n, &answer);
	return 0;
}

static int start(struct name *n)
{
	struct resolve *r = n->resolve;
	int e = lookup_new(n->host, n->port, r->uid, r->gid, &n->lookup);

	if (e < 0)
		return e;
	r->running++;
	e = sd_event_add_io(
		r->event, &n->io, lookup_fd(n->lookup), EPOLLIN | EPOLLHUP, on_answer, n);
	arm(n, LOOKUP_TIMEOUT_S * US_PER_S);
	return e;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct name *n = arg;
	int e = 0;

	(void)source;
	(void)usec;
	if (!n->silent && mono_is_set(n->last) && !n->lookup)
		return 0; /* it answers after all */
	if (n->lookup)
		fail(n, "no answer from the name servers");
	else if (n->resolve->running >= RUNNING_MAX)
		arm(n, CROWDED_US);
	else
		e = start(n);
	if (e < 0)
		fail(n, strerror(-e));
	return 0;
}

static void free_name(struct name *n)
{
	end_lookup(n);
	sd_event_source_disable_unref(n->timer);
	free(n->host);
	free(n);
}

static struct name *find(struct resolve *r, uint32_t slot, const uint8_t *public_key)
{
	struct name *n = r->names;

	while (n && (n->slot != slot || memcmp(n->public_key, public_key, KEY_LEN) != 0))
		n = n->next;
	return n;
}

static int add(struct resolve *r, uint32_t slot, const uint8_t *public_key, const char *host,
	uint16_t port)
{
	struct name *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	*n = (struct name){.resolve = r,
		.slot = slot,
		.port = port,
		.host = strdup(host),
		.backoff = BACKOFF_INIT(US_PER_S, 2 * US_PER_S, 60 * US_PER_S),
		.rounds = BACKOFF_INIT(RESOLVE_TRY_S * US_PER_S, 2 * RESOLVE_TRY_S * US_PER_S,
			ROUND_MAX_S * US_PER_S)};
	memcpy(n->public_key, public_key, KEY_LEN);
	if (!n->host || sd_event_add_time_relative(r->event, &n->timer, CLOCK_MONOTONIC, 0,
				1 * US_PER_MS, on_timer, n) < 0) {
		free_name(n);
		return -ENOMEM;
	}
	n->next = r->names;
	r->names = n;
	return 0;
}

int resolve_want(struct resolve *r, uint32_t slot, const uint8_t public_key[static KEY_LEN],
	const char *host, uint16_t port)
{
	return find(r, slot, public_key) ? 0 : add(r, slot, public_key, host, port);
}

void resolve_state(
	struct resolve *r, uint32_t slot, const uint8_t public_key[static KEY_LEN], bool answers)
{
	struct name *n = find(r, slot, public_key);
	uint64_t tried_us;

	if (!n || n->silent == !answers)
		return;
	n->silent = !answers;
	if (answers) {
		/* The next time it is silent, this address is the last one to be tried again. */
		backoff_reset(&n->rounds);
		return;
	}
	if (n->lookup || !mono_is_set(n->last))
		return; /* what is under way will tell */
	tried_us = mono_elapsed_us(n->last, clock_mono());
	arm(n, tried_us < RESOLVE_TRY_S * US_PER_S ? RESOLVE_TRY_S * US_PER_S - tried_us : 0);
}

void resolve_interrupt(struct resolve *r)
{
	for (struct name *n = r->names; n; n = n->next) {
		if (!n->lookup)
			continue;
		end_lookup(n);
		arm(n, 0);
	}
}

void resolve_forget(struct resolve *r, uint32_t slot)
{
	for (struct name **at = &r->names; *at;) {
		struct name *n = *at;

		if (n->slot != slot) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		free_name(n);
	}
}

int resolve_new(sd_event *event, uid_t uid, gid_t gid, resolve_done_fn done, void *arg,
	struct resolve **out)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct resolve){
		.event = sd_event_ref(event), .uid = uid, .gid = gid, .done = done, .arg = arg};
	*out = r;
	return 0;
}

void resolve_free(struct resolve *r)
{
	if (!r)
		return;
	while (r->names) {
		struct name *n = r->names;

		r->names = n->next;
		free_name(n);
	}
	sd_event_unref(r->event);
	free(r);
}
