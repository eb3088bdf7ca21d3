/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/status.h"

#include <jansson.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/key.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/offloads.h"
#include "vpnd/engine/pmtu.h"
#include "vpnd/engine/probe.h"
#include "vpnd/engine/prober.h"
#include "vpnd/engine/threads.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/watch.h"
#include "vpnd/proto/allowedips.h"

/* One moment, on both clocks. */
struct moment {
	mono_t mono;
	struct wall wall;
};

/* --- values ---------------------------------------------------------------------------------- */

struct field {
	const char *name;
	json_t *value; /* a new reference; NULL when memory was short */
};

/* The object with these fields, whose last has no name. Takes over all values, or returns NULL. */
static json_t *object(const struct field *fields)
{
	_cleanup_json_ json_t *made = json_object();
	bool failed = !made;

	for (; fields->name; fields++)
		if (json_object_set_new(made, fields->name, fields->value))
			failed = true;
	return failed ? NULL : cleanup_take(made);
}

/* Each of the following makes a new reference, or NULL when memory is short. */

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static json_t *base64(const uint8_t key[static KEY_LEN])
{
	char text[KEY_BASE64_STRLEN];

	return json_string(key_to_base64(key, text));
}

static json_t *endpoint(const struct endpoint *e)
{
	char text[ENDPOINT_STRLEN];

	return e->addr.family == ADDR_NONE ? json_null() : json_string(endpoint_format(e, text));
}

static json_int_t age_s(mono_t since, mono_t now)
{
	return (json_int_t)(mono_elapsed_us(since, now) / US_PER_S);
}

static json_t *age_or_null(mono_t since, mono_t now)
{
	return mono_is_set(since) ? json_integer(age_s(since, now)) : json_null();
}

