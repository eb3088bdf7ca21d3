/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two whole devices and a wire between them. The input is a script of operations, each a byte with
 * an argument: packets go out, datagrams arrive, are lost, repeated or changed, time passes, and
 * the configuration changes at any moment. After each step the inside of both devices must fit
 * together, and no inner packet comes out that did not go in, nor twice.
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/core.h"
#include "vpnd/proto/crypto.h"
#include "vpnd/proto/tai64n.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OPERATIONS = 256, /* of one input */
	IN_FLIGHT = 48,   /* datagrams; more push out the oldest */
	DATAGRAM = 512,   /* bytes */
	MTU = 300,
	V4_HEADER = 20,
	LABEL_STEP_NS = 1 << 24,
};

struct datagram {
	int to;
	struct path path;
	size_t len;
	uint8_t bytes[DATAGRAM];
};

struct host {
	int number;
	struct device *device;
	struct guard *guard;
	struct endpoint endpoint;
	uint64_t label;
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
};

static struct {
	mono_t now;
	uint64_t random;
	struct host hosts[2];
	struct datagram flight[IN_FLIGHT];
	size_t flying;
	uint32_t sequence; /* of the newest inner packet */
	bool arrived[OPERATIONS + 1];
} w;

static const uint8_t *script;
static size_t script_len;

static void must(bool right)
{
	if (!right)
		abort();
}

static uint8_t next_byte(void)
{
	if (!script_len)
		return 0;
	script_len--;
	return *script++;
}

/* --- what the core asks for ----------------------------------------------------------------- */

static void random_bytes(void *arg, void *out, size_t len)
{
	uint8_t *bytes = out;

	(void)arg;
	for (size_t i = 0; i < len; i++) {
		w.random = w.random * 6364136223846793005ULL + 1442695040888963407ULL;
		bytes[i] = (uint8_t)(w.random >> 56);
	}
}

static void timestamp(void *arg, uint8_t out[static TIMESTAMP_LEN])
{
	struct host *host = arg;
	uint64_t ns = ++host->label * LABEL_STEP_NS;

	tai64n_label(out, 1000 + (int64_t)(ns / 1000000000), (uint32_t)(ns % 1000000000));
}

static void lose(size_t i)
{
	memmove(&w.flight[i], &w.flight[i + 1], (--w.flying - i) * sizeof(w.flight[0]));
}

static void fly(struct host *from, const void *bytes, size_t len)
{
	struct datagram *d;

	must(len > 0 && len <= DATAGRAM);
	if (w.flying == IN_FLIGHT)
		lose(0);
	d = &w.flight[w.flying++];
	*d = (struct datagram){.to = !from->number, .len = len, .path.remote = from->endpoint};
	memcpy(d->bytes, bytes, len);
}

static void send(void *arg, const struct path *path, uint8_t class, const void *bytes, size_t len)
{
	(void)class;
	must(path->remote.addr.family != ADDR_NONE ||
		((const uint8_t *)bytes)[0] == MESSAGE_COOKIE);
	fly(arg, bytes, len);
}

static void on_event(void *arg, struct peer *peer, enum device_event event)
{
	struct host *host = arg;

	(void)event;
	must(device_peer(host->device, peer_public_key(peer)) == peer);
}

static const struct device_upcalls UPCALLS = {
	.send = send,
	.random = random_bytes,
	.timestamp = timestamp,
	.event = on_event,
};

/* --- what must always hold ------------------------------------------------------------------ */

static size_t check_session(const struct device *dev, const struct peer *peer, struct session *s)
{
	if (!s)
		return 0;
	must(s->index.index && s->index.peer == peer && s->index.session == s);
	must(index_find(&dev->indices, s->index.index) == &s->index);
	must(s->sent <= REJECT_AFTER_MESSAGES);
	must(!mono_before(w.now, s->born));
	return 1;
}

