/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A socket file outlives the process that made it, so a name that exists says nothing; only
 * connect() tells whether somebody serves there. Two programs that start at once must not both
 * find a dead socket and then remove each other's new one: the directory is locked meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"

#define BACKLOG 64
#define LOCK_TRIES 50
#define LOCK_WAIT_US 20000

static int fill_address(const char *path, const char *suffix, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((size_t)snprintf(out->sun_path, sizeof(out->sun_path), "%s%s", path, suffix) >=
		sizeof(out->sun_path))
		return -ENAMETOOLONG;
	return 0;
}

/*
 * Whoever may read the directory may hold its lock, for ever if he is hostile; those who start with
 * us hold it for a moment. So after a second we go on without.
 */
static int lock_for_a_moment(int fd)
{
	for (int i = 0; i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		usleep(LOCK_WAIT_US);
	}
	return 0;
}

static int lock_directory_of(const char *path, int *fd)
{
	const char *slash = strrchr(path, '/');
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	_cleanup_close_ int opened = -1;
	int r;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	opened = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened < 0)
		return -errno;
	r = lock_for_a_moment(opened);
	if (r < 0)
		return r;
	*fd = cleanup_take_fd(&opened);
	return 0;
}

/* 0 if the name is free or its socket is dead. */
static int check_unused(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A server with a full backlog says EAGAIN: it lives. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	return errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
}

/* Make the socket under another name, ready to be connected to, and move it into place. */
static int place(const struct sockaddr_un *address, const struct sockaddr_un *temporary,
	mode_t mode, int *fd)
{
	_cleanup_close_ int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	/* The mode of the descriptor becomes the file's, less the umask: never more than asked. */
	if (made < 0 || fchmod(made, mode) < 0)
		return -errno;
	if (unlink(temporary->sun_path) < 0 && errno != ENOENT)
		return -errno;
	if (bind(made, (const struct sockaddr *)temporary, sizeof(*temporary)) < 0)
		return -errno;
	if (chmod(temporary->sun_path, mode) < 0 || listen(made, BACKLOG) < 0 ||
		rename(temporary->sun_path, address->sun_path) < 0) {
		r = -errno;
		unlink(temporary->sun_path);
		return r;
	}
	*fd = cleanup_take_fd(&made);
	return 0;
}

int control_listen(const char *path, mode_t mode, int *fd)
{
	_cleanup_close_ int lock = -1;
	struct sockaddr_un address, temporary;
	int r = fill_address(path, "", &address);

	if (r == 0)
		r = fill_address(path, ".new", &temporary);
	if (r == 0)
		r = lock_directory_of(path, &lock);
	if (r == 0)
		r = check_unused(&address);
	if (r == 0)
		r = place(&address, &temporary, mode, fd);
	return r;
}