/* "2026-11-22T10:14:02Z" */
static json_t *utc(mono_t when, const struct moment *now)
{
	uint64_t wall_us = (uint64_t)now->wall.s * US_PER_S + now->wall.ns / 1000;
	time_t s = (time_t)((wall_us - mono_elapsed_us(when, now->mono)) / US_PER_S);
	char text[32];
	struct tm tm;

	if (!gmtime_r(&s, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

/* --- peers ---------------------------------------------------------------------------------- */

static json_t *allowed_ips(const struct peer *peer)
{
	const struct allowedips_owner *owner = peer_allowed_ips(peer);
	const struct allowedips_node *cursor = NULL;
	_cleanup_json_ json_t *list = json_array();
	char text[PREFIX_STRLEN];
	struct prefix prefix;
	size_t count = 0;

	while (list && count++ < STATUS_ALLOWED_IPS && allowedips_next(owner, &cursor, &prefix))
		if (json_array_append_new(list, json_string(prefix_format(&prefix, text))))
			return NULL;
	return cleanup_take(list);
}

/* Milliseconds with three places, which is what a clock of microseconds knows. */
static json_t *ms(uint64_t us)
{
	return json_real((double)us / 1000);
}

/* What the probes of a peer tell; all null where there are none. */
struct quality {
	json_t *rtt_ms, *rtt_min_ms, *rtt_max_ms, *jitter_ms, *loss;
	json_t *pmtu; /* the interface's MTU where it is not measured */
};

/* While nothing returns the newest probes are the truth, not what was in the last minute. */
static json_t *loss(const struct probe *probe, const struct probe_stats *stats)
{
	bool works = probe->verdict == PROBE_WORKS;
	unsigned int all = works ? stats->windowed : stats->recent;
	unsigned int lost = works ? stats->window_lost : stats->recent_lost;

	return all ? json_real((double)lost / all) : json_null();
}

static struct quality quality_of(const struct tunnel *tunnel, const struct peer *peer, mono_t now)
{
	const struct tunnel_peer *known = peer ? peer_user(peer) : NULL;
	const struct probe *probe = known && known->prober ? prober_probe(known->prober) : NULL;
	uint32_t pmtu = probe ? prober_pmtu(known->prober)->value : 0;
	struct probe_stats stats = {0};
	bool timed;

	if (probe)
		probe_stats(probe, &stats, now);
	timed = stats.measured && probe->verdict == PROBE_WORKS;
	return (struct quality){
		.rtt_ms = timed ? ms(stats.rtt_us) : json_null(),
		.rtt_min_ms = timed ? ms(stats.rtt_min_us) : json_null(),
		.rtt_max_ms = timed ? ms(stats.rtt_max_us) : json_null(),
		.jitter_ms = timed ? ms(stats.jitter_us) : json_null(),
		.loss = probe ? loss(probe, &stats) : json_null(),
		.pmtu = json_integer(pmtu ? pmtu : tunnel->mtu),
	};
}

static json_t *peer_json(const struct tunnel *tunnel, const struct peer *peer, mono_t now)
{
	const struct tunnel_peer *known = peer_user(peer);
	const struct judgement *judged = &known->liveness.judged;
	const uint8_t *key = peer_public_key(peer);
	const struct quality quality = quality_of(tunnel, peer, now);
	struct peer_info info;

	peer_info(peer, &info, now);
	return object((const struct field[]){
		{"name", known->name[0] ? json_string(known->name) : base64(key)},
		{"public_key", base64(key)},
		{"state", json_string(judge_state_name(judged->state))},
		{"reason", text_or_null(judged->reason)},
		{"advice", text_or_null(judged->advice)},
		{"endpoint", endpoint(&info.path.remote)},
		{"allowed_ips", allowed_ips(peer)},
		{"allowed_ips_count", json_integer((json_int_t)peer_allowed_ips(peer)->count)},
		{"persistent_keepalive", json_integer(info.persistent_keepalive)},
		{"handshake_age_s", age_or_null(info.last_session, now)},
		{"handshake_attempts", json_integer(info.handshake_attempts)},
		{"rtt_ms", quality.rtt_ms},
		{"rtt_min_ms", quality.rtt_min_ms},
		{"rtt_max_ms", quality.rtt_max_ms},
		{"jitter_ms", quality.jitter_ms},
		{"loss", quality.loss},
		{"pmtu", quality.pmtu},
		{"rx_bytes", json_integer((json_int_t)info.rx_bytes)},
		{"tx_bytes", json_integer((json_int_t)info.tx_bytes)},
		{0},
	});
}

/* --- tunnels -------------------------------------------------------------------------------- */

/* What is summed up or picked from the peers of a tunnel. */
struct sum {
	uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets;
	struct peer_info shown; /* of the first peer in the worst state */
	const struct peer *shown_peer;
	enum judge_state worst;
	bool any;
	json_t *peers;
};

static int sum_up(const struct tunnel *tunnel, mono_t now, struct sum *sum)
{
	const struct peer *peer = NULL;
	struct peer_info info;

	while ((peer = device_peer_next(tunnel->device, peer))) {
		const struct tunnel_peer *known = peer_user(peer);

		peer_info(peer, &info, now);
		sum->rx_bytes += info.rx_bytes;
		sum->tx_bytes += info.tx_bytes;
		sum->rx_packets += info.rx_packets;
		sum->tx_packets += info.tx_packets;
		if (!sum->any || known->liveness.judged.state > sum->worst) {
			sum->shown = info;
			sum->shown_peer = peer;
			sum->worst = known->liveness.judged.state;
		}
		sum->any = true;
		if (json_array_append_new(sum->peers, peer_json(tunnel, peer, now)))
			return -1;
	}
	return 0;
}

static json_t *drops(const struct tunnel *tunnel)
{
	const uint64_t *counts = device_verdict_counts(tunnel->device);
	_cleanup_json_ json_t *named = json_object();

	for (int verdict = PACKET_BAD_LENGTH; named && verdict < PACKET_VERDICTS; verdict++)
		if (json_object_set_new(named, packet_verdict_name(verdict),
			    json_integer((json_int_t)counts[verdict])))
			return NULL;
	return named && offloads_add_drops(tunnel, named) == 0 ? cleanup_take(named) : NULL;
}

static json_t *public_key(const struct device *device)
{
	return device_has_private_key(device) ? base64(device_public_key(device)) : json_null();
}

static json_t *tunnel_json(const struct tunnel *tunnel, const struct moment *now)
{
	const struct watch_mark *mark = &tunnel->liveness;
	struct sum sum = {.peers = json_array()};
	struct quality quality;

	if (sum_up(tunnel, now->mono, &sum) < 0) {
		json_decref(sum.peers);
		return NULL;
	}
	quality = quality_of(tunnel, sum.shown_peer, now->mono);
	return object((const struct field[]){
		{"name", json_string(tunnel->name)},
		{"state", json_string(judge_state_name(mark->judged.state))},
		{"since", utc(mark->since, now)},
		{"since_s", json_integer(age_s(mark->since, now->mono))},
		{"reason", text_or_null(mark->judged.reason)},
		{"advice", text_or_null(mark->judged.advice)},
		{"public_key", public_key(tunnel->device)},
		{"listen_port", json_integer(tunnel->listen_port)},
		{"fwmark", json_integer(tunnel->fwmark)},
		{"mtu", json_integer(tunnel->mtu)},
		{"endpoint", endpoint(&sum.shown.path.remote)},
		{"handshake_age_s", age_or_null(sum.shown.last_session, now->mono)},
		{"rtt_ms", quality.rtt_ms},
		{"rtt_min_ms", quality.rtt_min_ms},
		{"rtt_max_ms", quality.rtt_max_ms},
		{"jitter_ms", quality.jitter_ms},
		{"loss", quality.loss},
		{"pmtu", quality.pmtu},
		{"rx_bytes", json_integer((json_int_t)sum.rx_bytes)},
		{"tx_bytes", json_integer((json_int_t)sum.tx_bytes)},
		{"rx_packets", json_integer((json_int_t)sum.rx_packets)},
		{"tx_packets", json_integer((json_int_t)sum.tx_packets)},
		{"drops", drops(tunnel)},
		{"offloads", offloads_json(tunnel)},
		{"fallbacks", offloads_fallbacks_json(tunnel)},
		{"peers", sum.peers},
		{0},
	});
}

static json_t *tunnels(const struct engine *engine, const struct moment *now)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t slot = 0; list && slot < PRIVSEP_TUNNELS; slot++) {
		const struct tunnel *tunnel = engine->tunnels[slot];

		if (tunnel && json_array_append_new(list, tunnel_json(tunnel, now)))
			return NULL;
	}
	return cleanup_take(list);
}

/* --- routes --------------------------------------------------------------------------------- */

static const struct tunnel *tunnel_at(const struct engine *engine, uint32_t slot)
{
	return slot < PRIVSEP_TUNNELS ? engine->tunnels[slot] : NULL;
}

static bool carries(const struct tunnel *tunnel)
{
	return tunnel && tunnel->liveness.judged.state != JUDGE_DOWN;
}

/* The peers behind the ends of a prefix, which mostly are one; NULL: no peer may have that end. */
struct owners {
	struct peer *first, *last;
};

static struct owners owners_of(const struct tunnel *tunnel, const struct prefix *prefix)
{
	struct addr last = prefix->addr;

	for (unsigned int bit = prefix->len; bit < addr_bits(last.family); bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return (struct owners){
		device_owner(tunnel->device, &prefix->addr), device_owner(tunnel->device, &last)};
}

static bool is_owned(const struct tunnel *tunnel, const struct prefix *prefix)
{
	struct owners owners = owners_of(tunnel, prefix);

	return owners.first && owners.last;
}

static bool has_answered(const struct peer *peer)
{
	const struct tunnel_peer *known = peer ? peer_user(peer) : NULL;

	return known && known->liveness.judged.proven;
}

/*
 * Whether a peer behind the prefix has answered since this engine runs. Until a first handshake is
 * given up there is a way to the prefix, but nobody knows where it ends.
 */
static bool was_answered(const struct engine *engine, const struct privsep_route *route)
{
	for (size_t i = 0; i <= route->n_more; i++) {
		const struct tunnel *via =
			tunnel_at(engine, i == 0 ? route->slot : route->more[i - 1]);
		struct owners owners = {0};

		if (via)
			owners = owners_of(via, &route->prefix);
		if (has_answered(owners.first) || has_answered(owners.last))
			return true;
	}
	return false;
}

/* Why a prefix cannot be reached, in words; NULL if it can. */
static const char *why_unreachable(const struct privsep_route *route, const struct tunnel *via)
{
	if (via && !carries(via))
		return "its tunnel is down";
	if (!via || !route->installed)
		return "the kernel has no route for it";
	if (!is_owned(via, &route->prefix))
		return "no peer of its tunnel has it in allowed_ips";
	return NULL;
}

static json_t *name_or_null(const struct tunnel *tunnel)
{
	return tunnel ? json_string(tunnel->name) : json_null();
}

/* By ecmp it may be several. */
static json_t *via_json(const struct engine *engine, const struct privsep_route *route)
{
	json_t *list;

	if (route->n_more == 0)
		return name_or_null(tunnel_at(engine, route->slot));
	list = json_array();
	json_array_append_new(list, name_or_null(tunnel_at(engine, route->slot)));
	for (size_t i = 0; i < route->n_more; i++)
		json_array_append_new(list, name_or_null(tunnel_at(engine, route->more[i])));
	return list;
}

static json_t *route_json(const struct engine *engine, const struct privsep_route *route)
{
	const struct tunnel *via = tunnel_at(engine, route->slot);
	const struct tunnel *backup = tunnel_at(engine, route->backup_slot);
	const char *why = why_unreachable(route, via);
	char prefix[PREFIX_STRLEN];

	return object((const struct field[]){
		{"prefix", json_string(prefix_format(&route->prefix, prefix))},
		{"via", via_json(engine, route)},
		{"backup", name_or_null(backup)},
		{"backup_state",
			!backup ? json_null() : json_string(carries(backup) ? "up" : "down")},
		{"state", json_string(why ? "unreachable" : "reachable")},
		{"reason", why ? json_string(why) : json_null()},
		{"answered", json_boolean(was_answered(engine, route))},
		{0},
	});
}

static json_t *routes(const struct engine *engine)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; list && i < engine->routes.count; i++)
		if (json_array_append_new(list, route_json(engine, &engine->routes.all[i])))
			return NULL;
	return cleanup_take(list);
}

