/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two devices and the wire between them, on a clock that only the test moves. The wire loses,
 * delays, duplicates, reorders and corrupts as told, from a seed that is printed.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mono.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/guard.h"
#include "vpnd/proto/peer.h"

enum { WORLD_IN_FLIGHT = 4096, WORLD_DATAGRAM = 2048, WORLD_MTU = 1420 };

struct world_wire {
	unsigned int loss, duplicate, corrupt; /* of 1000 datagrams */
	uint64_t delay_us, jitter_us;          /* jitter reorders */
	bool cut;                              /* nothing arrives */
};

struct world_datagram {
	bool used;
	mono_t at;
	int to; /* host */
	struct path path;
	size_t len;
	uint8_t bytes[WORLD_DATAGRAM];
};

struct world_host {
	struct world *world;
	int number; /* 0 or 1 */
	struct guard *guard;
	struct device *device;
	struct peer *peer;        /* the other one */
	struct endpoint endpoint; /* where it sends from */
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	uint64_t label;                        /* of the newest timestamp, in steps */
	unsigned int events[EVENT_LOOPED + 1]; /* by enum device_event */
	unsigned int sent[5];                  /* datagrams by message type */
	unsigned int delivered;                /* inner packets that came out */
	uint32_t newest_sequence;              /* of what came out */
	unsigned int backwards;                /* inner packets that came out after a later one */
};

struct world {
	mono_t now;
	uint64_t random;
	struct world_wire wire;
	struct world_host hosts[2];
	struct world_datagram flight[WORLD_IN_FLIGHT];
	size_t flying; /* none is used from here on */
	uint32_t sequence;
};

/* Two hosts that know each other, both up. Prints the seed. `preshared` adds a preshared key. */
struct world *world_new(uint64_t seed, bool preshared);
void world_free(struct world *w);

/* Forget one host's sessions and device, as a restart does; its keys and its peer stay. */
void world_restart(struct world *w, int host);

/* Send one inner packet of `len` bytes (28 at least) from a host to the other. */
void world_send(struct world *w, int host, size_t len);

/* The same as a probe, which waits for no session: false if there is none. */
bool world_probe(struct world *w, int host, size_t len);

/* Let time pass: datagrams arrive and timers run in their order. */
void world_run_us(struct world *w, uint64_t span_us);
void world_run_s(struct world *w, uint64_t span_s);

/* Uniform below `n`. */
uint64_t world_random(struct world *w, uint64_t n);

#endif
