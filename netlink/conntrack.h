/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's flows (conntrack entries) of the current network namespace: what a message says,
 * listing them, deleting one. Following them as they come and go is conntrack_follow.h.
 */
#ifndef NETLINK_CONNTRACK_H
#define NETLINK_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct nlmsghdr;

/* Numbers are the kernel's, of TCP; a flow of another protocol has CONNTRACK_NO_STATE. */
enum conntrack_state {
	CONNTRACK_NO_STATE,
	CONNTRACK_SYN_SENT,
	CONNTRACK_SYN_RECV,
	CONNTRACK_ESTABLISHED,
	CONNTRACK_FIN_WAIT,
	CONNTRACK_CLOSE_WAIT,
	CONNTRACK_LAST_ACK,
	CONNTRACK_TIME_WAIT,
	CONNTRACK_CLOSE,
	CONNTRACK_SYN_SENT2,
	CONNTRACK_STATES
};

/*
 * Who speaks to whom. Protocols without ports have 0 in both; of ICMP the port of the one who began
 * is the id, and the other's is type and code of the request (type * 256 + code).
 */
struct conntrack_tuple {
	struct addr src, dst;
	uint16_t src_port, dst_port;
};

/* True if flows of this protocol have ports, and of the other, id and type in their place. */
bool conntrack_is_icmp(uint8_t protocol);
bool conntrack_has_ports(uint8_t protocol);

struct conntrack_count {
	uint64_t packets, bytes;
};

/* A flow as the kernel tells it. `reply` is as its answers arrive, so translation shows there. */
struct conntrack_flow {
	struct conntrack_tuple original, reply;
	struct conntrack_count sent, received; /* by the one who began; 0 while accounting is off */
	uint32_t id;                           /* tells apart flows that reuse a tuple */
	uint32_t timeout_s;                    /* left until it ends, if all stay silent */
	uint16_t zone;
	uint8_t protocol; /* IPPROTO_* */
	uint8_t state;    /* enum conntrack_state */
	bool has_timeout; /* without one in CONNTRACK_DESTROY, the flow had timed out */
	bool has_counts;
	bool replied;          /* answered at least once */
	bool assured;          /* not given up early when the table is full */
	bool src_nat, dst_nat; /* translated */
};

enum conntrack_event {
	CONNTRACK_NEW,
	CONNTRACK_UPDATE,
	CONNTRACK_DESTROY,
	CONNTRACK_FOUND, /* in a list that was asked for */
};

/*
 * What a message of the kernel says; its length must be that of what is in memory. Returns 0, or
 * -EBADMSG if it is not about a flow or cannot be read.
 */
int conntrack_parse(
	const struct nlmsghdr *message, struct conntrack_flow *flow, enum conntrack_event *event);

/* --- listing ---------------------------------------------------------------------------------- */

/*
 * A list in the making. The kernel makes it while it is read, a few hundred flows at a time, so it
 * costs no memory and waits for whoever reads it.
 */
struct conntrack_list;

/* Called for each flow; the flow is only lent. */
typedef void (*conntrack_fn)(
	enum conntrack_event event, const struct conntrack_flow *flow, void *arg);

/* Ask for all flows of a family, or of both (ADDR_NONE). Returns 0 or a negative errno. */
int conntrack_list_new(enum addr_family family, struct conntrack_list **out);

/*
 * Read the next part, some hundred flows, without ever waiting. Returns 1 if there may be more,
 * 0 at the end, or a negative errno.
 */
int conntrack_list_read(struct conntrack_list *list, conntrack_fn found, void *arg);

/* Becomes readable when there is a part to read. */
int conntrack_list_fd(const struct conntrack_list *list);
void conntrack_list_free(struct conntrack_list *list);

/* --- changing --------------------------------------------------------------------------------- */

/* A socket for requests that are answered at once. */
struct conntrack_request;

int conntrack_request_new(struct conntrack_request **out);
void conntrack_request_free(struct conntrack_request *request);

/*
 * End this one flow: with its id, so that another one that took its place is spared. Returns 0,
 * -ENOENT if it has ended already, or a negative errno.
 */
int conntrack_delete(struct conntrack_request *request, const struct conntrack_flow *flow);

/* What the kernel counts by itself, summed over all CPUs, since it started. */
struct conntrack_stats {
	uint64_t insert_failed; /* two flows wanted the same translation, or no port was free */
	uint64_t drop;          /* packets whose flow could not be kept */
	uint64_t early_drop;    /* flows given up to make room in a full table */
	uint64_t invalid;
	uint64_t clash_resolve; /* like insert_failed, but the packet found its flow after all */
	uint64_t chain_toolong; /* flows refused since too many have the same hash */
};

/* Read them, all of this network namespace. Returns 0 or a negative errno. */
int conntrack_read_stats(struct conntrack_request *request, struct conntrack_stats *out);

#endif
