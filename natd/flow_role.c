/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_role.h"

#include <netinet/in.h>

#include "base/flow_words.h"

const char *const flow_reason_names[FLOW_REASONS] = {
	[FLOW_CLOSED] = "closed",
	[FLOW_IDLE] = "idle",
	[FLOW_UNANSWERED] = "unanswered",
	[FLOW_REFUSED] = "refused",
	[FLOW_REMOVED] = "removed",
	[FLOW_RESYNCED] = "resynced",
};

static bool find_subnet(const struct natd_conf *conf, const struct addr *addr, uint16_t *index)
{
	for (size_t i = 0; i < conf->n_subnets; i++)
		if (prefix_contains(&conf->subnets[i].prefix, addr)) {
			*index = (uint16_t)i;
			return true;
		}
	return false;
}

bool flow_role_of(
	const struct natd_conf *conf, const struct conntrack_flow *flow, struct flow_role *role)
{
	const struct conntrack_tuple *there = &flow->original, *back = &flow->reply;
	uint16_t subnet;

	if (find_subnet(conf, &there->src, &subnet)) {
		*role = (struct flow_role){
			.inside = {there->src, there->src_port},
			.outside = {there->dst, there->dst_port},
			.subnet = subnet,
		};
		if (flow->src_nat)
			role->public = (struct flow_end){back->dst, back->dst_port};
		return true;
	}
	if (!find_subnet(conf, &back->src, &subnet))
		return false;
	*role = (struct flow_role){
		.inside = {back->src, back->src_port},
		.outside = {there->src, there->src_port},
		.subnet = subnet,
		.inward = true,
	};
	if (flow->dst_nat)
		role->public = (struct flow_end){there->dst, there->dst_port};
	return true;
}

struct conntrack_count flow_role_out(
	const struct flow_role *role, const struct conntrack_flow *flow)
{
	return role->inward ? flow->received : flow->sent;
}

struct conntrack_count flow_role_in(const struct flow_role *role, const struct conntrack_flow *flow)
{
	return role->inward ? flow->sent : flow->received;
}

bool flow_role_established(const struct conntrack_flow *flow)
{
	if (flow->protocol != IPPROTO_TCP)
		return flow->replied;
	return flow->assured ||
	       (flow->state >= CONNTRACK_ESTABLISHED && flow->state <= CONNTRACK_TIME_WAIT);
}

const char *flow_role_state(const struct conntrack_flow *flow)
{
	return flow->protocol == IPPROTO_TCP ? flow_words_tcp_states[flow->state]
					     : flow_words_other_state(flow->replied, flow->assured);
}

enum flow_reason flow_role_reason(const struct conntrack_flow *flow)
{
	bool tcp = flow->protocol == IPPROTO_TCP;

	if (tcp && !flow->replied && flow->has_timeout)
		return FLOW_REFUSED;
	if (tcp && flow->replied && flow->state >= CONNTRACK_FIN_WAIT &&
		flow->state <= CONNTRACK_CLOSE)
		return FLOW_CLOSED;
	if (flow->has_timeout)
		return FLOW_REMOVED;
	return flow->replied ? FLOW_IDLE : FLOW_UNANSWERED;
}