static void check_stage(const struct device *dev, const struct peer *peer)
{
	struct staged *const *at = &peer->stage.first;
	size_t count = 0;

	for (; *at; at = &(*at)->next)
		count++;
	must(count == peer->stage.count && count <= STAGED_MAX);
	if (!count)
		return;
	must(peer->stage.tail == at);
	/* What waits is sent or given up some day, or waits for word of the interface. */
	must(!dev->up || peer->remote.low_order ||
		peer->timers[TIMER_RETRANSMIT].us != MONO_NEVER.us);
}

static void check_deadline(const struct device *dev, const struct peer *peer)
{
	mono_t at = MONO_NEVER;

	for (int i = 0; i < TIMERS; i++)
		at = mono_min(at, peer->timers[i]);
	must(dev->up || at.us == MONO_NEVER.us);
	if (at.us == MONO_NEVER.us)
		return;
	must(peer->deadline.place && !mono_before(at, peer->deadline.at));
	must(dev->deadlines.nodes[peer->deadline.place - 1] == &peer->deadline);
	must(!mono_before(peer->deadline.at, device_deadline(dev)));
}

static void check_device(const struct device *dev)
{
	size_t indices = 0, peers = 0;

	for (const struct peer *peer = dev->first; peer; peer = peer->next) {
		peers++;
		must(peer->next ? peer->next->prev == peer : dev->first->prev == peer);
		must(device_peer(dev, peer->remote.public_key) == peer);
		indices += check_session(dev, peer, peer->previous);
		indices += check_session(dev, peer, peer->current);
		indices += check_session(dev, peer, peer->next_session);
		indices += peer->handshake_index.index != 0;
		must((peer->handshake.state == NOISE_INITIATION_SENT) ==
			(peer->handshake_index.index != 0));
		check_stage(dev, peer);
		check_deadline(dev, peer);
	}
	must(peers == dev->peer_count && peers == HASH_CNT(hh, dev->by_key));
	must(indices == HASH_CNT(hh, dev->indices.entries));
	must(dev->deadlines.count <= peers);
}

/* --- operations ----------------------------------------------------------------------------- */

static struct host *choose_host(uint8_t arg)
{
	return &w.hosts[arg & 1];
}

static struct peer *other(struct host *host)
{
	return device_peer(host->device, w.hosts[!host->number].public_key);
}

static void op_send(uint8_t arg)
{
	struct host *host = choose_host(arg);
	uint8_t room[PACKET_HEADROOM + DATAGRAM + PACKET_TAILROOM] = {0};
	struct packet packet = {.data = room + PACKET_HEADROOM, .len = V4_HEADER + 4 + arg};
	uint8_t *ip = packet.data;

	ip[0] = 0x45;
	ip[2] = (uint8_t)(packet.len >> 8);
	ip[3] = (uint8_t)packet.len;
	memcpy(ip + 12, (uint8_t[]){10, (uint8_t)host->number, 0, 1, 10, !host->number, 0, 1}, 8);
	w.sequence++;
	memcpy(ip + V4_HEADER, &w.sequence, sizeof(w.sequence));
	device_seal_batch(host->device, &packet, 1, MTU, w.now);
	if (packet.verdict != PACKET_FORWARD)
		return;
	must(packet.peer && packet.path.remote.addr.family != ADDR_NONE);
	must(packet.data >= room && packet.data + packet.len <= room + sizeof(room));
	fly(host, packet.data, packet.len);
}

static void come_out(const struct host *host, const struct packet *packet)
{
	uint32_t sequence;

	must(packet->peer && device_peer(host->device, peer_public_key(packet->peer)));
	must(packet->len >= V4_HEADER + sizeof(sequence) && packet->data[13] == !host->number);
	memcpy(&sequence, packet->data + V4_HEADER, sizeof(sequence));
	must(sequence && sequence <= w.sequence && !w.arrived[sequence]);
	w.arrived[sequence] = true;
}

