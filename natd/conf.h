/* SPDX-License-Identifier: GPL-2.0-or-later */
/* natd.conf as values. What each key means is in natd.conf(5). */
#ifndef NATD_CONF_H
#define NATD_CONF_H

#include "base/conf.h"

/* Bounds of the lists that cost memory or rules in the kernel; far above any real use. */
#define NATD_UPLINKS_MAX 64
#define NATD_SUBNETS_MAX 1024
#define NATD_POOL_MAX 256

/* An interface that leads to the Internet. */
struct natd_uplink {
	char name[IFNAMSIZ];
	struct addr
		*snat; /* for subnets that have none of their own; none: what the kernel takes */
	size_t n_snat;
	const config_setting_t *at; /* where it stands; only while the file is being checked */
};

/* A prefix of a list that is checked against others. */
struct natd_prefix {
	struct prefix prefix;
	const config_setting_t *at; /* as above */
};

/* A private network whose hosts may use the uplinks. */
struct natd_subnet {
	struct conf_where where;
	struct prefix prefix;
	struct addr *snat; /* public addresses, all of the prefix's family; none: the uplink's */
	size_t n_snat;
	struct prefix snat_prefix; /* takes the prefix's place, host part kept; ADDR_NONE if not */
	bool translate;            /* false: its addresses are public, and stay */
	bool random_ports;         /* no source port is kept */
	uint32_t max_connections_per_host; /* 0: no limit */
};

/* How a subnet's flows are translated on the uplinks. */
enum natd_translation {
	NATD_TO_UPLINK, /* to an address of the uplink */
	NATD_TO_POOL,   /* to one of `snat` */
	NATD_TO_PREFIX, /* to `snat_prefix` */
	NATD_NONE,      /* not at all */
};
enum natd_translation natd_translation_of(const struct natd_subnet *subnet);

enum natd_protocol { NATD_TCP, NATD_UDP };

/* A port of the uplinks' addresses that leads to an inside host. */
struct natd_forward {
	struct conf_where where;
	uint8_t protocol; /* enum natd_protocol */
	uint16_t uplink_port;
	struct conf_hostport to;
};

/* How long a translated flow that is silent keeps its place, in seconds. */
struct natd_timeouts {
	uint32_t tcp_established_s;
	uint32_t tcp_transitory_s;             /* opening or closing, where those are 0 */
	uint32_t tcp_opening_s, tcp_closing_s; /* 0: tcp_transitory_s */
	uint32_t tcp_reset_s;                  /* 0: as closing */
	uint32_t udp_s;
	bool reset_expired; /* TCP that goes on after its time is reset, not taken up again */
};

/* What is logged of each flow, and where. */
struct natd_flow_log {
	char *file; /* NULL: none */
	bool journal, start, end;
	uint32_t sample; /* one flow of so many */
};

struct natd_conf {
	struct conf_where where;
	struct natd_uplink *uplinks;
	struct natd_subnet *subnets;
	struct natd_prefix *never_uplink;
	struct natd_prefix *exempt;
	uint16_t *reserved_ports;
	struct natd_forward *forwards;
	size_t n_uplinks, n_subnets, n_never_uplink, n_exempt, n_reserved_ports, n_forwards;
	struct conf_ports ports;
	struct natd_timeouts timeouts;
	bool manage_sysctl;
	struct natd_flow_log flow_log;
	uint32_t flow_events_max; /* a second; 0: no limit */
};

extern const struct conf_table natd_conf_table;

/*
 * Read and check a file. Returns 0 with *out to be freed with natd_conf_free, or a negative errno
 * with at least one entry in errors; *out is untouched then.
 */
int natd_conf_load(const char *path, struct natd_conf **out, struct conf_errors *errors);
void natd_conf_free(struct natd_conf *conf);
void natd_conf_freep(struct natd_conf **conf); /* for __attribute__((cleanup)) */

#define NATD_CONF_HASH_STRLEN 17

/*
 * Sixteen hex digits that are the same for configs that mean the same, whatever their layout and
 * comments. Returns 0 or -ENOMEM.
 */
int natd_conf_hash(const struct natd_conf *conf, char out[static NATD_CONF_HASH_STRLEN]);

#endif
