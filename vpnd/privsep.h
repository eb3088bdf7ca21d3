/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What monitor and engine say to each other: a closed set of fixed structs over one SOCK_SEQPACKET
 * channel (base/channel.h), each with at most one descriptor. Both ends are the same binary, so
 * structs are in host byte order. Whatever is not listed here, has another size, is out of range or
 * comes with the wrong number of descriptors is fatal to the sender: the monitor kills an engine
 * that breaks these rules, the engine exits.
 *
 * A tunnel is named by its slot, which the monitor gives out once and keeps across engine restarts.
 *
 * The monitor starts an engine with START, CONTROL and the LABEL_FLOORs; for each tunnel it sends a
 * batch from TUNNEL to TUNNEL_DONE, which the engine carries out as a whole. SYNCED then says that
 * nothing more comes before the engine may answer READY. Keys cross only within a memfd,
 * which the kernel fills from the key files and the monitor never reads (base/keyfile.h); the state
 * that a client set through the UAPI crosses as a sealed memfd, which the monitor keeps for the
 * next engine and never reads.
 */
#ifndef VPND_PRIVSEP_H
#define VPND_PRIVSEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	PRIVSEP_NAME = 64,                  /* bytes of a peer's name with its NUL */
	PRIVSEP_IFNAME = 16,                /* bytes of an interface name with its NUL */
	PRIVSEP_HOST = 256,                 /* bytes of an endpoint text with its NUL */
	PRIVSEP_REASON = 128,               /* bytes of a reason in words with its NUL */
	PRIVSEP_SUBJECT = 96,               /* bytes of what an event is about with its NUL */
	PRIVSEP_WHAT = 192,                 /* bytes of what happened with its NUL */
	PRIVSEP_VIA = 8,                    /* tunnels that one route may use */
	PRIVSEP_TUNNELS = 256,              /* slots are smaller than this */
	PRIVSEP_LANES = 8,                  /* at most; each may read a queue of a TUN of its own */
	PRIVSEP_QUEUE_SINK = PRIVSEP_LANES, /* the queue that all of them write to */
	PRIVSEP_QUEUES,
	PRIVSEP_STATE_MAX = 64 << 20, /* bytes of a tunnel's state */
};

enum privsep_type {
	/* monitor to engine */
	PRIVSEP_START = 1,   /* struct privsep_start */
	PRIVSEP_CONTROL_FD,  /* struct privsep_plain + listening control socket */
	PRIVSEP_TUNNEL,      /* struct privsep_tunnel: a batch for this slot begins */
	PRIVSEP_TUN_FD,      /* struct privsep_tun + TUN descriptor, once for each queue */
	PRIVSEP_UAPI_FD,     /* struct privsep_slot + listening UAPI socket */
	PRIVSEP_UDP_FD,      /* struct privsep_udp + bound UDP socket */
	PRIVSEP_KEYS_FD,     /* struct privsep_slot + memfd: the private key, then one a peer */
	PRIVSEP_PEER,        /* struct privsep_peer: the peer that the next messages are about */
	PRIVSEP_ALLOWED_IP,  /* struct privsep_allowed_ip, for the newest PEER */
	PRIVSEP_STATE_FD,    /* struct privsep_slot + memfd with an earlier engine's state */
	PRIVSEP_TUNNEL_DONE, /* struct privsep_slot: carry the batch out */
	PRIVSEP_TUNNEL_GONE, /* struct privsep_slot: forget the tunnel */
	PRIVSEP_SYNCED,      /* struct privsep_plain */
	PRIVSEP_LINK,        /* struct privsep_link: the interface changed */
	PRIVSEP_BOUND,       /* struct privsep_bound: answer to BIND; UDP_FD came before it */
	PRIVSEP_MARKED,      /* struct privsep_result: answer to MARK */
	PRIVSEP_ENDPOINT,    /* struct privsep_endpoint: a peer's host name was resolved */
	PRIVSEP_ROUTES,      /* struct privsep_plain: forget all routes, ROUTE follow */
	PRIVSEP_ROUTE,       /* struct privsep_route: for status */
	PRIVSEP_RELOADED,    /* struct privsep_reloaded: answer to RELOAD */
	PRIVSEP_REROUTED,    /* struct privsep_plain: routes or addresses of the host changed */
	PRIVSEP_PATH_STALE,  /* struct privsep_path: answer to PATH, if it is stale */
	PRIVSEP_LABEL_FLOOR, /* struct privsep_label: as LABEL, of all times before */
	PRIVSEP_KERNEL,      /* struct privsep_kernel: for status */
	PRIVSEP_PING,        /* struct privsep_plain: does your loop go round? */
	PRIVSEP_EVENT,       /* struct privsep_event: also those from before it was started */
	PRIVSEP_STOP,        /* struct privsep_plain: exit 0 */

