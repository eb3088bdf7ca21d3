/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listening socket of WireGuard's cross-platform configuration protocol, where wg(8) looks for
 * it. The engine serves it; the file is the monitor's.
 */
#ifndef VPND_MONITOR_UAPISOCK_H
#define VPND_MONITOR_UAPISOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define UAPISOCK_DIR "/var/run/wireguard"

struct uapisock {
	int fd; /* -1: none */
	dev_t dev;
	ino_t ino; /* of the file, to know ours from one that another program put in its place */
};
#define UAPISOCK_NONE ((struct uapisock){.fd = -1})

/*
 * Make the directory where it is missing, and the socket, for root alone. A dead one is replaced.
 * Returns 0, or a negative errno (-EADDRINUSE: somebody serves this interface) with a sentence in
 * err.
 */
int uapisock_listen(const char *ifname, struct uapisock *out, char *err, size_t errlen);

/*
 * Take over a socket that another program listened at as above. Returns 0, and it is owned by *out;
 * or a negative errno (-ENOENT: its file is gone).
 */
int uapisock_adopt(const char *ifname, int fd, struct uapisock *out);

/* True if the file of `ifname` still is this socket. */
bool uapisock_in_place(const char *ifname, const struct uapisock *s);

/* True if `file`, a name in UAPISOCK_DIR, is that of `ifname`. */
bool uapisock_is_name(const char *file, const char *ifname);

/* Remove the file, if it still is this socket. */
void uapisock_unlink(const char *ifname, const struct uapisock *s);

/* Remove the file that a crashed run left, unless somebody serves there. Returns true if it did. */
bool uapisock_flush(const char *ifname);

#endif
