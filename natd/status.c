/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/status.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "natd/active.h"
#include "natd/counters.h"
#include "natd/enforce.h"
#include "natd/flow_status.h"
#include "natd/natd.h"
#include "natd/ruleset.h"
#include "netlink/model.h"
#include "netlink/observe.h"

static const char *const ruleset_words[] = {
	[LOAD_VERIFIED] = "verified",
	[LOAD_DIFFERS] = "differs",
	[LOAD_MISSING] = "missing",
};

/* --- parts ------------------------------------------------------------------------------------ */

static json_t *json_addresses(const struct nl_state *net, const struct nl_link *link)
{
	json_t *list = json_array();
	char text[ADDR_STRLEN];

	for (size_t i = 0; link && i < net->n_addrs; i++)
		if (net->addrs[i].ifindex == link->ifindex &&
			health_is_usable(&net->addrs[i].local.addr))
			json_array_append_new(
				list, json_string(addr_format(&net->addrs[i].local.addr, text)));
	return list;
}

static json_t *json_uplinks(const struct natd_conf *conf, const struct nl_state *net)
{
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_uplinks; i++) {
		const char *name = conf->uplinks[i].name;
		const struct nl_link *link = model_link_by_name(net, name);

		json_array_append_new(list, json_pack("{s:s, s:o, s:b}", "name", name, "addresses",
						    json_addresses(net, link), "up",
						    link && link->up && link->running));
	}
	return list;
}

static json_t *json_snat(const struct natd_subnet *subnet)
{
	char text[PREFIX_STRLEN];
	json_t *list;

	switch (natd_translation_of(subnet)) {
	case NATD_TO_UPLINK:
		return json_string("masquerade");
	case NATD_NONE:
		return json_string("untranslated");
	case NATD_TO_PREFIX:
		return json_pack("[s]", prefix_format(&subnet->snat_prefix, text));
	case NATD_TO_POOL:
		break;
	}
	list = json_array();
	for (size_t i = 0; i < subnet->n_snat; i++)
		json_array_append_new(list, json_string(addr_format(&subnet->snat[i], text)));
	return list;
}

static json_t *json_counter(struct counter counter)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)counter.packets, "bytes",
		(json_int_t)counter.bytes);
}

static json_t *json_subnets(const struct natd *natd, const struct counters *counters)
{
	const struct natd_conf *conf = natd->active->conf;
	json_t *list = json_array();

	for (size_t i = 0; i < conf->n_subnets; i++) {
		const struct natd_subnet *subnet = &conf->subnets[i];
		char text[PREFIX_STRLEN], name[RULESET_NAME_SIZE];
		struct counter out =
			counters_get(counters, ruleset_counter_out(&subnet->prefix, name));
		struct counter in =
			counters_get(counters, ruleset_counter_in(&subnet->prefix, name));

		_cleanup_json_ json_t *figures = flow_status_subnet(natd->flows, i, out, in);
		json_t *json = json_pack("{s:s, s:o, s:I, s:I, s:o, s:o}", "prefix",
			prefix_format(&subnet->prefix, text), "snat", json_snat(subnet), "packets",
			(json_int_t)(out.packets + in.packets), "bytes",
			(json_int_t)(out.bytes + in.bytes), "out", json_counter(out), "in",
			json_counter(in));

		json_object_update(json, figures);
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *json_never_uplink(const struct natd_conf *conf)
{
	json_t *list = json_array();
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < conf->n_never_uplink; i++)
		json_array_append_new(
			list, json_string(prefix_format(&conf->never_uplink[i].prefix, text)));
	return list;
}

static json_t *json_drops(const struct counters *counters)
{
	json_t *drops = json_object();
	char name[RULESET_NAME_SIZE];

	for (size_t i = 0; i < RULESET_DROPS; i++) {
		snprintf(name, sizeof(name), "drop_%s", ruleset_drop_names[i]);
		json_object_set_new(drops, ruleset_drop_names[i],
			json_integer((json_int_t)counters_get(counters, name).packets));
	}
	return drops;
}

/* The kernel's settings that are not as they should be. */
static json_t *json_settings(const struct natd *natd)
{
	json_t *list = json_array();

	for (size_t i = 0; i < natd->n_settings; i++) {
		const struct tune_setting *setting = &natd->settings[i];

		json_array_append_new(list,
			json_pack("{s:s, s:I, s:I}", "name", setting->name, "is",
				(json_int_t)setting->is, "wanted", (json_int_t)setting->wanted));
	}
	return list;
}

/* --- the whole -------------------------------------------------------------------------------- */

static json_t *json_identity(const struct natd *natd)
{
	uint64_t up_us = mono_elapsed_us(natd->started, clock_mono());
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:I}", "program", "natd", "version",
		GATEHOUSE_VERSION, "host", host, "pid", (int)getpid(), "config_file",
		natd->options->config, "config_hash", natd->active->hash, "started_s",
		(json_int_t)(up_us / US_PER_S));
}

static json_t *json_state(const struct natd *natd, const struct counters *counters)
{
	const struct natd_conf *conf = natd->active->conf;
	const struct nl_state *net = observe_state(natd->observe);
	struct proc proc;

	proc_read(&proc);
	return json_pack("{s:s, s:s?, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "state",
		health_state_names[natd->health], "reason", *natd->reason ? natd->reason : NULL,
		"ruleset", ruleset_words[natd->ruleset], "draining", natd->active->draining,
		"settings", json_settings(natd), "uplinks", json_uplinks(conf, net), "subnets",
		json_subnets(natd, counters), "never_uplink", json_never_uplink(conf), "drops",
		json_drops(counters), "flows", (json_int_t)proc.flows, "flows_max",
		(json_int_t)proc.flows_max);
}

json_t *status_json(struct natd *natd, char *err, size_t errlen)
{
	__attribute__((cleanup(counters_freep))) struct counters *counters = NULL;
	_cleanup_json_ json_t *identity = NULL, *state = NULL, *flows = NULL;

	enforce_repair(natd, "an unknown process");
	if (counters_read(natd->nft, &counters, err, errlen) < 0)
		return NULL;
	identity = json_identity(natd);
	state = json_state(natd, counters);
	flows = flow_status_json(
		natd->flows, natd->active->conf, counters_get(counters, "drop_no_port").packets);
	if (!identity || !state || !flows || json_object_update(identity, state) < 0 ||
		json_object_update(identity, flows) < 0) {
		snprintf(err, errlen, "out of memory, or a name that is no text");
		return NULL;
	}
	return cleanup_take(identity);
}
