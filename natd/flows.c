/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "natd/flow_table.h"

#define ADDRESSES_MAX 4096 /* others have the tally of the first, which has no address */
#define US_PER_DS (100 * US_PER_MS)

struct flows {
	const struct natd_conf *conf;
	struct flows_hooks hooks;
	mono_t epoch;
	struct flow_table *table;
	struct flow_tally *subnets; /* as many as conf has, of NATD_SUBNETS_MAX */
	struct flow_tally *spare;   /* the same, for when the config changes */
	struct flow_address *addresses;
	size_t n_addresses;
	uint8_t generation; /* of the last list that began */
	bool known, listing;
	uint64_t not_held;
	mono_t now; /* of the call that is under way, for those that visit the table */
};

int flows_new(const struct natd_conf *conf, const struct flows_hooks *hooks, mono_t now,
	struct flows **out)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return -ENOMEM;
	*flows = (struct flows){.conf = conf, .hooks = *hooks, .epoch = now, .n_addresses = 1};
	flows->table = flow_table_new();
	flows->subnets = calloc(NATD_SUBNETS_MAX, sizeof(flows->subnets[0]));
	flows->spare = calloc(NATD_SUBNETS_MAX, sizeof(flows->spare[0]));
	flows->addresses = calloc(1, sizeof(flows->addresses[0]));
	if (!flows->table || !flows->subnets || !flows->spare || !flows->addresses) {
		flows_free(flows);
		return -ENOMEM;
	}
	*out = flows;
	return 0;
}

void flows_free(struct flows *flows)
{
	if (!flows)
		return;
	flow_table_free(flows->table);
	free(flows->subnets);
	free(flows->spare);
	free(flows->addresses);
	free(flows);
}

/* --- figures ---------------------------------------------------------------------------------- */

static void add(struct conntrack_count *to, struct conntrack_count count)
{
	to->packets += count.packets;
	to->bytes += count.bytes;
}

static uint16_t address_index(struct flows *flows, const struct addr *addr)
{
	struct flow_address *grown;

	for (size_t i = 0; i < flows->n_addresses; i++)
		if (addr_equal(&flows->addresses[i].addr, addr))
			return (uint16_t)i;
	if (flows->n_addresses == ADDRESSES_MAX)
		return 0;
	grown = reallocarray(flows->addresses, flows->n_addresses + 1, sizeof(grown[0]));
	if (!grown)
		return 0;
	flows->addresses = grown;
	grown[flows->n_addresses] = (struct flow_address){.addr = *addr};
	return (uint16_t)flows->n_addresses++;
}

/*
 * Where each host has a public address of its own, their subnet tells of them: a host that takes
 * one after another would crowd out the addresses of all others.
 */
static uint16_t address_of(struct flows *flows, const struct flow_role *role)
{
	const struct natd_subnet *subnet = &flows->conf->subnets[role->subnet];

	if (!role->inward && natd_translation_of(subnet) == NATD_TO_PREFIX)
		return 0;
	return address_index(flows, &role->public.addr);
}

/* The tallies that a flow belongs to. */
struct tallies {
	struct flow_tally *subnet, *address;
};

static struct tallies tallies_of(struct flows *flows, const struct flow_record *record)
{
	return (struct tallies){
		&flows->subnets[record->subnet], &flows->addresses[record->address].tally};
}

static void count_established(
	struct flows *flows, struct flow_record *record, const struct conntrack_flow *flow)
{
	struct tallies both;

	if (record->established || !flow_role_established(flow))
		return;
	record->established = 1;
	if (record->unseen)
		return;
	both = tallies_of(flows, record);
	both.subnet->established++;
	both.address->established++;
}

static void add_traffic(struct flow_traffic *to, const struct flow_traffic *from)
{
	add(&to->out, from->out);
	add(&to->in, from->in);
}

static struct flow_traffic traffic_of(
	const struct flow_role *role, const struct conntrack_flow *flow)
{
	return (struct flow_traffic){flow_role_out(role, flow), flow_role_in(role, flow)};
}

/* Which list has a flow's traffic, by parity; 0 is none. */
static unsigned int list_mark(const struct flows *flows)
{
	return 1 + flows->generation % 2;
}

static void publish(struct flow_tally *tally)
{
	struct flow_traffic sum = tally->done;

	add_traffic(&sum, &tally->live);
	tally->out = sum.out;
	tally->in = sum.in;
}

