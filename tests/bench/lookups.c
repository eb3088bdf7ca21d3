/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What it costs to find a packet's peer by its inner address, among many.
 *
 *     lookups PEERS
 *
 * Each peer has one IPv4 and one IPv6 address of its own. The addresses that are looked up come in
 * random order, so that the caches help no more than they do a busy gateway. Prints one line of
 * JSON: nanoseconds a lookup in each family, and bytes of heap a peer.
 */
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/peer.h"

enum {
	LOOKUPS = 1 << 20, /* different ones, all at hand before the clock starts */
	PEERS_MAX = 1000000,
};

static void fill(void *arg, void *out, size_t len)
{
	(void)arg;
	randombytes_buf(out, len);
}

static void send(void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	(void)arg, (void)path, (void)class, (void)bytes, (void)len;
}

static void timestamp(void *arg, uint8_t out[static TIMESTAMP_LEN])
{
	(void)arg;
	memset(out, 0, TIMESTAMP_LEN);
}

static void ignore(void *arg, struct peer *peer, enum device_event event)
{
	(void)arg, (void)peer, (void)event;
}

static const struct device_upcalls UPCALLS = {send, fill, timestamp, ignore};

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "lookups: %s\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* The address of peer `number`: 10/8, or fd10::/96 with the same end. */
static struct addr address(enum addr_family family, uint32_t number)
{
	struct addr addr = {.family = family};
	uint8_t *end = addr.bytes + (family == ADDR_V4 ? 1 : 13);

	addr.bytes[0] = family == ADDR_V4 ? 10 : 0xfd;
	for (int i = 0; i < 3; i++)
		end[i] = (uint8_t)(number >> (16 - 8 * i));
	return addr;
}

static void add_peer(struct device *device, uint32_t number)
{
	static const enum addr_family FAMILIES[] = {ADDR_V4, ADDR_V6};
	uint8_t key[KEY_LEN];
	struct peer *peer;

	randombytes_buf(key, sizeof(key));
	must(!device_peer_add(device, key, &peer), "no memory");
	for (size_t i = 0; i < 2; i++) {
		struct prefix prefix = {
			.addr = address(FAMILIES[i], number), .len = addr_bits(FAMILIES[i])};

		must(!peer_allow(peer, &prefix), "no memory");
	}
}

static double time_family(const struct device *device, enum addr_family family, uint32_t peers)
{
	_cleanup_free_ struct addr *wanted = calloc(LOOKUPS, sizeof(*wanted));
	size_t missed = 0;
	double start;

	must(wanted, "no memory");
	for (size_t i = 0; i < LOOKUPS; i++)
		wanted[i] = address(family, randombytes_uniform(peers));
	start = now_ns();
	for (size_t i = 0; i < LOOKUPS; i++)
		missed += !device_owner(device, &wanted[i]);
	start = now_ns() - start;
	must(missed == 0, "a peer was not found");
	return start / LOOKUPS;
}

int main(int argc, char **argv)
{
	uint32_t peers = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	struct device *device;
	size_t before;

	if (peers == 0 || peers > PEERS_MAX) {
		fputs("usage: lookups PEERS\n", stderr);
		return 2;
	}
	must(sodium_init() >= 0, "libsodium does not start");
	device = device_new(&UPCALLS, NULL, NULL);
	must(device, "no memory");
	before = mallinfo2().uordblks;
	for (uint32_t i = 0; i < peers; i++)
		add_peer(device, i);
	printf("{\"heap\": %zu, ", (mallinfo2().uordblks - before) / peers);
	printf("\"v4_ns\": %.1f, ", time_family(device, ADDR_V4, peers));
	printf("\"v6_ns\": %.1f}\n", time_family(device, ADDR_V6, peers));
	device_free(device);
	return 0;
}
