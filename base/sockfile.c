/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sockfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"

static int make_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash && slash != path ? strndup(path, slash - path) : NULL;

	if (!slash || slash == path)
		return 0;
	if (!dir)
		return -ENOMEM;
	return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int sockfile_listen(const char *path, mode_t mode, struct sockfile *out)
{
	_cleanup_close_ int fd = -1;
	int r = make_directory_of(path);

	if (r == 0)
		r = control_listen(path, mode, &fd);
	if (r == 0)
		r = sockfile_adopt(path, fd, out);
	if (r == 0)
		cleanup_take_fd(&fd);
	return r;
}

int sockfile_adopt(const char *path, int fd, struct sockfile *out)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	*out = (struct sockfile){fd, st.st_dev, st.st_ino};
	return 0;
}

int sockfile_admit(const char *path, gid_t gid)
{
	return chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0660) < 0 ? -errno : 0;
}

bool sockfile_in_place(const char *path, const struct sockfile *s)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino;
}

void sockfile_unlink(const char *path, const struct sockfile *s)
{
	if (s->fd >= 0 && sockfile_in_place(path, s))
		unlink(path);
}
