/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many handshakes a second one core can answer, and how many its X25519 operations alone would
 * allow.
 *
 *     handshakes SECONDS
 *
 * One responder and many initiators, all devices of the protocol core, on a clock that runs as slow
 * as it must for the responder never to think itself under load. In each round every initiator
 * begins, gets its response and confirms with its first packet. Only the responder's part is timed,
 * by the CPU time of the thread: initiation to response, the confirmation, and its timers.
 *
 * The X25519 operations are counted where the core calls the library for them (the linker wraps
 * both functions), and timed by themselves in every round. Prints one line of JSON.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/key.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/guard.h"
#include "vpnd/proto/peer.h"
#include "vpnd/proto/tai64n.h"

enum {
	INITIATORS = 512,
	CHUNK = 64,           /* datagrams that the responder gets at once */
	CHUNK_MS = 2 * CHUNK, /* so that GUARD_MESSAGES are not reached */
	ROUND_S = REKEY_TIMEOUT_S + 1,
	DATAGRAM = 256,
	RESPONDER = INITIATORS, /* its number among the ends */
};

struct datagram {
	uint8_t bytes[DATAGRAM];
	size_t len; /* 0: none */
};

struct end {
	struct world *world;
	struct device *device;
	struct peer *peer; /* an initiator's only one */
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	struct endpoint endpoint;
};

/* What was spent on handshakes. */
struct spent {
	uint64_t shared, public; /* X25519 with any point, and with the base point */
	double cpu_s;
};

struct world {
	mono_t now;
	struct guard *theirs, *ours;
	struct end ends[INITIATORS + 1];
	struct datagram mail[INITIATORS]; /* between the responder and each initiator */
	struct spent spent;               /* by the responder */
};

static struct spent operations; /* since the program began; the time is not kept */

int __real_crypto_scalarmult_curve25519(uint8_t *q, const uint8_t *n, const uint8_t *p);
int __real_crypto_scalarmult_curve25519_base(uint8_t *q, const uint8_t *n);
int __wrap_crypto_scalarmult_curve25519(uint8_t *q, const uint8_t *n, const uint8_t *p);
int __wrap_crypto_scalarmult_curve25519_base(uint8_t *q, const uint8_t *n);

int __wrap_crypto_scalarmult_curve25519(uint8_t *q, const uint8_t *n, const uint8_t *p)
{
	operations.shared++;
	return __real_crypto_scalarmult_curve25519(q, n, p);
}

int __wrap_crypto_scalarmult_curve25519_base(uint8_t *q, const uint8_t *n)
{
	operations.public ++;
	return __real_crypto_scalarmult_curve25519_base(q, n);
}

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "handshakes: %s\n", what);
	exit(1);
}

/* CPU time of this thread, in seconds. */
static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void send(void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	struct end *from = arg;
	struct world *w = from->world;
	size_t number = (size_t)(from - w->ends);
	struct datagram *d = &w->mail[number == RESPONDER ? path->remote.port - 1U : number];

	(void)class;
	must(len <= sizeof(d->bytes), "a datagram that is none of a handshake");
	memcpy(d->bytes, bytes, len);
	d->len = len;
}

static void fill(void *arg, void *out, size_t len)
{
	(void)arg;
	randombytes_buf(out, len);
}

static void timestamp(void *arg, uint8_t out[static TIMESTAMP_LEN])
{
	const struct end *end = arg;
	uint64_t us = end->world->now.us;

	tai64n_label(out, (int64_t)(us / US_PER_S), (uint32_t)(us % US_PER_S * 1000));
}

static void ignore(void *arg, struct peer *peer, enum device_event event)
{
	(void)arg;
	(void)peer;
	(void)event;
}

static const struct device_upcalls UPCALLS = {
	.send = send,
	.random = fill,
	.timestamp = timestamp,
	.event = ignore,
};

static void make_end(struct world *w, size_t number, struct guard *guard)
{
	struct end *end = &w->ends[number];

	end->world = w;
	end->endpoint = (struct endpoint){
		.addr = {.family = ADDR_V4,
			.bytes = {10, 0, (uint8_t)(number >> 8), (uint8_t)number}},
		.port = (uint16_t)(number + 1),
	};
	randombytes_buf(end->private_key, KEY_LEN);
	key_clamp(end->private_key);
	crypto_dh_public(end->public_key, end->private_key);
	end->device = device_new(&UPCALLS, end, guard);
	must(end->device, "no memory");
	device_set_private_key(end->device, end->private_key, w->now);
	device_set_up(end->device, true, w->now);
}

static void join(struct world *w, size_t number)
{
	struct end *initiator = &w->ends[number], *responder = &w->ends[RESPONDER];
	struct peer *peer;

	must(!device_peer_add(initiator->device, responder->public_key, &initiator->peer) &&
			!device_peer_add(responder->device, initiator->public_key, &peer),
		"no memory");
	peer_set_endpoint(initiator->peer, &responder->endpoint);
}

static struct world *make_world(void)
{
	struct world *w = calloc(1, sizeof(*w));
	uint8_t seed[16];

