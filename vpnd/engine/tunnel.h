/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One tunnel as the engine sees it: the protocol core's device, the lane that moves its packets,
 * and what the monitor said about it. The engine is single-threaded around its sd_event, or as good
 * as that (threads.h).
 */
#ifndef VPND_ENGINE_TUNNEL_H
#define VPND_ENGINE_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mono.h"
#include "vpnd/data/lane.h"
#include "vpnd/data/road.h"
#include "vpnd/engine/trouble.h"
#include "vpnd/engine/watch.h"
#include "vpnd/privsep.h"
#include "vpnd/proto/device.h"
#include "vpnd/proto/peer.h"

struct engine;
struct intake;
struct prober;
struct uapi_server;

/* What the engine keeps beside each peer of the core (peer_user): freed with tunnel_peer_remove. */
struct tunnel_peer {
	char name[PRIVSEP_NAME]; /* as configured; may be empty */
	char host[PRIVSEP_HOST]; /* endpoint as configured; may be empty */
	bool host_is_new;        /* where it is now counts, wherever the peer was before */
	char resolve_reason[PRIVSEP_REASON]; /* why `host` is not resolved; empty when it is */
	struct prober *prober;               /* owned; NULL: not probed */
	struct wall session_wall; /* wall-clock time of the newest handshake; 0 s: none */
	struct watch_mark liveness;
	struct trouble trouble; /* on the way to it */
	bool path_doubtful;     /* see paths.h */
};

/* Room for a peer's name or its key in base64, whichever is longer. */
#define TUNNEL_PEER_LABEL PRIVSEP_NAME

/* What to call a peer in logs and reasons: its name, or else its public key. */
const char *tunnel_peer_label(const struct peer *peer, char out[static TUNNEL_PEER_LABEL]);

/* Called once with 0 or a negative errno when the monitor has answered. */
typedef void (*tunnel_done_fn)(void *arg, int error);

/* A question to the monitor that is not answered yet; `done` is NULL when there is none. */
struct tunnel_question {
	tunnel_done_fn done;
	void *arg;
};

struct tunnel {
	struct engine *engine;
	uint32_t slot;
	uint32_t ifindex;
	uint32_t mtu; /* bytes */
	uint32_t fwmark;
	uint32_t busy_poll_us;
	uint16_t listen_port;
	bool up;          /* administratively */
	bool from_config; /* declared in the config file, not over the UAPI alone */
	char name[PRIVSEP_IFNAME];
	struct watch_mark liveness;
	struct log_limit roaming; /* lines about peers that move */
	struct log_limit rivals;  /* and about peers that there are two of */
	struct log_limit clocks;  /* and about peers whose clock is wrong */
	struct log_limit loops;   /* lines about endpoints that are routed into the tunnel */
	struct device *device;
	struct lane
		lane; /* that moves all packets, unless there are more: then it is their model */
	struct road *road;        /* these; NULL without threads */
	struct uapi_server *uapi; /* NULL until its socket is here */
	struct intake *intake;    /* the batch of the monitor's that is under way, or NULL */
	struct tunnel_question bind, mark;
	uint32_t mark_asked;            /* what `mark` will set */
	sd_event_source *tun_source;    /* NULL until the descriptors are here, as the next two */
	sd_event_source *udp_source[2]; /* v4, v6 */
	sd_event_source *timer;         /* the device's deadline */
	mono_t timer_at;                /* what it is set to; MONO_NEVER: off */
	enum addr_family family;        /* of the newest datagrams */
	bool tun_lost;                  /* its device is gone: reading fails */
	bool said_tun_fallback, said_udp_fallback; /* in the log */
	sd_event_source *saver;                    /* once, soon after a change */
	mono_t next_save; /* not before, so that saving a large state leaves time for work */
};

/* Make a tunnel for a slot, down and without descriptors. 0 or a negative errno. */
int tunnel_new(struct engine *engine, uint32_t slot, const char *name, struct tunnel **out);
/* Ends all it does; a question that is not answered is answered with -ECANCELED. NULL is fine. */
void tunnel_free(struct tunnel *tunnel);

/*
 * Descriptors from the monitor, with what the kernel can do with them (privsep.h); owned by the
 * tunnel afterwards, in every case. 0 or -errno.
 */
int tunnel_take_tun(struct tunnel *tunnel, uint32_t queue, int fd, uint32_t takes);
int tunnel_take_udp(struct tunnel *tunnel, enum addr_family family, int fd, bool segments);
int tunnel_take_uapi(struct tunnel *tunnel, int fd);

/*
 * What a lane found: its TUN fails with this negative errno; it had to do without something that
 * the kernel refused.
 */
void tunnel_lose_tun(struct tunnel *tunnel, int error);
void tunnel_say_fallbacks(struct tunnel *tunnel, const struct lane *lane);

/* The interface went up or down, or has another MTU. One of the config shakes hands when it comes
 * up. */
void tunnel_set_link(struct tunnel *tunnel, bool up, uint32_t mtu);

/* The monitor's answers: `error` is 0 or a positive errno. */
void tunnel_bound(struct tunnel *tunnel, int error, uint16_t port);
void tunnel_marked(struct tunnel *tunnel, int error);

/*
 * Set the private key (all zero: none), clamped, so that the same key given again in any form
 * ends no session. A peer that has its public key is removed.
 */
void tunnel_set_private_key(struct tunnel *tunnel, const uint8_t key[static KEY_LEN], mono_t now);

/* Find or add a peer with its tunnel_peer. 0, or as device_peer_add, without -EEXIST. */
int tunnel_peer_get(
	struct tunnel *tunnel, const uint8_t public_key[static KEY_LEN], struct peer **out);
void tunnel_peer_remove(struct tunnel *tunnel, struct peer *peer);

/* Shake hands with every peer that there is no session with: a gateway does not wait for traffic.
 */
void tunnel_shake_hands(struct tunnel *tunnel, mono_t now);

/* Set the timer to the device's deadline: to be called when something was done with the device. */
void tunnel_arm(struct tunnel *tunnel);

/*
 * Ask the monitor for UDP sockets on another port (0: any), or for another mark. The answer comes
 * by `done`; until then the old ones stay in use. -EBUSY while one is already under way.
 */
int tunnel_bind(struct tunnel *tunnel, uint16_t port, tunnel_done_fn done, void *arg);
int tunnel_mark(struct tunnel *tunnel, uint32_t fwmark, tunnel_done_fn done, void *arg);

/*
 * Something in the tunnel's configuration changed: the timer is set anew, and the state is handed
 * to the monitor before this returns, so that who is told that it is done can rely on it. Only
 * changes that follow each other faster than the state can be saved are saved later, and once. Not
 * to be called from an upcall of the core.
 */
void tunnel_changed(struct tunnel *tunnel);

/* Hand the state over soon: from an upcall, or for what is no great loss. */
void tunnel_save_soon(struct tunnel *tunnel);

/* Hand it over now if that is still to be done. */
void tunnel_save_pending(struct tunnel *tunnel);

#endif
