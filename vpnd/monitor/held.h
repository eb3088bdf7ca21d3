/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the monitor holds for one tunnel: every descriptor that the engine works with, so that
 * engines may come and go while interface, port and socket stay. A reload prepares a second set for
 * a tunnel that changes, which shares the device, and keeps one of the two.
 */
#ifndef VPND_MONITOR_HELD_H
#define VPND_MONITOR_HELD_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "vpnd/conf.h"
#include "vpnd/monitor/handover.h"
#include "vpnd/monitor/keyset.h"
#include "vpnd/monitor/uapisock.h"
#include "vpnd/monitor/udpsock.h"
#include "vpnd/privsep.h"

/* What is known of a peer of the config. */
struct held_peer {
	struct endpoint endpoint; /* as configured or resolved last; ADDR_NONE: not yet */
	bool down;                /* the engine says so; unknown counts as up */
	bool proven;              /* it has answered since this program knows it */
	uint32_t pmtu;            /* bytes, as the engine measured it last; 0: not measured */
};

struct held {
	uint32_t slot;
	char name[IFNAMSIZ];
	const struct vpnd_tunnel_conf *conf; /* borrowed; NULL: configured over the UAPI alone */
	int tun_fd;
	int queue_fds[PRIVSEP_LANES]; /* of more lanes than one: each but the first's, then the sink
				       */
	size_t n_queue_fds;
	uint32_t tun_takes; /* of enum privsep_takes */
	uint32_t ifindex;   /* 0: the device is gone */
	uint32_t mtu;       /* bytes; these two as the kernel last said */
	bool up;
	bool away; /* the device was moved to another network namespace */
	uint32_t fwmark;
	struct vpnd_speed_conf speed;
	struct udpsock udp;
	struct sockfile uapi;
	struct keyset keys;      /* empty without conf */
	struct held_peer *peers; /* as many as conf has */
	bool told;               /* the engine that runs knows this tunnel */
	int state_fd;            /* memfd of the engine's; -1: none */
};

/*
 * What a new tunnel needs before it has a device: key files, sockets, and a name that no interface
 * has. `conf` is borrowed for the life of the result, NULL for a tunnel without config. `all` (by
 * slot) are the tunnels in whose hands the wanted port may be; it is shared then. Returns 0 with
 * *out for held_free, or a negative errno (-EADDRINUSE: the port, or -EBUSY: the name is taken)
 * with a line for the operator in err.
 */
int held_new(uint32_t slot, const char *name, const struct vpnd_tunnel_conf *conf,
	const struct vpnd_speed_conf *speed, struct held *const all[static PRIVSEP_TUNNELS],
	struct held **out, char *err, size_t errlen);

/*
 * Another set for `old`, as `conf` says now. It shares what both have in common, and a port as
 * above. Returns as held_new.
 */
int held_renew(const struct held *old, const struct vpnd_tunnel_conf *conf,
	struct held *const all[static PRIVSEP_TUNNELS], struct held **out, char *err,
	size_t errlen);

/*
 * Device and UAPI socket of `from`, which gets ours for them: it may have others than when it was
 * renewed.
 */
void held_take_device(struct held *h, struct held *from);

/*
 * A tunnel with its device, of what the monitor before this one had; what is taken out of `from`
 * is -1 there. Returns as held_new.
 */
int held_adopt(uint32_t slot, const char *name, const struct vpnd_tunnel_conf *conf,
	const struct vpnd_speed_conf *speed, struct handover_tunnel *from, struct held **out,
	char *err, size_t errlen);

/*
 * Where there is more than one lane: a queue of the device for each to read, and one more for all
 * to write to, unless there are as many already. held_make_device does that; who adopts a device
 * does it when it is sure to keep it. One that stays with its single queue is used by all. Returns
 * 0, or a negative errno with a sentence in err.
 */
int held_add_queues(struct held *h, char *err, size_t errlen);

/* Add it to what the next monitor is told; the descriptors stay ours. Returns 0 or -ENOMEM. */
int held_hand_over(const struct held *h, struct handover *to);

/* Close all. The device goes with the last set that holds it; socket files stay. NULL is fine. */
void held_free(struct held *h);
void held_freep(struct held **h); /* for __attribute__((cleanup)) */

/* Make the device, which there is not yet or not any more. Returns as held_new. */
int held_make_device(struct held *h, char *err, size_t errlen);

/*
 * Other switches: device and sockets follow at once, and the log says what the kernel grants.
 * `lanes` stay as held_new was told.
 */
void held_set_speed(struct held *h, const struct vpnd_speed_conf *speed);

/*
 * What the engine may have for its sockets: a config names the one port below 1024 that is a
 * tunnel's, and the one firewall mark, for with others it could pass for another service, or go
 * ways that are not its own. Without config who sets them is the client of the UAPI, who is root.
 */
bool held_may_bind(const struct held *h, uint16_t port);
bool held_may_mark(const struct held *h, uint32_t fwmark);

/* Take over sockets that are open. */
void held_take_udp(struct held *h, const struct udpsock *udp);

/* Index of a peer of the config by its public key; -1 if there is none. */
int held_find_peer(const struct held *h, const uint8_t public_key[static KEY_LEN]);

/* True if there is a device, in this network namespace. `h` may be NULL. */
bool held_is_here(const struct held *h);

/* True if `peer` has an address of `prefix` in its allowed_ips. */
bool held_peer_covers(const struct vpnd_peer_conf *peer, const struct prefix *prefix);

/*
 * Smallest path MTU, in bytes, that was measured of the peers that carry `prefix`, if it is below
 * the link's; else 0.
 */
uint32_t held_mtu(const struct held *h, const struct prefix *prefix);

/*
 * True unless all that could carry `prefix` is down: the peers that have it in allowed_ips, or any
 * peer where none has.
 */
bool held_carries(const struct held *h, const struct prefix *prefix);

/* The same of what has answered, too. True without peers: nobody could. */
bool held_is_proven(const struct held *h, const struct prefix *prefix);

#endif
