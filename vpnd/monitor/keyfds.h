/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key files of a tunnel, opened and never read: the engine reads them. They stay open, so that
 * the next engine gets its keys whatever has become of the files.
 */
#ifndef VPND_MONITOR_KEYFDS_H
#define VPND_MONITOR_KEYFDS_H

#include <stdbool.h>
#include <stddef.h>

struct vpnd_tunnel_conf;
struct keyfds_file;

struct keyfds {
	struct keyfds_file *files; /* the private key, then one for each peer */
	size_t n;
};

/*
 * Open all key files that `conf` names. Returns 0, or a negative errno with "file:line: reason" in
 * err. `out` is to be closed by keyfds_close.
 */
int keyfds_open(const struct vpnd_tunnel_conf *conf, struct keyfds *out, char *err, size_t errlen);
void keyfds_close(struct keyfds *k);

/* Borrowed; the second is -1 when the peer, by its index in the config, has no preshared key. */
int keyfds_private(const struct keyfds *k);
int keyfds_preshared(const struct keyfds *k, size_t peer);

/* True if they are the same files and had the same content when they were opened. */
bool keyfds_equal(const struct keyfds *a, const struct keyfds *b);

#endif
