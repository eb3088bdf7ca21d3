/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnctl/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int newfile_write(int fd, const void *bytes, size_t len)
{
	const char *next = bytes;

	while (len) {
		ssize_t n = write(fd, next, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			next += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* What was renamed must also be found after a power cut: others may rely on it by then. */
static int sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	_cleanup_close_ int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int fill(int fd, mode_t mode, const void *bytes, size_t len)
{
	int r = newfile_write(fd, bytes, len);

	return r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0) ? -errno : r;
}

int newfile_create(const char *path, mode_t mode, const void *bytes, size_t len)
{
	_cleanup_free_ char *temporary = NULL;
	int r;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	_cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC); /* with mode 0600 */
	if (fd < 0)
		return -errno;
	r = fill(fd, mode, bytes, len);
	if (r == 0 && renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return r;
	}
	return sync_directory_of(path);
}

int newfile_compare(const char *path, const void *bytes, size_t len)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	const unsigned char *expected = bytes;
	int c;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while ((c = getc(f)) != EOF && len > 0 && c == *expected) {
		expected++;
		len--;
	}
	if (ferror(f))
		return -EIO;
	return c == EOF && len == 0 ? 1 : -EEXIST;
}
