/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/crypto.h"
#include "vpnd/proto/tai64n.h"

enum { V4_HEADER = 20, LABEL_STEP_NS = 1 << 24 };

/* splitmix64: small, seeded, and the same everywhere. */
static uint64_t next_random(struct world *w)
{
	uint64_t z = (w->random += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t world_random(struct world *w, uint64_t n)
{
	return next_random(w) % n;
}

static void random_bytes(void *arg, void *out, size_t len)
{
	struct world_host *host = arg;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)next_random(host->world);
}

static void timestamp(void *arg, uint8_t out[static TIMESTAMP_LEN])
{
	struct world_host *host = arg;
	uint64_t ns = ++host->label * LABEL_STEP_NS;

	tai64n_label(out, 1000 + (int64_t)(ns / 1000000000), (uint32_t)(ns % 1000000000));
}

static void on_event(void *arg, struct peer *peer, enum device_event event)
{
	struct world_host *host = arg;

	(void)peer;
	host->events[event]++;
}

static void fly(struct world_host *from, const uint8_t *bytes, size_t len)
{
	struct world *w = from->world;
	struct world_datagram *d = NULL;

	for (size_t i = 0; i < WORLD_IN_FLIGHT && !d; i++)
		if (!w->flight[i].used)
			d = &w->flight[i];
	if (!d || len > sizeof(d->bytes))
		abort();
	if (d == &w->flight[w->flying])
		w->flying++;
	d->used = true;
	d->to = !from->number;
	d->len = len;
	d->path = (struct path){.remote = from->endpoint};
	d->at = mono_add_us(w->now,
		w->wire.delay_us + (w->wire.jitter_us ? world_random(w, w->wire.jitter_us) : 0));
	memcpy(d->bytes, bytes, len);
	if (world_random(w, 1000) < w->wire.corrupt)
		d->bytes[world_random(w, len)] ^= (uint8_t)(1 + world_random(w, 255));
}

static void transmit(struct world_host *from, const void *bytes, size_t len)
{
	struct world *w = from->world;
	uint8_t type = *(const uint8_t *)bytes;

	from->sent[type]++;
	if (w->wire.cut || world_random(w, 1000) < w->wire.loss)
		return;
	fly(from, bytes, len);
	if (world_random(w, 1000) < w->wire.duplicate)
		fly(from, bytes, len);
}

static void send(void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	struct world_host *from = arg;
	const struct world_host *to = &from->world->hosts[!from->number];

	(void)class;
	if (addr_equal(&path->remote.addr, &to->endpoint.addr))
		transmit(from, bytes, len);
	else
		from->sent[*(const uint8_t *)bytes]++; /* there is nobody else */
}

static const struct device_upcalls UPCALLS = {
	.send = send,
	.random = random_bytes,
	.timestamp = timestamp,
	.event = on_event,
};

static void make_identity(struct world_host *host)
{
	random_bytes(host, host->private_key, sizeof(host->private_key));
	key_clamp(host->private_key);
	crypto_dh_public(host->public_key, host->private_key);
	host->endpoint = (struct endpoint){
		.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, (uint8_t)(1 + host->number)}},
		.port = 51820,
	};
}

static void bring_up(struct world *w, int number)
{
	struct world_host *host = &w->hosts[number], *other = &w->hosts[!number];
	uint8_t seed[16];
	struct prefix inner = {
		.addr = {.family = ADDR_V4, .bytes = {10, (uint8_t)!number, 0, 0}},
		.len = 16,
	};

	random_bytes(host, seed, sizeof(seed));
	host->guard = guard_new(seed);
	host->device = device_new(&UPCALLS, host, host->guard);
	device_set_private_key(host->device, host->private_key, w->now);
	if (!host->guard || !host->device ||
		device_peer_add(host->device, other->public_key, &host->peer) ||
		peer_allow(host->peer, &inner))
		abort();
	peer_set_endpoint(host->peer, &other->endpoint);
	device_set_up(host->device, true, w->now);
}

struct world *world_new(uint64_t seed, bool preshared)
{
	struct world *w = calloc(1, sizeof(*w));
	uint8_t key[KEY_LEN] = {42};