	/* engine to monitor */
	PRIVSEP_READY = 128,   /* struct privsep_plain: all tunnels of the sync are up */
	PRIVSEP_PONG,          /* struct privsep_plain: answer to PING */
	PRIVSEP_BIND,          /* struct privsep_bind: other UDP sockets, please */
	PRIVSEP_MARK,          /* struct privsep_mark: SO_MARK on this tunnel's UDP sockets */
	PRIVSEP_STATE,         /* struct privsep_slot + memfd: keep this for the next engine */
	PRIVSEP_RELOAD,        /* struct privsep_plain: a control client asks for it */
	PRIVSEP_TUNNEL_FAILED, /* struct privsep_failed: a batch cannot be carried out */
	PRIVSEP_LABEL,         /* struct privsep_label: the key is about to use such a label */
	PRIVSEP_PEER_STATE,    /* struct privsep_peer_state: liveness changed */
	PRIVSEP_TUN_LOST, /* struct privsep_slot: the TUN descriptor fails; is its device gone? */
	PRIVSEP_PATH,     /* struct privsep_path: does the host still route like this? */
	PRIVSEP_PATH_MTU, /* struct privsep_path_mtu: what passes to a peer was measured */
};

/* Later than any time that a clock can show by mistake and still be mended. */
#define PRIVSEP_LABEL_MAX_S (1LL << 40)

struct privsep_plain {
	uint32_t type;
};

struct privsep_slot {
	uint32_t type;
	uint32_t slot;
};

struct privsep_start {
	uint32_t type;
	uint32_t log_level;       /* enum log_level */
	uint32_t engine_restarts; /* since the monitor started */
	bool uapi_only;           /* vpnd IFNAME: no config file, no control socket */
	uint64_t started_us;      /* mono time at which the monitor started */
	char config_file[PRIVSEP_HOST];
	char config_hash[17]; /* hex, of the config as parsed; empty when uapi_only */
};

struct privsep_tunnel {
	uint32_t type;
	uint32_t slot;
	uint32_t ifindex;
	uint32_t mtu;          /* bytes */
	uint32_t fwmark;       /* 0: none */
	uint16_t listen_port;  /* as bound */
	bool from_config;      /* peers and keys of this batch replace what the slot has */
	bool up;               /* the interface is administratively up */
	uint32_t busy_poll_us; /* how long to look for packets before sleeping */
	char name[PRIVSEP_IFNAME];
};

/* What a TUN device takes and gives in one piece beside single packets. */
enum privsep_takes {
	PRIVSEP_TAKES_TCP4 = 1,
	PRIVSEP_TAKES_TCP6 = 2,
	PRIVSEP_TAKES_UDP4 = 4,
	PRIVSEP_TAKES_UDP6 = 8,
	PRIVSEP_TAKES_ALL = 15,
};

/* The device has a struct virtio_net_hdr before each packet. */
struct privsep_tun {
	uint32_t type;
	uint32_t slot;
	uint32_t takes; /* of enum privsep_takes */
	uint32_t queue; /* smaller than PRIVSEP_QUEUES; a single lane has queue 0 for all */
};

struct privsep_udp {
	uint32_t type;
	uint32_t slot;
	uint8_t family; /* enum addr_family */
	bool segments;  /* UDP_SEGMENT may be used */
	uint16_t port;  /* as bound, host order */
};

struct privsep_peer {
	uint32_t type;
	uint32_t slot;
	uint8_t public_key[32];
	struct endpoint endpoint;      /* family ADDR_NONE: none, or not resolved yet */
	uint16_t persistent_keepalive; /* seconds, 0: off */
	struct addr probe;             /* family ADDR_NONE: none */
	struct addr probe_source;      /* of the interface, in the family of `probe` */
	uint32_t probe_interval_ms;
	uint32_t path_mtu;       /* as an engine before has measured, bytes; 0: not known */
	bool preshared;          /* the KEYS_FD has a key for it */
	char name[PRIVSEP_NAME]; /* may be empty */
	char host[PRIVSEP_HOST]; /* endpoint as configured, for status; may be empty */
};

struct privsep_allowed_ip {
	uint32_t type;
	uint32_t slot;
	struct prefix prefix;
};

struct privsep_link {
	uint32_t type;
	uint32_t slot;
	uint32_t mtu; /* bytes */
	bool up;
	bool gone; /* deleted: the TUN descriptor is dead */
};

struct privsep_bind {
	uint32_t type;
	uint32_t slot;
	uint32_t fwmark;
	uint16_t port; /* 0: any */
};

struct privsep_bound {
	uint32_t type;
	uint32_t slot;
	int32_t error; /* 0 or a positive errno; the old sockets stay in use then */
	uint16_t port;
};

struct privsep_mark {
	uint32_t type;
	uint32_t slot;
	uint32_t fwmark;
};

struct privsep_result {
	uint32_t type;
	uint32_t slot;
	int32_t error; /* 0 or a positive errno */
};

