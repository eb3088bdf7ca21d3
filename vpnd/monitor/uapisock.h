/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listening socket of WireGuard's cross-platform configuration protocol, where wg(8) looks for
 * it. The engine serves it; the file is the monitor's.
 */
#ifndef VPND_MONITOR_UAPISOCK_H
#define VPND_MONITOR_UAPISOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/sockfile.h"

#define UAPISOCK_DIR "/var/run/wireguard"

/*
 * Make the directory where it is missing, and the socket, for root alone. A dead one is replaced.
 * Returns 0, or a negative errno (-EADDRINUSE: somebody serves this interface) with a sentence in
 * err.
 */
int uapisock_listen(const char *ifname, struct sockfile *out, char *err, size_t errlen);

/* As those of base/sockfile.h, for the file of `ifname`. */
int uapisock_adopt(const char *ifname, int fd, struct sockfile *out);
bool uapisock_in_place(const char *ifname, const struct sockfile *s);
void uapisock_unlink(const char *ifname, const struct sockfile *s);

/* Remove the file that a crashed run left, unless somebody serves there. Returns true if it did. */
bool uapisock_flush(const char *ifname);

#endif
