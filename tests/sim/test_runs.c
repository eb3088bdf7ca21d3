/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of a run are looked up once. Two worlds of one seed live through the same, one with runs
 * and one without: whatever can be seen of them must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "tests/sim/world.h"
#include "vpnd/proto/session.h"

enum { MOST = 48, KEPT = 64, STRIDE = 2048, ROUNDS = 400, HEADER = 20 };

/* A world, the packets under way in it, and old datagrams that may come once more. */
struct twin {
	struct world *w;
	bool runs;
	struct packet packets[MOST];
	uint8_t bytes[MOST][STRIDE];
	size_t count;
	uint8_t kept[KEPT][STRIDE];
	size_t kept_len[KEPT], kept_count;
};

/* What happens is decided once, for both. */
static uint64_t dice_state;

static uint64_t dice(uint64_t n)
{
	dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
	return (dice_state >> 33) % n;
}

static void make_inner(uint8_t *ip, size_t len, int from, uint32_t sequence)
{
	memset(ip, 0, len);
	ip[0] = 0x45;
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	memcpy(ip + 12, (uint8_t[]){10, (uint8_t)from, 0, 1, 10, (uint8_t)!from, 0, 1}, 8);
	memcpy(ip + HEADER, &sequence, sizeof(sequence));
}

static void seal_run(struct twin *t, int from, size_t count, const size_t *lens)
{
	t->count = count;
	for (size_t i = 0; i < count; i++) {
		uint8_t *data = t->bytes[i] + PACKET_HEADROOM;

		make_inner(data, lens[i], from, (uint32_t)i);
		t->packets[i] =
			(struct packet){.data = data, .len = lens[i], .follows = t->runs && i > 0};
	}
	device_seal_batch(t->w->hosts[from].device, t->packets, count, WORLD_MTU, t->w->now);
}

static void open_run(struct twin *t, int from)
{
	for (size_t i = 0; i < t->count; i++) {
		t->packets[i].path = (struct path){.remote = t->w->hosts[from].endpoint};
		t->packets[i].follows = t->runs && i > 0;
	}
	device_open_batch(t->w->hosts[!from].device, t->packets, t->count, t->w->now);
}

/* --- what the wire does, the same in both
 * ---------------------------------------------------------
 */

struct mishap {
	enum { NOTHING, CORRUPT, DUPLICATE, OLD } what;
	size_t at, which;
};

static struct mishap draw_mishap(const struct twin *t)
{
	struct mishap m = {.what = dice(4), .at = dice(t->count)};

	if (m.what == OLD && !t->kept_count)
		m.what = NOTHING;
	m.which = m.what == OLD ? dice(t->kept_count) : dice(t->count);
	return m;
}

static void put(struct packet *packet, uint8_t *room, const uint8_t *bytes, size_t len)
{
	memmove(room, bytes, len);
	*packet = (struct packet){.data = room, .len = len};
}

static void befall(struct twin *t, const struct mishap *m)
{
	struct packet *packet = &t->packets[m->at];
	const struct packet *other = m->what == DUPLICATE ? &t->packets[m->which] : packet;

	switch (m->what) {
	case NOTHING:
		break;
	case CORRUPT:
		packet->data[packet->len / 2] ^= 1;
		break;
	case DUPLICATE:
		put(packet, t->bytes[m->at], other->data, other->len);
		break;
	case OLD:
		put(packet, t->bytes[m->at], t->kept[m->which], t->kept_len[m->which]);
		break;
	}
}

/* Only datagrams go on; some are kept for later. */
static void drop_unsealed(struct twin *t, size_t keep)
{
	size_t n = 0;

	for (size_t i = 0; i < t->count; i++)
		if (t->packets[i].verdict == PACKET_FORWARD)
			t->packets[n++] = t->packets[i];
	t->count = n;
	if (n && keep < n) {
		size_t slot = t->kept_count % KEPT;

		memcpy(t->kept[slot], t->packets[keep].data, t->packets[keep].len);
		t->kept_len[slot] = t->packets[keep].len;
		t->kept_count += t->kept_count < KEPT;
	}
}