/* Of a flow that ended. What a list has of it stays in there until the next: not both count. */
static void settle_traffic(struct flows *flows, const struct flow_record *record,
	struct flow_tally *tally, const struct flow_traffic *traffic)
{
	if (!record->counted)
		add_traffic(&tally->done, traffic);
	else if (flows->listing && record->counted == list_mark(flows))
		add_traffic(&tally->next, traffic);
	else
		add_traffic(&tally->late, traffic);
	publish(tally);
}

/* --- one flow --------------------------------------------------------------------------------- */

static uint64_t age_ds(const struct flows *flows, const struct flow_record *record, mono_t now)
{
	uint64_t now_ds = mono_elapsed_us(flows->epoch, now) / US_PER_DS;

	return now_ds > record->began_ds ? now_ds - record->began_ds : 0;
}

static void tally_end(struct flows *flows, const struct flow_record *record,
	struct flow_tally *tally, const struct flow_traffic *traffic, enum flow_reason reason)
{
	tally->active--;
	tally->ended[reason]++;
	settle_traffic(flows, record, tally, traffic);
}

static void end(struct flows *flows, struct flow_record *record, const struct conntrack_flow *flow,
	enum flow_reason reason)
{
	struct flow_story story = {
		.flow = flow,
		.age_ms = age_ds(flows, record, flows->now) * 100,
		.age_known = !record->unseen,
	};
	struct tallies both = tallies_of(flows, record);
	struct flow_traffic traffic;

	flow_role_of(flows->conf, flow, &story.role);
	traffic = traffic_of(&story.role, flow);
	count_established(flows, record, flow);
	tally_end(flows, record, both.subnet, &traffic, reason);
	tally_end(flows, record, both.address, &traffic, reason);
	flow_table_remove(flows->table, record);
	if (flows->hooks.ended)
		flows->hooks.ended(&story, reason, flows->now, flows->hooks.arg);
}

/* It is not in the list, and has not been heard of since that began. */
static void end_unseen(struct flow_table *table, struct flow_record *record, void *arg)
{
	struct flows *flows = arg;
	struct conntrack_flow flow;

	(void)table;
	if (record->generation == flows->generation)
		return;
	flow_table_expand(record, &flow);
	end(flows, record, &flow, FLOW_RESYNCED);
}

/* It began before our eyes. */
static void count_attempt(struct flows *flows, struct flow_record *record,
	const struct conntrack_flow *flow, const struct flow_role *role)
{
	struct flow_story story = {.flow = flow, .role = *role};
	struct tallies both = tallies_of(flows, record);

	record->unseen = 0;
	both.subnet->attempts++;
	both.address->attempts++;
	both.subnet->established += record->established;
	both.address->established += record->established;
	if (flows->hooks.began)
		flows->hooks.began(&story, flows->now, flows->hooks.arg);
}

/* What the first list finds was there before us, unless its beginning is told afterwards. */
static struct flow_record *begin(struct flows *flows, enum conntrack_event event,
	const struct conntrack_flow *flow, const struct flow_role *role)
{
	struct flow_record *record = flow_table_add(flows->table, flow);
	struct tallies both;

	if (!record) {
		flows->not_held++;
		return NULL;
	}
	record->began_ds = (uint32_t)(mono_elapsed_us(flows->epoch, flows->now) / US_PER_DS);
	record->subnet = role->subnet;
	record->address = address_of(flows, role);
	record->unseen = !flows->known && event != CONNTRACK_NEW;
	both = tallies_of(flows, record);
	both.subnet->active++;
	both.address->active++;
	if (!record->unseen)
		count_attempt(flows, record, flow, role);
	return record;
}

/* The flow that had this one's tuple has ended, and nobody has told us. */
static void end_predecessor(struct flows *flows, struct flow_record *record)
{
	struct conntrack_flow old;

	flow_table_expand(record, &old);
	end(flows, record, &old, FLOW_RESYNCED);
}

static void sum_traffic(struct flows *flows, struct flow_record *record,
	const struct conntrack_flow *flow, const struct flow_role *role)
{
	struct flow_traffic traffic = traffic_of(role, flow);
	struct tallies both = tallies_of(flows, record);

	record->counted = list_mark(flows);
	add_traffic(&both.subnet->sum, &traffic);
	add_traffic(&both.address->sum, &traffic);
}

static void take(struct flows *flows, struct flow_record *record, enum conntrack_event event,
	const struct conntrack_flow *flow, const struct flow_role *role)
{
	if (record->unseen && event == CONNTRACK_NEW)
		count_attempt(flows, record, flow, role);
	record->generation = flows->generation;
	count_established(flows, record, flow);
	if (event == CONNTRACK_FOUND && flow->has_counts)
		sum_traffic(flows, record, flow, role);
	if (event == CONNTRACK_DESTROY)
		end(flows, record, flow, flow_role_reason(flow));
}