/* Deliver `count` datagrams from the `first` on, as one batch a host. */
static void deliver(size_t first, size_t count)
{
	static struct datagram copies[IN_FLIGHT];
	struct packet packets[IN_FLIGHT];

	for (int to = 0; to < 2; to++) {
		size_t n = 0;

		for (size_t i = first; i < first + count && i < w.flying; i++) {
			if (w.flight[i].to != to)
				continue;
			copies[n] = w.flight[i];
			packets[n] = (struct packet){.data = copies[n].bytes,
				.len = copies[n].len,
				.path = copies[n].path};
			n++;
		}
		device_open_batch(w.hosts[to].device, packets, n, w.now);
		for (size_t i = 0; i < n; i++)
			if (packets[i].verdict == PACKET_FORWARD)
				come_out(&w.hosts[to], &packets[i]);
	}
}

static void op_deliver(uint8_t arg)
{
	size_t i = w.flying ? arg % w.flying : 0;

	if (!w.flying)
		return;
	/* What it is answered with may push it out, so it goes first. */
	w.flight[w.flying < IN_FLIGHT ? w.flying++ : w.flying - 1] = w.flight[i];
	lose(i);
	deliver(w.flying - 1, 1);
	if (w.flying)
		lose(w.flying - 1);
}

static void op_deliver_all(uint8_t arg)
{
	size_t count = w.flying;

	deliver(0, count);
	if (arg & 1) /* else they come once more */
		while (count-- && w.flying)
			lose(0);
}

static void op_change(uint8_t arg)
{
	struct datagram *d = w.flying ? &w.flight[arg % w.flying] : NULL;

	if (d)
		d->bytes[next_byte() % d->len] ^= next_byte();
}

static void op_move(uint8_t arg)
{
	struct host *host = choose_host(arg);

	host->endpoint.port = (uint16_t)(1 + arg);
	for (size_t i = 0; i < w.flying; i++)
		if (w.flight[i].to != host->number)
			w.flight[i].path.remote = host->endpoint;
}

static void op_pass_time(uint8_t arg)
{
	static const uint64_t spans_us[] = {1, 1000, 20000, 100000, US_PER_S, 5 * US_PER_S, 5334000,
		10 * US_PER_S, 15 * US_PER_S, 95 * US_PER_S, 120 * US_PER_S, 165 * US_PER_S,
		180 * US_PER_S, 540 * US_PER_S, 3600 * US_PER_S};

	w.now = mono_add_us(w.now, spans_us[arg % (sizeof(spans_us) / sizeof(spans_us[0]))]);
	for (int i = 0; i < 2; i++) {
		if (arg & 0x80)
			device_tick(w.hosts[i].device, w.now);
		must(!(arg & 0x80) || mono_before(w.now, device_deadline(w.hosts[i].device)));
	}
}

/* As the loop of the engine does: every deadline at its time. */
static void op_run(uint8_t arg)
{
	mono_t end = mono_add_s(w.now, arg);

	for (int rounds = 0; rounds < 400; rounds++) {
		mono_t next = mono_min(
			device_deadline(w.hosts[0].device), device_deadline(w.hosts[1].device));

		if (mono_before(end, next))
			break;
		if (mono_before(w.now, next))
			w.now = next;
		device_tick(w.hosts[0].device, w.now);
		device_tick(w.hosts[1].device, w.now);
	}
}

static void op_keepalive(uint8_t arg)
{
	struct host *host = choose_host(arg);

	if (other(host))
		peer_set_persistent_keepalive(other(host), arg >> 1, w.now);
}

static void op_private_key(uint8_t arg)
{
	struct host *host = choose_host(arg);
	uint8_t key[KEY_LEN] = {0};

	if (arg & 2)
		key[8] = 1 + (arg >> 4); /* another one */
	else if (arg & 4)
		memcpy(key, w.hosts[0].private_key, KEY_LEN);
	else if (arg & 8)
		memcpy(key, host->private_key, KEY_LEN);
	device_set_private_key(host->device, key, w.now);
}

static void op_preshared_key(uint8_t arg)
{
	uint8_t key[KEY_LEN] = {arg >> 1};

	if (other(choose_host(arg)))
		peer_set_preshared_key(other(choose_host(arg)), key);
}

static void op_endpoint(uint8_t arg)
{
	struct host *host = choose_host(arg);

	if (other(host))
		peer_set_endpoint(other(host), &w.hosts[!host->number].endpoint);
}

