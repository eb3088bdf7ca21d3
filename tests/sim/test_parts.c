/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Batches in parts, with something else in between: whatever it is, what is under way neither uses
 * what is gone nor changes what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/sim/world.h"
#include "vpnd/proto/session.h"

enum { SEED = 7, MOST = 8, LEN = 100 };

struct flight {
	struct packet packets[MOST];
	uint8_t bytes[MOST][PACKET_HEADROOM + LEN + PACKET_TAILROOM];
	size_t count;
};

static struct world *begin(void)
{
	struct world *w = world_new(SEED, false);

	for (int host = 0; host < 2; host++) {
		world_send(w, host, LEN);
		world_run_s(w, 1);
	}
	return w;
}

static void make(struct flight *f, int from, size_t count)
{
	const uint8_t header[20] = {0x45, [3] = LEN, [8] = 64, [12] = 10, (uint8_t)from, 0, 1, 10,
		(uint8_t)!from, 0, 1};

	f->count = count;
	for (size_t i = 0; i < count; i++) {
		uint8_t *data = f->bytes[i] + PACKET_HEADROOM;

		memset(data, (uint8_t)i, LEN);
		memcpy(data, header, sizeof(header));
		f->packets[i] = (struct packet){.data = data, .len = LEN};
	}
}

static void sealed(struct flight *f, struct world *w, int from, size_t count)
{
	make(f, from, count);
	device_seal_batch(w->hosts[from].device, f->packets, count, WORLD_MTU, w->now);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(f->packets[i].verdict, PACKET_FORWARD);
		f->packets[i].path = (struct path){.remote = w->hosts[from].endpoint};
	}
}

static void all_have(const struct flight *f, enum packet_verdict verdict)
{
	for (size_t i = 0; i < f->count; i++)
		assert_int_equal(f->packets[i].verdict, verdict);
}

static void remove_peer(struct world *w, int host)
{
	device_peer_remove(w->hosts[host].device, w->hosts[host].peer);
}

static void peer_that_goes_while_its_packets_are_sealed_leaves_them_whole(void **state)
{
	struct world *w = begin();
	struct flight f;

	(void)state;
	make(&f, 0, 4);
	device_seal_plan(w->hosts[0].device, f.packets, f.count, WORLD_MTU, w->now);
	remove_peer(w, 0);
	device_seal_finish(f.packets, f.count, WORLD_MTU);
	f.packets[1].stale = true; /* of a peer that there is no more */
	device_release(f.packets, f.count);
	all_have(&f, PACKET_FORWARD);
	/* The other end has the session still. */
	for (size_t i = 0; i < f.count; i++)
		f.packets[i].path = (struct path){.remote = w->hosts[0].endpoint};
	device_open_batch(w->hosts[1].device, f.packets, f.count, w->now);
	all_have(&f, PACKET_FORWARD);
	world_free(w);
}

static void nothing_comes_in_from_a_peer_that_went_while_it_was_opened(void **state)
{
	struct world *w = begin();
	struct flight f;

	(void)state;
	sealed(&f, w, 0, 4);
	device_open_plan(w->hosts[1].device, f.packets, f.count, w->now);
	remove_peer(w, 1);
	device_open_finish(f.packets, f.count);
	device_open_commit(w->hosts[1].device, f.packets, f.count, w->now);
	device_release(f.packets, f.count);
	all_have(&f, PACKET_BAD_INDEX);
	world_free(w);
}

static void device_that_goes_down_meanwhile_takes_nothing(void **state)
{
	struct world *w = begin();
	struct flight f;

	(void)state;
	sealed(&f, w, 0, 4);
	device_open_plan(w->hosts[1].device, f.packets, f.count, w->now);
	device_open_finish(f.packets, f.count);
	device_set_up(w->hosts[1].device, false, w->now);
	device_open_commit(w->hosts[1].device, f.packets, f.count, w->now);
	device_release(f.packets, f.count);
	all_have(&f, PACKET_DOWN);
	world_free(w);
}

static void copies_in_two_batches_at_once_come_in_once(void **state)
{
	struct world *w = begin();
	struct flight a, b;

	(void)state;
	sealed(&a, w, 0, 4);
	b = a;
	for (size_t i = 0; i < b.count; i++)
		b.packets[i].data = b.bytes[i] + (a.packets[i].data - a.bytes[i]);
	device_open_plan(w->hosts[1].device, a.packets, a.count, w->now);
	device_open_plan(w->hosts[1].device, b.packets, b.count, w->now);
	device_open_finish(b.packets, b.count);
	device_open_finish(a.packets, a.count);
	device_open_commit(w->hosts[1].device, a.packets, a.count, w->now);
	device_open_commit(w->hosts[1].device, b.packets, b.count, w->now);
	device_release(a.packets, a.count);
	device_release(b.packets, b.count);
	all_have(&a, PACKET_FORWARD);
	all_have(&b, PACKET_REPLAYED);
	world_free(w);
}

static void plans_take_counters_that_nobody_else_has(void **state)
{
	struct world *w = begin();
	struct flight a, b;

	(void)state;
	make(&a, 0, 3);
	make(&b, 0, 3);
	device_seal_plan(w->hosts[0].device, a.packets, a.count, WORLD_MTU, w->now);
	device_seal_plan(w->hosts[0].device, b.packets, b.count, WORLD_MTU, w->now);
	for (size_t i = 0; i < a.count; i++)
		assert_int_equal(a.packets[i].counter + a.count, b.packets[i].counter);
	device_seal_finish(b.packets, b.count, WORLD_MTU);
	device_seal_finish(a.packets, a.count, WORLD_MTU);
	device_release(a.packets, a.count);
	device_release(b.packets, b.count);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peer_that_goes_while_its_packets_are_sealed_leaves_them_whole),
		cmocka_unit_test(nothing_comes_in_from_a_peer_that_went_while_it_was_opened),
		cmocka_unit_test(device_that_goes_down_meanwhile_takes_nothing),
		cmocka_unit_test(copies_in_two_batches_at_once_come_in_once),
		cmocka_unit_test(plans_take_counters_that_nobody_else_has),
	};

	return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