void flows_event(struct flows *flows, enum conntrack_event event, const struct conntrack_flow *flow,
	mono_t now)
{
	struct flow_record *record = flow_table_find(flows->table, flow);
	bool other = record && record->id != flow->id;
	struct flow_role role;

	/* Of two with the same tuple, what begins or is listed is the later one. */
	if (other && event != CONNTRACK_NEW && event != CONNTRACK_FOUND)
		return;
	if (!flow_role_of(flows->conf, flow, &role) || role.public.addr.family == ADDR_NONE)
		return;
	flows->now = now;
	if (other)
		end_predecessor(flows, record);
	if (other || !record)
		record = begin(flows, event, flow, &role);
	if (record)
		take(flows, record, event, flow, &role);
}

/* --- lists ------------------------------------------------------------------------------------ */

static void each_tally(struct flows *flows, void (*change)(struct flow_tally *))
{
	for (size_t i = 0; i < flows->conf->n_subnets; i++)
		change(&flows->subnets[i]);
	for (size_t i = 0; i < flows->n_addresses; i++)
		change(&flows->addresses[i].tally);
}

static void begin_sum(struct flow_tally *tally)
{
	tally->sum = (struct flow_traffic){0};
	add_traffic(&tally->late, &tally->next); /* of a list that was given up */
	tally->next = (struct flow_traffic){0};
}

static void take_sum(struct flow_tally *tally)
{
	add_traffic(&tally->done, &tally->late);
	tally->late = tally->next;
	tally->next = (struct flow_traffic){0};
	tally->live = tally->sum;
	publish(tally);
}

void flows_list_begins(struct flows *flows)
{
	flows->generation = (flows->generation + 1) % FLOW_GENERATIONS;
	flows->listing = true;
	each_tally(flows, begin_sum);
}

void flows_list_ended(struct flows *flows, mono_t now)
{
	flows->now = now;
	flow_table_each(flows->table, end_unseen, flows);
	each_tally(flows, take_sum);
	flows->listing = false;
	flows->known = true;
}

/* --- another config --------------------------------------------------------------------------- */

static void move_flow(struct flow_table *table, struct flow_record *record, void *arg)
{
	struct flows *flows = arg;
	struct conntrack_flow flow;
	struct flow_role role;

	flow_table_expand(record, &flow);
	if (!flow_role_of(flows->conf, &flow, &role)) {
		flows->addresses[record->address].tally.active--;
		flow_table_remove(table, record);
		return;
	}
	record->subnet = role.subnet;
	flows->subnets[role.subnet].active++;
}

static const struct flow_tally *tally_of(const struct flows *flows, const struct prefix *prefix)
{
	for (size_t i = 0; i < flows->conf->n_subnets; i++)
		if (prefix_equal(&flows->conf->subnets[i].prefix, prefix))
			return &flows->subnets[i];
	return NULL;
}

void flows_set_conf(struct flows *flows, const struct natd_conf *conf)
{
	struct flow_tally *subnets = flows->spare;

	for (size_t i = 0; i < conf->n_subnets; i++) {
		const struct flow_tally *old = tally_of(flows, &conf->subnets[i].prefix);

		subnets[i] = old ? *old : (struct flow_tally){0};
		subnets[i].active = 0;
	}
	flows->spare = flows->subnets;
	flows->subnets = subnets;
	flows->conf = conf;
	flow_table_each(flows->table, move_flow, flows);
}

/* --- reading ---------------------------------------------------------------------------------- */

bool flows_known(const struct flows *flows)
{
	return flows->known;
}

const struct flow_tally *flows_subnet(const struct flows *flows, size_t index)
{
	return &flows->subnets[index];
}

const struct flow_address *flows_addresses(const struct flows *flows, size_t *n)
{
	*n = flows->n_addresses;
	return flows->addresses;
}

const struct natd_conf *flows_conf(const struct flows *flows)
{
	return flows->conf;
}

bool flows_age(
	const struct flows *flows, const struct conntrack_flow *flow, mono_t now, uint64_t *age_ms)
{
	const struct flow_record *record = flow_table_find(flows->table, flow);

	if (!record || record->id != flow->id || record->unseen)
		return false;
	*age_ms = age_ds(flows, record, now) * 100;
	return true;
}

struct flow_table *flows_table(const struct flows *flows)
{
	return flows->table;
}

uint64_t flows_not_held(const struct flows *flows)
{
	return flows->not_held;
}
