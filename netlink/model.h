/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What netlink tells and takes, as plain values: links, addresses, next hops, routes and rules, and
 * a state that holds them sorted. Pure: no socket, no clock, no libnl. The same types serve both
 * sides of reconciliation, what we want and what the kernel has (diff.h compares them).
 *
 * The structs carry the prefix `nl_` of the room (`nl_ifaddr`, because libnl owns `struct
 * nl_addr`), the functions that of this file. Zero-initialise every struct before filling it.
 */
#ifndef NETLINK_MODEL_H
#define NETLINK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/*
 * The mark on everything we create: route and rule protocol, and IFA_PROTO of addresses. Free in
 * linux/rtnetlink.h and in iproute2's rt_protos ('G' in ASCII). What does not carry it is a
 * stranger's and never touched.
 */
#define NL_PROTO_GATEHOUSE 71

#define NL_NAME_SIZE 16     /* bytes of an interface name, the final NUL included (IFNAMSIZ) */
#define NL_KIND_SIZE 16     /* bytes of a link kind such as "tun", cut if longer */
#define NL_HOPS_MAX 8       /* next hops that one route, or one group of them, may have */
#define NL_TABLE_MAIN 254   /* the main routing table */
#define NL_SUPPRESS_NONE -1 /* no suppress_prefixlength in a rule */

struct nl_link {
	uint32_t ifindex;
	char name[NL_NAME_SIZE];
	char kind[NL_KIND_SIZE]; /* "" for hardware */
	uint32_t mtu;            /* bytes; wanted: 0 leaves it as it is */
	bool up;                 /* IFF_UP; wanted: false leaves it as it is */
	bool running;            /* IFF_RUNNING, observed only */
};

/* Key: ifindex and local, its length included. */
struct nl_ifaddr {
	uint32_t ifindex;
	struct prefix local; /* host bits kept, unlike in other prefixes */
	uint8_t protocol;    /* IFA_PROTO; 0 when the kernel is older than 5.18 or nobody set it */
	uint32_t flags;      /* IFA_F_*, observed only; what we add is permanent, in IPv6 nodad */
};

/* The kernel's numbers (RTN_*); others than these three are possible in strangers' routes. */
enum nl_route_type {
	NL_ROUTE_UNICAST = 1,
	NL_ROUTE_BLACKHOLE = 6,   /* drops in silence */
	NL_ROUTE_UNREACHABLE = 7, /* drops and tells the sender */
};

/*
 * Next hop objects (linux/nexthop.h, since Linux 5.3). Routes that lead to an id move when the
 * object behind it is replaced: all at once, however many, and without a gap. Ours have ids from
 * this range, which is a strangers' nowhere we know of and easy to tell in `ip nexthop`.
 */
#define NL_NEXTHOP_FIRST 7100000
#define NL_NEXTHOP_LAST 7199999

struct nl_member {
	uint32_t id;    /* of a next hop that is no group */
	uint8_t weight; /* 1-255; 0 counts as 1, and it is 1 in a group of one */
};

/* Key: id. A group if it has members, else straight onto a link. */
struct nl_nexthop {
	uint32_t id;
	uint8_t family;   /* enum addr_family of the routes that may use it; ADDR_NONE in a group */
	uint8_t protocol; /* NL_PROTO_GATEHOUSE in all that we want */
	uint32_t ifindex; /* 0 in a group */
	uint8_t n_members;
	struct nl_member members[NL_HOPS_MAX];
	bool opaque; /* observed only: has parts that this struct cannot hold */
};

struct nl_hop {
	uint32_t ifindex;
	struct addr gateway; /* ADDR_NONE: on the link itself */
	uint8_t weight;      /* 1-255; 0 counts as 1. Without meaning when the hop is alone */
};

/*
 * Key: table, dst, metric, protocol. The kernel has one place for each table, dst and metric,
 * unless somebody appends.
 *
 * Linux refuses IPv6 multipath over hops without gateway: give each hop a link-local gateway, on a
 * TUN any (fe80::1) does.
 */
struct nl_route {
	uint32_t table;
	struct prefix dst;   /* 0.0.0.0/0 or ::/0 for the default route */
	uint32_t metric;     /* lower wins. IPv6: 0 becomes 1024 in the kernel, and in a state */
	uint8_t type;        /* enum nl_route_type */
	uint8_t protocol;    /* NL_PROTO_GATEHOUSE in all that we want */
	uint32_t mtu;        /* bytes; 0 follows the link */
	bool mtu_locked;     /* nothing learnt by ICMP changes it; IPv6 forwards by no other */
	struct addr prefsrc; /* ADDR_NONE: the kernel chooses */
	uint32_t nexthop;    /* id of the object with the hops; 0: they are here */
	uint8_t n_hops;      /* 0 unless unicast, and with a nexthop */
	struct nl_hop hops[NL_HOPS_MAX];
};

