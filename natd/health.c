/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/health.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "netlink/model.h"

#define FLOWS_WARN_PERCENT 80 /* a full table drops new flows in silence */
#define FLOWS_CALM_PERCENT 75

const char *const health_state_names[HEALTH_STATES] = {
	[HEALTH_UP] = "up",
	[HEALTH_DEGRADED] = "degraded",
	[HEALTH_DOWN] = "down",
};

/* The verdict in the making: the first cause of the worst state stands. */
struct verdict {
	enum health_state state;
	char *reason; /* of HEALTH_REASON_SIZE */
};

static void blame(struct verdict *v, enum health_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void blame(struct verdict *v, enum health_state state, const char *format, ...)
{
	va_list args;

	if (state <= v->state)
		return;
	v->state = state;
	va_start(args, format);
	vsnprintf(v->reason, HEALTH_REASON_SIZE, format, args);
	va_end(args);
}

static bool has_subnets(const struct natd_conf *conf, enum addr_family family)
{
	for (size_t i = 0; i < conf->n_subnets; i++)
		if (conf->subnets[i].prefix.addr.family == family)
			return true;
	return false;
}

/* Whether flows of a family take the address that this uplink happens to have. */
static bool has_masquerade(
	const struct natd_conf *conf, const char *uplink, enum addr_family family)
{
	for (size_t i = 0; i < conf->n_uplinks; i++)
		for (size_t k = 0; k < conf->uplinks[i].n_snat; k++)
			if (strcmp(conf->uplinks[i].name, uplink) == 0 &&
				conf->uplinks[i].snat[k].family == family)
				return false;
	for (size_t i = 0; i < conf->n_subnets; i++)
		if (conf->subnets[i].prefix.addr.family == family &&
			natd_translation_of(&conf->subnets[i]) == NATD_TO_UPLINK)
			return true;
	return false;
}

bool health_is_usable(const struct addr *address)
{
	if (address->family == ADDR_V6)
		return !(address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80);
	return address->family == ADDR_V4 && address->bytes[0] != 127;
}

bool health_has_address(
	const struct nl_state *net, const struct nl_link *uplink, enum addr_family family)
{
	for (size_t i = 0; i < net->n_addrs; i++)
		if (net->addrs[i].ifindex == uplink->ifindex &&
			net->addrs[i].local.addr.family == family &&
			health_is_usable(&net->addrs[i].local.addr))
			return true;
	return false;
}

/* What keeps an uplink from carrying anything, or NULL. */
static const char *ailment(
	const struct natd_conf *conf, const struct nl_state *net, const struct nl_link *uplink)
{
	if (!uplink)
		return "does not exist";
	if (!uplink->up)
		return "is down";
	if (!uplink->running)
		return "has no carrier";
	if (has_masquerade(conf, uplink->name, ADDR_V4) &&
		!health_has_address(net, uplink, ADDR_V4))
		return "has no IPv4 address to translate to";
	if (has_masquerade(conf, uplink->name, ADDR_V6) &&
		!health_has_address(net, uplink, ADDR_V6))
		return "has no IPv6 address to translate to";
	return NULL;
}

static void judge_address(struct verdict *v, const struct natd_conf *conf, const char *uplink,
	const struct prefix *local)
{
	char address[ADDR_STRLEN], prefix[PREFIX_STRLEN];

	for (size_t i = 0; i < conf->n_subnets; i++)
		if (prefix_contains(&conf->subnets[i].prefix, &local->addr))
			blame(v, HEALTH_DEGRADED,
				"address %s of uplink %s is in subnet %s: nothing with it may "
				"leave there",
				addr_format(&local->addr, address), uplink,
				prefix_format(&conf->subnets[i].prefix, prefix));
}

static void judge_uplinks(
	struct verdict *v, const struct natd_conf *conf, const struct nl_state *net)
{
	size_t ailing = 0;

	for (size_t i = 0; i < conf->n_uplinks; i++)
		ailing += !!ailment(conf, net, model_link_by_name(net, conf->uplinks[i].name));
	for (size_t i = 0; i < conf->n_uplinks; i++) {
		const char *name = conf->uplinks[i].name;
		const struct nl_link *link = model_link_by_name(net, name);
		const char *why = ailment(conf, net, link);

		if (why)
			blame(v, ailing == conf->n_uplinks ? HEALTH_DOWN : HEALTH_DEGRADED,
				"uplink %s %s", name, why);
		for (size_t j = 0; link && j < net->n_addrs; j++)
			if (net->addrs[j].ifindex == link->ifindex)
				judge_address(v, conf, name, &net->addrs[j].local);
	}
}

bool health_table_full(const struct proc *proc, bool before)
{
	uint64_t percent = before ? FLOWS_CALM_PERCENT : FLOWS_WARN_PERCENT;

	return proc->flows_max && proc->flows >= proc->flows_max / 100 * percent;
}

static void judge_flows(struct verdict *v, const struct health_facts *facts)
{
	if (facts->table_full)
		blame(v, HEALTH_DEGRADED,
			"the flow table is more than %d %% full, and drops new flows when it is "
			"full: raise net.netfilter.nf_conntrack_max",
			FLOWS_WARN_PERCENT);
}

enum health_state health_judge(const struct natd_conf *conf, const struct health_facts *facts,
	char reason[static HEALTH_REASON_SIZE])
{
	struct verdict v = {HEALTH_UP, reason};

	reason[0] = '\0';
	if (facts->ruleset != LOAD_VERIFIED)
		blame(&v, HEALTH_DOWN, "the ruleset is not in force: %s", facts->ruleset_why);
	if (has_subnets(conf, ADDR_V4) && !facts->proc.forwarding_v4)
		blame(&v, HEALTH_DOWN, "forwarding is off: net.ipv4.ip_forward = 0");
	if (has_subnets(conf, ADDR_V6) && !facts->proc.forwarding_v6)
		blame(&v, HEALTH_DOWN, "forwarding is off: net.ipv6.conf.all.forwarding = 0");
	judge_uplinks(&v, conf, facts->net);
	if (facts->draining)
		blame(&v, HEALTH_DEGRADED,
			"draining: flows go on, but none begin; vpnctl nat undrain ends that");
	judge_flows(&v, facts);
	return v.state;
}
