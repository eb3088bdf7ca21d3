/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/args.h"
#include "base/cleanup.h"
#include "base/daemon.h"

#define NETWORK "/proc/self/ns/net"

/* `err` is filled unless it is -EWOULDBLOCK. */
static int lock_in(const char *directory, const char *name, int *fd, char *err, size_t errlen)
{
	_cleanup_free_ char *path = NULL;
	int r = 0;

	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		r = -errno;
	else if (asprintf(&path, "%s/%s.lock", directory, name) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = daemon_lock(path, fd);
	if (r < 0 && r != -EWOULDBLOCK)
		snprintf(err, errlen, "cannot lock %s.lock in %s: %s", name, directory,
			strerror(-r));
	return r;
}

static int lock_network(const char *program, int *fd, char *err, size_t errlen)
{
	char name[64];
	struct stat st;
	int r;

	if (stat(NETWORK, &st) < 0) {
		r = -errno;
		snprintf(err, errlen, "cannot tell which network namespace this is: %s",
			strerror(-r));
		return r;
	}
	snprintf(name, sizeof(name), "%s.net-%llu", program, (unsigned long long)st.st_ino);
	return lock_in(ARGS_RUN_DIR, name, fd, err, errlen);
}

int instance_begin(const char *program, const char *run_dir, struct instance *instance, char *err,
	size_t errlen)
{
	_cleanup_close_ int directory = -1;
	int r = 0;

	if (instance->directory < 0)
		r = lock_in(run_dir, program, &directory, err, errlen);
	if (r == -EWOULDBLOCK)
		snprintf(err, errlen, "another %s runs with %s", program, run_dir);
	if (r < 0)
		return r;
	if (instance->network < 0)
		r = lock_network(program, &instance->network, err, errlen);
	if (r == -EWOULDBLOCK) {
		snprintf(err, errlen, "another %s runs in this network namespace", program);
		return r;
	}
	if (directory >= 0)
		instance->directory = cleanup_take_fd(&directory);
	return r < 0;
}

void instance_end(struct instance *instance)
{
	cleanup_close(&instance->directory);
	cleanup_close(&instance->network);
	*instance = (struct instance)INSTANCE_NONE;
}