	must(w, "no memory");
	w->now = (mono_t){1000 * US_PER_S};
	randombytes_buf(seed, sizeof(seed));
	w->theirs = guard_new(seed);
	w->ours = guard_new(seed);
	must(w->theirs && w->ours, "no memory");
	for (size_t i = 0; i < INITIATORS; i++)
		make_end(w, i, w->theirs);
	make_end(w, RESPONDER, w->ours);
	for (size_t i = 0; i < INITIATORS; i++)
		join(w, i);
	return w;
}

static void free_world(struct world *w)
{
	for (size_t i = 0; i <= INITIATORS; i++)
		device_free(w->ends[i].device);
	guard_free(w->theirs);
	guard_free(w->ours);
	free(w);
}

/* Move what a chunk of initiators sent into packets for the responder. */
static void collect(
	struct world *w, size_t first, struct datagram taken[CHUNK], struct packet packets[CHUNK])
{
	for (size_t i = 0; i < CHUNK; i++) {
		taken[i] = w->mail[first + i];
		w->mail[first + i].len = 0;
		packets[i] = (struct packet){.data = taken[i].bytes,
			.len = taken[i].len,
			.path = {.remote = w->ends[first + i].endpoint}};
	}
}

/* The responder takes what all initiators sent; what that costs goes into w->spent. */
static void take_all(struct world *w, enum packet_verdict wanted)
{
	struct device *responder = w->ends[RESPONDER].device;
	struct datagram taken[CHUNK];
	struct packet packets[CHUNK];

	for (size_t first = 0; first < INITIATORS; first += CHUNK) {
		struct spent before = operations;

		collect(w, first, taken, packets);
		before.cpu_s = cpu_s();
		device_open_batch(responder, packets, CHUNK, w->now);
		if (!mono_before(w->now, device_deadline(responder)))
			device_tick(responder, w->now);
		w->spent.cpu_s += cpu_s() - before.cpu_s;
		w->spent.shared += operations.shared - before.shared;
		w->spent.public += operations.public - before.public;
		for (size_t i = 0; i < CHUNK; i++)
			must(packets[i].verdict == wanted, packet_verdict_name(packets[i].verdict));
		w->now = mono_add_ms(w->now, CHUNK_MS);
	}
}

/* The initiators take their responses, and confirm. */
static void answer_all(struct world *w)
{
	for (size_t i = 0; i < INITIATORS; i++) {
		struct datagram got = w->mail[i];
		struct packet packet = {.data = got.bytes,
			.len = got.len,
			.path = {.remote = w->ends[RESPONDER].endpoint}};

		device_open_batch(w->ends[i].device, &packet, 1, w->now);
		must(packet.verdict == PACKET_HANDSHAKE, "a response was refused");
		w->now = mono_add_ms(w->now, CHUNK_MS / CHUNK);
	}
}

/* A handshake of every initiator. */
static void run_round(struct world *w)
{
	w->now = mono_add_s(w->now, ROUND_S);
	for (size_t i = 0; i < INITIATORS; i++)
		peer_handshake(w->ends[i].peer, w->now);
	take_all(w, PACKET_HANDSHAKE);
	answer_all(w);
	take_all(w, PACKET_KEEPALIVE);
}

/* CPU seconds of INITIATORS operations with any point, and with the base point. */
static double time_shared(const struct world *w)
{
	uint8_t out[KEY_LEN];
	double start = cpu_s();

	for (size_t i = 0; i < INITIATORS; i++)
		must(crypto_dh(out, w->ends[RESPONDER].private_key, w->ends[i].public_key),
			"a key of low order");
	return cpu_s() - start;
}

static double time_public(const struct world *w)
{
	uint8_t out[KEY_LEN];
	double start = cpu_s();

	for (size_t i = 0; i < INITIATORS; i++)
		crypto_dh_public(out, w->ends[i].private_key);
	return cpu_s() - start;
}

static void print(const struct spent *spent, double handshakes, double shared_s, double public_s)
{
	double shared = (double)spent->shared / handshakes;
	double public = (double)spent->public / handshakes;
	double each = spent->cpu_s / handshakes, alone = shared * shared_s + public * public_s;

	printf("{\"per_s\": %.0f, \"x25519_alone_per_s\": %.0f, \"of_x25519\": %.4f, "
	       "\"us\": %.2f, \"shared\": %g, \"shared_us\": %.2f, \"public\": %g, "
	       "\"public_us\": %.2f}\n",
		1 / each, 1 / alone, alone / each, each * 1e6, shared, shared_s * 1e6, public,
		public_s * 1e6);
}

int main(int argc, char **argv)
{
	double wanted_s = argc == 2 ? atof(argv[1]) : 0;
	double shared_s = 0, public_s = 0, handshakes = 0;
	struct world *w;

	if (wanted_s <= 0) {
		fputs("usage: handshakes SECONDS\n", stderr);
		return 2;
	}
	must(sodium_init() >= 0, "libsodium does not start");
	w = make_world();
	run_round(w); /* to warm up */
	w->spent = (struct spent){0};
	while (w->spent.cpu_s < wanted_s) {
		run_round(w);
		shared_s += time_shared(w);
		public_s += time_public(w);
		handshakes += INITIATORS;
	}
	must(w->spent.shared, "the core computes X25519 by other functions than are counted here");
	print(&w->spent, handshakes, shared_s / handshakes, public_s / handshakes);
	free_world(w);
	return 0;
}