/* A rule that looks up a table, or refuses. Key: the whole. */
struct nl_rule {
	uint8_t family;    /* enum addr_family */
	uint32_t priority; /* lower is asked first; never 0 in what we want */
	bool unreachable;  /* refuses and tells the sender; table is 0 then */
	uint32_t table;
	uint32_t fwmark, fwmask; /* both 0: not looked at; mask 0 with a mark becomes all ones */
	struct prefix src, dst;  /* ADDR_NONE: any */
	char iif[NL_NAME_SIZE];  /* "": any */
	int32_t suppress_prefixlength; /* bits, or NL_SUPPRESS_NONE */
	bool invert;
	uint8_t protocol; /* NL_PROTO_GATEHOUSE in all that we want */
	bool opaque; /* observed only: has parts that this struct cannot hold; equals no wanted rule
		      */
};

/* Read the arrays freely, each is sorted by key; change them through the functions below alone. */
struct nl_state {
	struct nl_link *links;
	struct nl_ifaddr *addrs;
	struct nl_nexthop *nexthops;
	struct nl_route *routes;
	struct nl_rule *rules;
	size_t n_links, n_addrs, n_nexthops, n_routes, n_rules;
	bool has_nexthops, has_rules; /* observed only: this kernel knows such objects */
};

/* An empty state, owned by the caller; NULL when out of memory. */
struct nl_state *model_new(void);
void model_free(struct nl_state *s);
void model_freep(struct nl_state **s); /* for __attribute__((cleanup)) */

/*
 * Store a copy, in the place of what has the same key. Next hops, routes and rules are written as
 * the kernel would report them: metric of IPv6, hops and members sorted and weighted, no hops
 * unless unicast, dst masked, all-ones fwmask. Return 1 if the state changed, 0 if it held just
 * this, or -ENOMEM, or -EINVAL for more hops than NL_HOPS_MAX, with the state unchanged.
 */
int model_put_link(struct nl_state *s, const struct nl_link *link);
int model_put_addr(struct nl_state *s, const struct nl_ifaddr *addr);
int model_put_nexthop(struct nl_state *s, const struct nl_nexthop *nexthop);
int model_put_route(struct nl_state *s, const struct nl_route *route);
int model_put_rule(struct nl_state *s, const struct nl_rule *rule);

/* Remove what has the key of the argument. Return true if it was there. */
bool model_drop_link(struct nl_state *s, uint32_t ifindex);
bool model_drop_addr(struct nl_state *s, const struct nl_ifaddr *key);
bool model_drop_nexthop(struct nl_state *s, uint32_t id);
bool model_drop_route(struct nl_state *s, const struct nl_route *key);
bool model_drop_rule(struct nl_state *s, const struct nl_rule *key);

/*
 * Look up by key, as the kernel would report it (IPv6: metric 1024, not 0); NULL when absent. The
 * pointer holds until the state changes.
 */
const struct nl_link *model_link_by_index(const struct nl_state *s, uint32_t ifindex);
const struct nl_link *model_link_by_name(const struct nl_state *s, const char *name);
const struct nl_ifaddr *model_find_addr(const struct nl_state *s, const struct nl_ifaddr *key);
const struct nl_nexthop *model_find_nexthop(const struct nl_state *s, uint32_t id);
const struct nl_route *model_find_route(const struct nl_state *s, const struct nl_route *key);
const struct nl_rule *model_find_rule(const struct nl_state *s, const struct nl_rule *key);

/* A route of any other protocol in the kernel's place for `route`: same table, dst and metric. */
const struct nl_route *model_find_rival(const struct nl_state *s, const struct nl_route *route);

/* Same in every field; both must come from a state. */
bool model_nexthop_equal(const struct nl_nexthop *a, const struct nl_nexthop *b);
bool model_route_equal(const struct nl_route *a, const struct nl_route *b);
bool model_rule_equal(const struct nl_rule *a, const struct nl_rule *b);

/* Same objects in every field, the observed ones included. */
bool model_equal(const struct nl_state *a, const struct nl_state *b);

/* True if a route or next hop of the state leaves by `ifindex`. */
bool model_routes_use_link(const struct nl_state *s, uint32_t ifindex);

/* True if a route of the state has `addr` as its preferred source. */
bool model_routes_use_source(const struct nl_state *s, const struct addr *addr);

#endif