struct privsep_endpoint {
	uint32_t type;
	uint32_t slot;
	uint8_t public_key[32];
	struct endpoint endpoint;    /* family ADDR_NONE: not resolved */
	char reason[PRIVSEP_REASON]; /* why not, in words; empty when resolved */
};

struct privsep_route {
	uint32_t type;
	struct prefix prefix;
	uint32_t slot;        /* tunnel that carries it now */
	uint32_t backup_slot; /* PRIVSEP_TUNNELS: none */
	uint8_t installed;    /* the kernel has it; else `slot` is the tunnel to wait for */
	uint8_t n_more;       /* tunnels that carry it beside the one in `slot`, by ecmp: */
	uint32_t more[PRIVSEP_VIA - 1];
	uint32_t table; /* routing table */
};

/* How often the kernel was not as it should be, since the monitor started. */
struct privsep_kernel {
	uint32_t type;
	uint64_t repairs, overruns, resyncs;
};

enum privsep_event_kind {
	PRIVSEP_EVENT_DAEMON,    /* start, and ends of engines */
	PRIVSEP_EVENT_CONFIG,    /* taken or refused */
	PRIVSEP_EVENT_TUNNEL,    /* a peer is up or down */
	PRIVSEP_EVENT_ROUTE,     /* a prefix goes another way */
	PRIVSEP_EVENT_INTERFACE, /* gone or there again */
	PRIVSEP_EVENT_REPAIR,    /* of what others changed */
	PRIVSEP_EVENT_KINDS,
};

/* Something that an operator may want to know of later; texts are escaped. */
struct privsep_event {
	uint32_t type;
	uint32_t kind;                 /* enum privsep_event_kind */
	uint64_t number;               /* from 1, one for each since the first monitor */
	uint64_t run;                  /* mono us; tells these numbers from another monitor's */
	int64_t time_ms;               /* milliseconds since 1970 */
	char subject[PRIVSEP_SUBJECT]; /* "tunnel city-a" */
	char what[PRIVSEP_WHAT];
	char why[PRIVSEP_WHAT]; /* may be empty */
};

struct privsep_reloaded {
	uint32_t type;
	int32_t error; /* 0 or a positive errno */
	char config_hash[17];
	char reason[1024]; /* file:line: reason lines when refused */
};

struct privsep_failed {
	uint32_t type;
	uint32_t slot;
	int32_t error;
	char reason[PRIVSEP_REASON];
};

struct privsep_label {
	uint32_t type;
	uint8_t public_key[32]; /* one of ours */
	int64_t newest_s;       /* no TAI64N label of it is past this second since 1970 */
};

struct privsep_peer_state {
	uint32_t type;
	uint32_t slot;
	uint8_t public_key[32];
	bool up;
	bool proven; /* it has answered, at some time */
	char reason[PRIVSEP_REASON];
};

struct privsep_path_mtu {
	uint32_t type;
	uint32_t slot;
	uint8_t public_key[32];
	uint32_t mtu; /* bytes of an inner packet; 0: not known (any more) */
};

/* Datagrams to a peer leave from `local` as long as they leave by the interface they came in by. */
struct privsep_path {
	uint32_t type;
	uint32_t slot;
	uint8_t public_key[32];
	struct endpoint remote;
	struct addr local; /* of the same family */
	uint32_t ifindex;
};

/* Any of them, for a receive buffer. */
union privsep_message {
	uint32_t type;
	struct privsep_start start;
	struct privsep_slot slot;
	struct privsep_tunnel tunnel;
	struct privsep_tun tun;
	struct privsep_udp udp;
	struct privsep_peer peer;
	struct privsep_allowed_ip allowed_ip;
	struct privsep_link link;
	struct privsep_bind bind;
	struct privsep_bound bound;
	struct privsep_mark mark;
	struct privsep_result result;
	struct privsep_endpoint endpoint;
	struct privsep_route route;
	struct privsep_kernel kernel;
	struct privsep_event event;
	struct privsep_reloaded reloaded;
	struct privsep_failed failed;
	struct privsep_label label;
	struct privsep_peer_state peer_state;
	struct privsep_path path;
	struct privsep_path_mtu path_mtu;
};

/* Who may say it. */
enum privsep_side {
	PRIVSEP_FROM_MONITOR,
	PRIVSEP_FROM_ENGINE,
};

/*
 * Check that a received message is one that `side` may send: known type, exact size, slot in
 * range, strings terminated, booleans and families in range, and a descriptor exactly if its type
 * carries one. Returns its name for the log, or NULL when the sender must not live on.
 */
const char *privsep_check(const void *msg, size_t len, bool has_fd, enum privsep_side side);

/*
 * Check that `fd` can be kept as a tunnel's state: a memfd with memfd_seals that is and holds no
 * more than PRIVSEP_STATE_MAX. Returns 0, -EPERM if it is no such file, or -EFBIG.
 */
int privsep_check_state(int fd);

#endif
