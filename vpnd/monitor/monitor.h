/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: the process that holds privilege and never reads a packet or a key. It makes
 * devices and sockets, keeps addresses and routes as the config wants them, and starts the engine,
 * which does the rest with what it is handed (vpnd/privsep.h).
 */
#ifndef VPND_MONITOR_MONITOR_H
#define VPND_MONITOR_MONITOR_H

#include <stdbool.h>

#define UPGRADE_FLAG "--handover=" /* how the next program is told of handover_fd */

struct monitor_options {
	const char *program; /* the file that was executed, where the next one will be */
	const char *config;  /* the file; NULL with ifname */
	const char *ifname;  /* the one interface, configured over its UAPI alone; else NULL */
	const char *run_dir; /* of control socket and a lock */
	bool verbose;
	bool background; /* nobody has our stderr once we are ready */
	int ready_fd;    /* for daemon_ready; -1: in the foreground */
	int handover_fd; /* of the monitor before this one (handover.h); -1: there was none */
};

/* Serve until stopped. Returns the exit status. To be called after daemon_detach. */
int monitor_main(const struct monitor_options *options);

/*
 * Remove all that vpnd leaves behind on purpose or after a crash: routes and addresses that are
 * marked as ours, guards among them, and the dead UAPI sockets of the tunnels of the config, where
 * there is one. Returns the exit status.
 */
int monitor_flush(const struct monitor_options *options);

#endif
