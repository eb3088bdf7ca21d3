/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/uapisock.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"

#define PATH_SIZE (sizeof(UAPISOCK_DIR "/.sock") + IFNAMSIZ)

static char *path_of(const char *ifname, char out[static PATH_SIZE])
{
	snprintf(out, PATH_SIZE, UAPISOCK_DIR "/%.*s.sock", IFNAMSIZ, ifname);
	return out;
}

int uapisock_listen(const char *ifname, struct uapisock *out, char *err, size_t errlen)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_SIZE];
	struct stat st;
	int r;

	path_of(ifname, path);
	if (mkdir(UAPISOCK_DIR, 0755) < 0 && errno != EEXIST)
		r = -errno;
	else
		r = control_listen(path, 0600, &fd);
	if (r == 0 && lstat(path, &st) < 0)
		r = -errno;
	if (r == -EADDRINUSE)
		snprintf(err, errlen, "%s is in use: another program serves interface %s", path,
			ifname);
	else if (r < 0)
		snprintf(err, errlen, "cannot listen on %s: %s", path, strerror(-r));
	else
		*out = (struct uapisock){cleanup_take_fd(&fd), st.st_dev, st.st_ino};
	return r;
}

int uapisock_adopt(const char *ifname, int fd, struct uapisock *out)
{
	char path[PATH_SIZE];
	struct stat st;

	if (lstat(path_of(ifname, path), &st) < 0)
		return -errno;
	*out = (struct uapisock){fd, st.st_dev, st.st_ino};
	return 0;
}

bool uapisock_in_place(const char *ifname, const struct uapisock *s)
{
	char path[PATH_SIZE];
	struct stat st;

	return lstat(path_of(ifname, path), &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino;
}

bool uapisock_is_name(const char *file, const char *ifname)
{
	char path[PATH_SIZE];

	return strcmp(path_of(ifname, path) + strlen(UAPISOCK_DIR "/"), file) == 0;
}

void uapisock_unlink(const char *ifname, const struct uapisock *s)
{
	char path[PATH_SIZE];

	if (s->fd >= 0 && uapisock_in_place(ifname, s))
		unlink(path_of(ifname, path));
}

bool uapisock_flush(const char *ifname)
{
	struct uapisock s = UAPISOCK_NONE;
	char path[PATH_SIZE], err[256];

	/* Taking its place is the test for being dead. */
	if (access(path_of(ifname, path), F_OK) < 0 ||
		uapisock_listen(ifname, &s, err, sizeof(err)) < 0)
		return false;
	uapisock_unlink(ifname, &s);
	cleanup_close(&s.fd);
	return true;
}
