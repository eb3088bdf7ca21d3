/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the monitor share. Who changes what:
 *
 *   monitor.c   life: signals, stop
 *   start.c     start-up in the order that cannot leak
 *   minder.c    the engine's life
 *   requests.c  what it asks for and tells
 *   kernel.c    interfaces, addresses and routes
 *   reload.c    from one config to the next
 *   changes.c   what on_state_change is told
 *   sockets.c   that sockets are, and stay, where clients look for them
 *   upgrade.c   from one program to the next
 *   history.c   what `vpnctl events` shows
 */
#ifndef VPND_MONITOR_STATE_H
#define VPND_MONITOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/sockfile.h"
#include "vpnd/conf.h"
#include "vpnd/events.h"
#include "vpnd/monitor/groups.h"
#include "vpnd/monitor/held.h"
#include "vpnd/monitor/monitor.h"
#include "vpnd/privsep.h"

typedef struct sd_event sd_event;
typedef struct sd_event_source sd_event_source;

#define SOCKETS_PATH 4096 /* bytes of a file name */

enum phase {
	STARTING,     /* until the first engine is ready; whatever goes wrong ends vpnd */
	RUNNING,      /* whatever goes wrong is repaired */
	HANDING_OVER, /* the engine was told to stop, another program takes over; as RUNNING else */
	STOPPING,     /* routes are gone, the engine was told to stop */
};

struct monitor {
	const struct monitor_options *options;
	sd_event *event;
	enum phase phase;
	int exit_status;
	mono_t started; /* the first monitor, if others were before this one */
	struct instance instance;
	struct sockfile control;   /* its socket; none without config */
	struct handover *handover; /* during start-up, from the monitor before; NULL: none */
	uid_t uid;                 /* whom engine and lookups run as */
	gid_t gid;
	bool fallback_user; /* "nobody", for want of one of our own */
	uint32_t lanes;     /* of the engine, and so of every device */

	struct vpnd_conf *conf; /* NULL: one interface, over the UAPI alone */
	char hash[VPND_CONF_HASH_STRLEN];
	struct held *slots[PRIVSEP_TUNNELS];   /* NULL: free */
	struct held *tunnels[PRIVSEP_TUNNELS]; /* the same in the order of the config, borrowed */

	struct child *child;
	struct engine_link *link; /* NULL while there is no engine */
	bool engine_ready;        /* it has carried out all that it was told */
	unsigned int engine_restarts;
	struct log_limit told; /* lines that the engine can provoke, but for the next two: */
	struct log_limit peers, moves; /* lines about peers, and about routes */
	struct log_limit changes;      /* of peers that it tells of */
	struct log_limit reloads;      /* that it asks for */
	struct watchdog *watchdog;     /* of the engine that is ready */
	sd_event_source *engine_timer; /* until the next start, or for one that is not ready */

	struct labels *labels; /* of our initiations */
	struct groups *groups; /* of the routes; NULL without config */
	struct reconcile *reconcile;
	struct way *way;
	struct privsep_route *routes; /* as told last, one for each route of the config */
	size_t n_routes;
	struct privsep_kernel kernel; /* as told last */

	struct events events;
	struct hook *hook; /* on_state_change */
	struct resolve *resolve;
	struct reload *reload;   /* under way; NULL: none */
	struct upgrade *upgrade; /* likewise */
	sd_event_source *stop_timer;
	struct dirwatch *uapi_watch, *control_watch;
};

/* --- monitor.c ----------------------------------------------------------------------------------
 */

/* Begin to stop, with that exit status at the end. */
void monitor_stop(struct monitor *m, int exit_status);

/* The first engine is ready, and so are we. */
void monitor_ready(struct monitor *m);

/* The engine has ended after monitor_stop. */
void monitor_stopped(struct monitor *m);

/* Fill m->tunnels from the slots and the config. */
void monitor_order_tunnels(struct monitor *m);

/* Do what signals ask for from now on. Returns 0 or a negative errno. */
int monitor_watch_signals(struct monitor *m);

/* --- start.c ------------------------------------------------------------------------------------
 */

/* All until the first engine runs. Returns 0 or a negative errno. */
int start_up(struct monitor *m);

