/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/keyset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/keyfile.h"
#include "base/memfd.h"
#include "vpnd/conf.h"

struct keyset_file {
	bool known; /* false: no such key */
	dev_t dev;
	ino_t ino;
	struct timespec changed; /* when it was read */
};

#define MAKE_PRIVATE "; to make a key: vpnctl key ensure FILE"
#define MAKE_PRESHARED "; to make one for both sides: (umask 077; vpnctl genpsk >FILE)"

/* `make` is what to do if there is no such file. */
static int gather(struct keyset *k, size_t index, const char *path, const char *make,
	const struct conf_where *where, char *err, size_t errlen)
{
	_cleanup_close_ int fd = -1;
	char why[512];
	struct stat st;
	int r = keyfile_open(path, &fd, why, sizeof(why));

	if (r < 0) {
		snprintf(err, errlen, "%s:%d: %s%s", where->file, where->line, why,
			r == -ENOENT ? make : "");
		return r;
	}
	r = fstat(fd, &st) < 0 ? -errno : keyfile_gather(fd, k->fd, index);
	if (r < 0)
		snprintf(err, errlen, "%s:%d: %s: cannot copy the key: %s", where->file,
			where->line, path, strerror(-r));
	else
		k->files[index] = (struct keyset_file){true, st.st_dev, st.st_ino, st.st_ctim};
	return r;
}

static int gather_all(
	struct keyset *k, const struct vpnd_tunnel_conf *conf, char *err, size_t errlen)
{
	int r = gather(k, 0, conf->private_key_file, MAKE_PRIVATE, &conf->where, err, errlen);

	for (size_t i = 0; r == 0 && i < conf->n_peers; i++) {
		const struct vpnd_peer_conf *peer = &conf->peers[i];

		if (peer->preshared_key_file)
			r = gather(k, i + 1, peer->preshared_key_file, MAKE_PRESHARED, &peer->where,
				err, errlen);
	}
	return r;
}

int keyset_open(const struct vpnd_tunnel_conf *conf, struct keyset *out, char *err, size_t errlen)
{
	struct keyset k = {.fd = memfd_new("tunnel-keys"), .n = conf->n_peers + 1};
	int r = k.fd < 0 ? k.fd : 0;

	k.files = calloc(k.n, sizeof(*k.files));
	if (r == 0 && !k.files)
		r = -ENOMEM;
	if (r < 0)
		snprintf(err, errlen, "cannot keep keys: %s", strerror(-r));
	else
		r = gather_all(&k, conf, err, errlen);
	if (r == 0) {
		r = memfd_seal(k.fd);
		if (r < 0)
			snprintf(err, errlen, "cannot seal keys: %s", strerror(-r));
	}
	if (r < 0)
		keyset_close(&k);
	else
		*out = k;
	return r;
}

void keyset_close(struct keyset *k)
{
	cleanup_close(&k->fd);
	free(k->files);
	*k = KEYSET_NONE;
}

static bool same_file(const struct keyset_file *a, const struct keyset_file *b)
{
	if (!a->known || !b->known)
		return a->known == b->known;
	return a->dev == b->dev && a->ino == b->ino && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

bool keyset_equal(const struct keyset *a, const struct keyset *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_file(&a->files[i], &b->files[i]))
			return false;
	return true;
}