static json_t *engine_json(const struct privsep_start *start)
{
	return object((const struct field[]){
		{"pid", json_integer(getpid())},
		{"restarts", json_integer(start->engine_restarts)},
		{0},
	});
}

static json_t *kernel_json(const struct privsep_kernel *kernel)
{
	return object((const struct field[]){
		{"repairs", json_integer((json_int_t)kernel->repairs)},
		{"overruns", json_integer((json_int_t)kernel->overruns)},
		{"resyncs", json_integer((json_int_t)kernel->resyncs)},
		{0},
	});
}

struct json_t *status_json(struct engine *engine, mono_t now, struct wall wall)
{
	const struct moment moment = {now, wall};
	const struct privsep_start *start = &engine->start;

	watch_look(engine->watch, now);
	threads_gather(engine);
	return object((const struct field[]){
		{"program", json_string("vpnd")},
		{"version", json_string(GATEHOUSE_VERSION)},
		{"host", json_string(engine->host)},
		{"pid", json_integer(engine->monitor_pid)},
		{"config_file", json_string(start->config_file)},
		{"config_hash", json_string(start->config_hash)},
		{"started_s", json_integer(age_s((mono_t){start->started_us}, now))},
		{"engine", engine_json(start)},
		{"kernel", kernel_json(&engine->kernel)},
		{"tunnels", tunnels(engine, &moment)},
		{"routes", routes(engine)},
		{0},
	});
}
