/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/keyfds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/keyfile.h"
#include "vpnd/conf.h"

struct keyfds_file {
	int fd; /* -1: no such key */
	dev_t dev;
	ino_t ino;
	struct timespec changed; /* when it was opened */
};

#define MAKE_PRIVATE "; to make a key: vpnctl key ensure FILE"
#define MAKE_PRESHARED "; to make one for both sides: (umask 077; vpnctl genpsk >FILE)"

/* `make` is what to do if there is no such file. */
static int open_file(const char *path, const char *make, const struct conf_where *where,
	struct keyfds_file *out, char *err, size_t errlen)
{
	char why[512];
	struct stat st;
	int r = keyfile_open(path, &out->fd, why, sizeof(why));

	if (r < 0) {
		snprintf(err, errlen, "%s:%d: %s%s", where->file, where->line, why,
			r == -ENOENT ? make : "");
		return r;
	}
	if (fstat(out->fd, &st) < 0)
		return -errno;
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->changed = st.st_ctim;
	return 0;
}

int keyfds_open(const struct vpnd_tunnel_conf *conf, struct keyfds *out, char *err, size_t errlen)
{
	struct keyfds k = {.n = conf->n_peers + 1};
	int r;

	k.files = calloc(k.n, sizeof(*k.files));
	if (!k.files) {
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < k.n; i++)
		k.files[i].fd = -1;
	r = open_file(conf->private_key_file, MAKE_PRIVATE, &conf->where, &k.files[0], err, errlen);
	for (size_t i = 0; r == 0 && i < conf->n_peers; i++) {
		const struct vpnd_peer_conf *peer = &conf->peers[i];

		if (peer->preshared_key_file)
			r = open_file(peer->preshared_key_file, MAKE_PRESHARED, &peer->where,
				&k.files[i + 1], err, errlen);
	}
	if (r < 0)
		keyfds_close(&k);
	else
		*out = k;
	return r;
}

void keyfds_close(struct keyfds *k)
{
	for (size_t i = 0; i < k->n; i++)
		cleanup_close(&k->files[i].fd);
	free(k->files);
	*k = (struct keyfds){0};
}

int keyfds_private(const struct keyfds *k)
{
	return k->files[0].fd;
}

int keyfds_preshared(const struct keyfds *k, size_t peer)
{
	return k->files[peer + 1].fd;
}

static bool same_file(const struct keyfds_file *a, const struct keyfds_file *b)
{
	if (a->fd < 0 || b->fd < 0)
		return a->fd < 0 && b->fd < 0;
	return a->dev == b->dev && a->ino == b->ino && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

bool keyfds_equal(const struct keyfds *a, const struct keyfds *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_file(&a->files[i], &b->files[i]))
			return false;
	return true;
}