	if (!w)
		abort();
	printf("seed %llu\n", (unsigned long long)seed);
	w->random = seed;
	w->now = (mono_t){1000 * US_PER_S};
	w->wire.delay_us = 5000;
	for (int i = 0; i < 2; i++) {
		w->hosts[i].world = w;
		w->hosts[i].number = i;
		make_identity(&w->hosts[i]);
	}
	for (int i = 0; i < 2; i++) {
		bring_up(w, i);
		if (preshared)
			peer_set_preshared_key(w->hosts[i].peer, key);
	}
	return w;
}

static void take_down(struct world_host *host)
{
	device_free(host->device);
	guard_free(host->guard);
}

void world_free(struct world *w)
{
	for (int i = 0; i < 2; i++)
		take_down(&w->hosts[i]);
	free(w);
}

void world_restart(struct world *w, int host)
{
	take_down(&w->hosts[host]);
	bring_up(w, host);
}

static void make_inner(struct world *w, int host, uint8_t *ip, size_t len)
{
	ip[0] = 0x45;
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	memcpy(ip + 12, (uint8_t[]){10, (uint8_t)host, 0, 1, 10, (uint8_t)!host, 0, 1}, 8);
	w->sequence++;
	memcpy(ip + V4_HEADER, &w->sequence, sizeof(w->sequence));
}

bool world_probe(struct world *w, int host, size_t len)
{
	uint8_t room[PACKET_HEADROOM + WORLD_DATAGRAM + PACKET_TAILROOM] = {0};
	struct packet packet = {.data = room + PACKET_HEADROOM, .len = len};

	make_inner(w, host, packet.data, len);
	device_seal_probe(w->hosts[host].device, w->hosts[host].peer, &packet, WORLD_MTU, w->now);
	if (packet.verdict != PACKET_FORWARD)
		return false;
	transmit(&w->hosts[host], packet.data, packet.len);
	return true;
}

void world_send(struct world *w, int host, size_t len)
{
	uint8_t room[PACKET_HEADROOM + WORLD_DATAGRAM + PACKET_TAILROOM] = {0};
	struct packet packet = {.data = room + PACKET_HEADROOM, .len = len};

	make_inner(w, host, packet.data, len);
	device_seal_batch(w->hosts[host].device, &packet, 1, WORLD_MTU, w->now);
	if (packet.verdict == PACKET_FORWARD)
		transmit(&w->hosts[host], packet.data, packet.len);
}

static void arrive(struct world *w, struct world_datagram *d)
{
	struct world_host *host = &w->hosts[d->to];
	struct packet packet = {.data = d->bytes, .len = d->len, .path = d->path};
	uint32_t sequence;

	device_open_batch(host->device, &packet, 1, w->now);
	d->used = false;
	if (packet.verdict != PACKET_FORWARD)
		return;
	memcpy(&sequence, packet.data + V4_HEADER, sizeof(sequence));
	host->delivered++;
	if (sequence < host->newest_sequence)
		host->backwards++;
	else
		host->newest_sequence = sequence;
}

static struct world_datagram *next_arrival(struct world *w)
{
	struct world_datagram *first = NULL;

	while (w->flying && !w->flight[w->flying - 1].used)
		w->flying--;
	for (size_t i = 0; i < w->flying; i++)
		if (w->flight[i].used && (!first || mono_before(w->flight[i].at, first->at)))
			first = &w->flight[i];
	return first;
}

void world_run_us(struct world *w, uint64_t span_us)
{
	mono_t end = mono_add_us(w->now, span_us);

	for (;;) {
		struct world_datagram *d = next_arrival(w);
		mono_t timers = mono_min(
			device_deadline(w->hosts[0].device), device_deadline(w->hosts[1].device));
		mono_t next = d ? mono_min(timers, d->at) : timers;

		if (mono_before(end, next))
			break;
		if (mono_before(w->now, next))
			w->now = next;
		if (d && !mono_before(timers, d->at)) {
			arrive(w, d);
			continue;
		}
		device_tick(w->hosts[0].device, w->now);
		device_tick(w->hosts[1].device, w->now);
	}
	w->now = end;
}

void world_run_s(struct world *w, uint64_t span_s)
{
	world_run_us(w, span_s * US_PER_S);
}
