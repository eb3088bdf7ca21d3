/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of a tunnel, which the engine reads and we never do: the kernel copies them from their
 * files into one sealed file of memory. So a key costs no descriptor, and the next engine gets the
 * same keys whatever has become of the files.
 */
#ifndef VPND_MONITOR_KEYSET_H
#define VPND_MONITOR_KEYSET_H

#include <stdbool.h>
#include <stddef.h>

struct vpnd_tunnel_conf;
struct keyset_file;

struct keyset {
	int fd; /* keyfile_read_nth: the private key, then the preshared key of each peer */
	struct keyset_file *files; /* where each came from */
	size_t n;
};
#define KEYSET_NONE ((struct keyset){.fd = -1})

/*
 * Gather all keys of the files that `conf` names. Returns 0, or a negative errno with
 * "file:line: reason" in err. `out` is to be closed by keyset_close.
 */
int keyset_open(const struct vpnd_tunnel_conf *conf, struct keyset *out, char *err, size_t errlen);
void keyset_close(struct keyset *k);

/* True if they come from the same files, which had the same content when they were read. */
bool keyset_equal(const struct keyset *a, const struct keyset *b);

#endif
