/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/uapisock.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PATH_SIZE (sizeof(UAPISOCK_DIR "/.sock") + IFNAMSIZ)

static char *path_of(const char *ifname, char out[static PATH_SIZE])
{
	snprintf(out, PATH_SIZE, UAPISOCK_DIR "/%.*s.sock", IFNAMSIZ, ifname);
	return out;
}

int uapisock_listen(const char *ifname, struct sockfile *out, char *err, size_t errlen)
{
	char path[PATH_SIZE];
	int r = sockfile_listen(path_of(ifname, path), 0600, out);

	if (r == -EADDRINUSE)
		snprintf(err, errlen, "%s is in use: another program serves interface %s", path,
			ifname);
	else if (r < 0)
		snprintf(err, errlen, "cannot listen on %s: %s", path, strerror(-r));
	return r;
}

int uapisock_adopt(const char *ifname, int fd, struct sockfile *out)
{
	char path[PATH_SIZE];

	return sockfile_adopt(path_of(ifname, path), fd, out);
}

bool uapisock_in_place(const char *ifname, const struct sockfile *s)
{
	char path[PATH_SIZE];

	return sockfile_in_place(path_of(ifname, path), s);
}

void uapisock_unlink(const char *ifname, const struct sockfile *s)
{
	char path[PATH_SIZE];

	sockfile_unlink(path_of(ifname, path), s);
}

bool uapisock_flush(const char *ifname)
{
	struct sockfile s = SOCKFILE_NONE;
	char path[PATH_SIZE], err[256];

	/* Taking its place is the test for being dead. */
	if (access(path_of(ifname, path), F_OK) < 0 ||
		uapisock_listen(ifname, &s, err, sizeof(err)) < 0)
		return false;
	uapisock_unlink(ifname, &s);
	cleanup_close(&s.fd);
	return true;
}
