/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is what the kernel might send about flows: messages one after the other. Whatever they
 * are, a flow that is read is whole, and the view of flows keeps its sums.
 */
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "natd/flow_table.h"
#include "natd/flows.h"
#include "netlink/conntrack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct flows *flows;
static struct natd_subnet subnets[2];
static struct natd_conf conf = {.subnets = subnets, .n_subnets = 2};

static void check_whole(const struct conntrack_flow *flow)
{
	enum addr_family family = flow->original.src.family;

	if ((family != ADDR_V4 && family != ADDR_V6) || flow->original.dst.family != family ||
		flow->reply.src.family != flow->reply.dst.family || flow->state >= CONNTRACK_STATES)
		abort();
}

static void check_sums(void)
{
	uint64_t active = 0;

	for (size_t i = 0; i < conf.n_subnets; i++)
		active += flows_subnet(flows, i)->active;
	if (active != flow_table_count(flows_table(flows)))
		abort();
}

/* As the kernel frames them; that it does so rightly is its promise. */
static void take_all(const uint8_t *bytes, size_t len)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)bytes;
		size_t step = (message->nlmsg_len + (size_t)3) / 4 * 4;
		struct conntrack_flow flow;
		enum conntrack_event event;

		if (message->nlmsg_len < sizeof(*message) || step > len)
			return;
		if (conntrack_parse(message, &flow, &event) == 0) {
			check_whole(&flow);
			flows_event(flows, event, &flow, (mono_t){1});
		}
		bytes += step;
		len -= step;
	}
}

/* Empty again after each input; made anew at times, since it remembers every public address. */
static int set_up(void)
{
	const struct flows_hooks hooks = {0};
	static unsigned int inputs;

	if (++inputs % 64 == 0) {
		flows_free(flows);
		flows = NULL;
	}
	prefix_parse("0.0.0.0/1", false, &subnets[0].prefix);
	prefix_parse("::/1", false, &subnets[1].prefix);
	return flows || flows_new(&conf, &hooks, (mono_t){0}, &flows) == 0;
}

static void list(const uint8_t *bytes, size_t len)
{
	flows_list_begins(flows);
	take_all(bytes, len);
	check_sums();
	flows_list_ended(flows, (mono_t){2});
	check_sums();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ uint8_t *copy = malloc(len + 1);

	if (!set_up())
		return 0;
	memcpy(copy, data, len);
	list(copy, len);
	list(copy, len);
	list(copy, 0);
	if (flow_table_count(flows_table(flows)))
		abort();
	return 0;
}