/* --- minder.c -----------------------------------------------------------------------------------
 */

int minder_prepare(struct monitor *m);  /* 0 or a negative errno */
int minder_start(struct monitor *m);    /* 0 or a negative errno */
void minder_restart(struct monitor *m); /* the same; if it fails, once more later */
void minder_end(struct monitor *m);     /* free all; the engine is killed if it runs */

/* SYNCED was sent: the engine answers in time, or is killed. */
void minder_await_ready(struct monitor *m);

/* Tell the engine to stop, and see to it that it does. */
void minder_stop(struct monitor *m);

/* Look up the names of the peers of a tunnel. */
void minder_resolve(struct monitor *m, const struct held *h);

/* --- requests.c ---------------------------------------------------------------------------------
 */

/* Take a message of the engine's: engine_link_upcalls, with the monitor as `arg`. */
void requests_take(void *arg, const union privsep_message *msg, int fd);

/* --- kernel.c -----------------------------------------------------------------------------------
 */

int kernel_prepare(struct monitor *m); /* 0 or a negative errno, logged */
void kernel_end(struct monitor *m);

/* Tell the engine about all routes, after a start or a change of config. */
void kernel_tell_routes(struct monitor *m);

/* Notice that a device is gone, if it is: of one in another namespace netlink does not tell. */
void kernel_check_device(struct monitor *m, struct held *h);

/* Tell the engine if datagrams on this path leave by another interface than they came in by. */
void kernel_check_path(struct monitor *m, const struct held *h, const struct privsep_path *path);

/* --- sockets.c ----------------------------------------------------------------------------------
 */

/*
 * Make the control socket, or take it over; without config there is none. Returns 0 or a negative
 * errno, with its file in `path` of SOCKETS_PATH bytes.
 */
int sockets_listen(struct monitor *m, char *path);

/*
 * From now on a socket whose file another program removes is made again; without config that ends
 * vpnd. Returns 0 or a negative errno.
 */
int sockets_watch(struct monitor *m);

/* Remove the file of the control socket, and close it. */
void sockets_end(struct monitor *m);

/* --- changes.c ----------------------------------------------------------------------------------
 */

/* Run the program of the config from now on. 0 or a negative errno, logged. */
int changes_configure(struct monitor *m);

/* A peer's state is another one, for that reason (already escaped). */
void changes_tell_peer(struct monitor *m, const struct held *h, size_t peer, const char *reason);

/* Where a prefix leads is another thing, or told for the first time. */
void changes_tell_route(struct monitor *m, const struct privsep_route *route);

/* --- history.c ----------------------------------------------------------------------------------
 */

/*
 * Note what happened to `subject`, and why ("" where that is plain), and tell the engine. Texts
 * that came from elsewhere are escaped already; what does not fit is cut.
 */
void history_note(struct monitor *m, enum privsep_event_kind kind, const char *subject,
	const char *why, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Tell a new engine all that is kept. */
void history_tell(const struct monitor *m);

/* --- reload.c -----------------------------------------------------------------------------------
 */

/* Read the config file again; the engine is told by RELOADED how it ended, and the log. */
void reload_start(struct monitor *m);

/* The same, asked for by the engine: refused when that comes too often. */
void reload_ask(struct monitor *m);

/* The engine carried out what it was told, could not, or is gone. */
void reload_engine_ready(struct monitor *m);
void reload_engine_failed(struct monitor *m, const char *reason);
void reload_engine_gone(struct monitor *m);

/* Drop one that is under way. */
void reload_end(struct monitor *m);

/* The tunnel in a slot that the reload under way adds, else NULL. */
struct held *reload_find(const struct monitor *m, uint32_t slot);

/* --- upgrade.c ----------------------------------------------------------------------------------
 */

/*
 * Make the program that is installed now this process: reload the config, see whether that program
 * takes it and what we hand over, end the engine, execute. If any of it fails, nothing changes.
 */
void upgrade_start(struct monitor *m);

/* The reload that comes first has ended. */
void upgrade_reloaded(struct monitor *m, bool taken);

/* The engine has ended in HANDING_OVER. */
void upgrade_engine_ended(struct monitor *m);

/* Drop one that is under way. */
void upgrade_end(struct monitor *m);

#endif