static void add(struct host *host, const uint8_t public_key[static KEY_LEN], uint8_t prefix_len)
{
	struct prefix inner = {
		.addr = {.family = ADDR_V4, .bytes = {10, !host->number}},
		.len = prefix_len,
	};
	struct peer *peer;

	if (device_peer_add(host->device, public_key, &peer) == 0)
		must(peer_allow(peer, &inner) == 0);
}

static void op_peer(uint8_t arg)
{
	struct host *host = choose_host(arg);
	const uint8_t stranger[KEY_LEN] = {arg >> 4}; /* 0 and 1 are of low order */
	struct peer *peer = arg & 2 ? device_peer(host->device, stranger) : other(host);

	if (peer)
		device_peer_remove(host->device, peer);
	else if (arg & 2)
		add(host, stranger, 24);
	else
		add(host, w.hosts[!host->number].public_key, 16);
}

static void op_up(uint8_t arg)
{
	device_set_up(choose_host(arg)->device, arg & 2, w.now);
}

static void op_handshake(uint8_t arg)
{
	if (other(choose_host(arg)))
		peer_handshake(other(choose_host(arg)), w.now);
}

static void op_garbage(uint8_t arg)
{
	uint8_t bytes[64];
	struct packet packet = {.data = bytes, .len = next_byte() % sizeof(bytes)};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = next_byte();
	device_open_batch(choose_host(arg)->device, &packet, 1, w.now);
	must(packet.verdict >= PACKET_BAD_LENGTH);
}

/* Near the end of a key's counters. */
static void op_wear_out(uint8_t arg)
{
	struct peer *peer = other(choose_host(arg));

	if (peer && peer->current && peer->current->sent < REKEY_AFTER_MESSAGES)
		peer->current->sent =
			(arg & 2 ? REKEY_AFTER_MESSAGES : REJECT_AFTER_MESSAGES) - (arg >> 4);
}

static void op_lose_all(uint8_t arg)
{
	(void)arg;
	w.flying = 0;
}

static void (*const OPERATION[])(uint8_t arg) = {op_send, op_deliver, op_deliver_all, op_change,
	op_move, op_pass_time, op_run, op_keepalive, op_private_key, op_preshared_key, op_endpoint,
	op_peer, op_up, op_handshake, op_garbage, op_wear_out, op_lose_all};

/* --- one input ------------------------------------------------------------------------------ */

static void make_host(int number)
{
	struct host *host = &w.hosts[number];

	*host = (struct host){.number = number};
	host->endpoint = (struct endpoint){
		.addr = {.family = ADDR_V4, .bytes = {192, 0, 2, (uint8_t)(1 + number)}},
		.port = 51820,
	};
	random_bytes(host, host->private_key, KEY_LEN);
	crypto_dh_public(host->public_key, host->private_key);
	host->guard = guard_new(host->public_key);
	host->device = device_new(&UPCALLS, host, host->guard);
	must(host->device != NULL);
	device_set_private_key(host->device, host->private_key, w.now);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return sodium_init() < 0 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&w, 0, sizeof(w));
	w.now = (mono_t){1000 * US_PER_S};
	script = data;
	script_len = size;
	make_host(0);
	make_host(1);
	for (int i = 0; i < 2; i++) {
		add(&w.hosts[i], w.hosts[!i].public_key, 16);
		if (!i)
			op_endpoint(0); /* host 1 learns where host 0 is, or is told */
		device_set_up(w.hosts[i].device, true, w.now);
	}
	for (int i = 0; i < OPERATIONS && script_len; i++) {
		uint8_t op = next_byte();

		OPERATION[op % (sizeof(OPERATION) / sizeof(OPERATION[0]))](next_byte());
		check_device(w.hosts[0].device);
		check_device(w.hosts[1].device);
	}
	for (int i = 0; i < 2; i++) {
		device_free(w.hosts[i].device);
		guard_free(w.hosts[i].guard);
	}
	return 0;
}