/* --- what must be the same ---------------------------------------------------------------------
 */

static void same_packets(const struct twin *a, const struct twin *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->packets[i].verdict, b->packets[i].verdict);
		assert_int_equal(a->packets[i].len, b->packets[i].len);
		assert_int_equal(a->packets[i].class, b->packets[i].class);
		assert_memory_equal(a->packets[i].data, b->packets[i].data, a->packets[i].len);
	}
}

static void same_host(const struct world_host *a, const struct world_host *b)
{
	struct peer_info x, y;

	peer_info(a->peer, &x, a->world->now);
	peer_info(b->peer, &y, b->world->now);
	assert_memory_equal(&x.path, &y.path, sizeof(x.path));
	assert_int_equal(x.handshaking, y.handshaking);
	assert_int_equal(x.has_session, y.has_session);
	assert_int_equal(x.last_session.us, y.last_session.us);
	assert_int_equal(x.last_received.us, y.last_received.us);
	assert_int_equal(x.rx_bytes, y.rx_bytes);
	assert_int_equal(x.tx_bytes, y.tx_bytes);
	assert_int_equal(x.rx_packets, y.rx_packets);
	assert_int_equal(x.tx_packets, y.tx_packets);
	assert_int_equal(device_deadline(a->device).us, device_deadline(b->device).us);
	assert_memory_equal(a->events, b->events, sizeof(a->events));
	assert_memory_equal(a->sent, b->sent, sizeof(a->sent));
	assert_memory_equal(device_verdict_counts(a->device), device_verdict_counts(b->device),
		PACKET_VERDICTS * sizeof(uint64_t));
}

static void same(const struct twin *a, const struct twin *b)
{
	same_packets(a, b);
	for (int host = 0; host < 2; host++)
		same_host(&a->w->hosts[host], &b->w->hosts[host]);
}

static void play_round(struct twin twins[static 2])
{
	static const uint64_t PAUSES_US[] = {0, 1000, US_PER_S, 11 * US_PER_S, 40 * US_PER_S};
	uint64_t pause = PAUSES_US[dice(sizeof(PAUSES_US) / sizeof(PAUSES_US[0]))];
	size_t lens[MOST], count = 1 + dice(MOST), keep = dice(MOST);
	struct mishap mishaps[3];
	int from = (int)dice(2);

	for (size_t i = 0; i < count; i++)
		lens[i] = HEADER + 4 + dice(WORLD_MTU - HEADER - 3);
	for (int i = 0; i < 2; i++)
		seal_run(&twins[i], from, count, lens);
	same(&twins[0], &twins[1]);
	for (int i = 0; i < 2; i++)
		drop_unsealed(&twins[i], keep);
	for (size_t i = 0; twins[0].count && i < 3; i++) {
		mishaps[i] = draw_mishap(&twins[0]);
		befall(&twins[0], &mishaps[i]);
		befall(&twins[1], &mishaps[i]);
	}
	for (int i = 0; i < 2; i++)
		open_run(&twins[i], from);
	same(&twins[0], &twins[1]);
	for (int i = 0; i < 2; i++)
		world_run_us(twins[i].w, pause);
}

static void runs_change_nothing_but_the_effort(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : randombytes_random();
	struct twin *twins = calloc(2, sizeof(*twins));

	(void)state;
	assert_non_null(twins);
	dice_state = seed;
	for (int i = 0; i < 2; i++)
		twins[i].w = world_new(seed, false);
	twins[1].runs = true;
	for (int i = 0; i < ROUNDS; i++)
		play_round(twins);
	/* It was no empty play: sessions came and went. */
	assert_true(twins[0].w->hosts[0].events[EVENT_SESSION] > 3);
	for (int i = 0; i < 2; i++)
		world_free(twins[i].w);
	free(twins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_change_nothing_but_the_effort),
	};

	return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
