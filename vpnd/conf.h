/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config file of vpnd, vpnd.conf(5): its values, its table of keys, and what they must agree
 * on. */
#ifndef VPND_CONF_H
#define VPND_CONF_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/conf.h"
#include "base/key.h"

#define VPND_CONF_FILE "/etc/gatehouse/vpnd.conf"
#define VPND_CONF_USER "gatehouse" /* default of engine_user */
#define VPND_CONF_MTU 1420 /* bytes; default of mtu: 1500 less what WireGuard adds over IPv6 */

enum {
	VPND_CONF_TUNNELS_MAX = 256,     /* each takes a slot (privsep.h) */
	VPND_CONF_VIA_MAX = 8,           /* tunnels that one route may name */
	VPND_CONF_MAIN_TABLE = 254,      /* of the kernel; default of table */
	VPND_CONF_GUARD_PRIORITY = 7100, /* of the guards' rules, and the number after it */
	VPND_CONF_LOCAL_TABLE = 255,     /* of the kernel, and nobody else's to write */
	VPND_CONF_BUSY_POLL_MAX_US = 1000,
	VPND_CONF_LANES_MAX = 8, /* queues that privsep.h can name */
};

struct vpnd_peer_conf {
	struct conf_where where;
	char *name; /* NULL: none */
	uint8_t public_key[KEY_LEN];
	char *preshared_key_file;      /* NULL: none */
	struct conf_hostport endpoint; /* host NULL: none */
	struct prefix *allowed_ips;    /* of different peers, they never overlap */
	size_t n_allowed_ips;
	uint16_t persistent_keepalive; /* seconds, 0: off */
	struct addr probe;             /* ADDR_NONE: none; else inside allowed_ips */
	uint32_t probe_interval_ms;
};

struct vpnd_tunnel_conf {
	struct conf_where where;
	char name[IFNAMSIZ];
	char *private_key_file;
	uint16_t listen_port; /* 0: any */
	struct prefix *addresses;
	size_t n_addresses;
	uint32_t mtu;    /* bytes */
	uint32_t fwmark; /* 0: none */
	struct vpnd_peer_conf *peers;
	size_t n_peers;
};

enum vpnd_policy {
	VPND_FAILOVER, /* by the first tunnel that is up */
	VPND_ECMP,     /* by all that are up */
};

struct vpnd_route_conf {
	struct conf_where where;
	struct prefix prefix;
	char (*via)[IFNAMSIZ];
	size_t n_via;
	uint16_t via_tunnel[VPND_CONF_VIA_MAX]; /* derived: index of each `via` in tunnels */
	enum vpnd_policy policy;
	uint8_t *weights; /* of ecmp, one for each `via`, or none at all */
	size_t n_weights;
	bool preempt;         /* of failover */
	uint32_t hold_time_s; /* before a tunnel that came back is used */
	uint32_t table;       /* routing table, never 0 */
};

/* A policy rule of the kernel. */
struct vpnd_rule_conf {
	struct conf_where where;
	uint32_t priority;
	struct prefix from, to;  /* ADDR_NONE: any */
	uint32_t fwmark, fwmask; /* both 0: not looked at; mask 0 with a mark: all of it */
	uint32_t table;
};

/* How packets are moved fast, in all tunnels: what may be used where the kernel has it. */
struct vpnd_speed_conf {
	bool tun_offload;      /* many segments of TCP or UDP cross the TUN in one piece */
	bool udp_segmentation; /* many datagrams of one size are sent in one piece */
	bool udp_coalescing;   /* and received */
	uint32_t busy_poll_us; /* how long an idle engine looks for packets before it sleeps */
	uint32_t lanes;        /* threads that move them, if more than one; 0: as many as pay */
};
#define VPND_CONF_SPEED ((struct vpnd_speed_conf){true, true, true, 0, 0}) /* the defaults */

struct vpnd_conf {
	char *engine_user;
	struct vpnd_speed_conf speed;
	struct vpnd_tunnel_conf *tunnels;
	size_t n_tunnels;
	struct vpnd_route_conf *routes;
	size_t n_routes;
	struct vpnd_rule_conf *rules;
	size_t n_rules;
	uint32_t table;        /* of routes that name none */
	char *on_state_change; /* NULL: none */
	char *hook_user;       /* NULL: engine_user */
	uint32_t hook_timeout_s;
};

/* How many lanes `wanted` means on a machine with that many cores. */
uint32_t vpnd_conf_lanes(uint32_t wanted, size_t cores);

/* The keys, for conf_help and for printing. */
extern const struct conf_table vpnd_conf_table;

/*
 * Read and check the file. Returns 0 with *out to be freed by vpnd_conf_free, or a negative errno
 * with at least one entry in `errors` (see conf_load). *out is untouched on failure.
 */
int vpnd_conf_load(const char *path, struct vpnd_conf **out, struct conf_errors *errors);
void vpnd_conf_free(struct vpnd_conf *conf);

/* 16 hex digits and a NUL that differ whenever the values do: BLAKE2b of the config as printed. */
#define VPND_CONF_HASH_STRLEN 17

/* Write the hash. Returns 0 or -ENOMEM. */
int vpnd_conf_hash(const struct vpnd_conf *conf, char out[static VPND_CONF_HASH_STRLEN]);

/* True if all that the file says about the two tunnels is the same. False when out of memory. */
bool vpnd_conf_tunnel_equal(const struct vpnd_tunnel_conf *a, const struct vpnd_tunnel_conf *b);

/* True if both switch the same, but for `lanes`, which do not change while vpnd runs. */
bool vpnd_conf_speed_equal(const struct vpnd_speed_conf *a, const struct vpnd_speed_conf *b);

/* How errors and logs call a peer: its name, or its public key if it has none. Returns `out`. */
#define VPND_CONF_LABEL_STRLEN 64
char *vpnd_conf_peer_label(
	const struct vpnd_peer_conf *peer, char out[static VPND_CONF_LABEL_STRLEN]);

#endif
