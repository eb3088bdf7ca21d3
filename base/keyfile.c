/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Who else might know what is in the file? */
static int check_access(const char *path, const struct stat *st, char *err, size_t errlen)
{
	if (!S_ISREG(st->st_mode)) {
		snprintf(err, errlen, "%s: is no regular file", path);
		return -EINVAL;
	}
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		snprintf(err, errlen, "%s: belongs to user %u; run: chown root %s", path,
			(unsigned int)st->st_uid, path);
		return -EPERM;
	}
	if (st->st_mode & (S_IRWXG | S_IRWXO)) {
		snprintf(err, errlen, "%s: others may use it (mode %04o); run: chmod 600 %s", path,
			st->st_mode & 07777, path);
		return -EPERM;
	}
	return 0;
}

int keyfile_open(const char *path, int *fd, char *err, size_t errlen)
{
	/* Not to wait for the other end of a FIFO, nor to get a terminal. */
	_cleanup_close_ int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (opened < 0 || fstat(opened, &st) < 0) {
		r = -errno;
		snprintf(err, errlen, "%s: %s", path, strerror(-r));
		return r;
	}
	r = check_access(path, &st, err, errlen);
	if (r < 0)
		return r;
	*fd = cleanup_take_fd(&opened);
	return 0;
}

/* What is looked at of a file: a key, a newline, and a byte that should not be there. */
#define TEXT_MAX (KEY_BASE64_LEN + 2)
#define STRIDE 64 /* bytes from one key to the next in a file of many; between them are zeros */
_Static_assert(TEXT_MAX < STRIDE, "room for a key, and a zero at its end");

static int read_text(int fd, off_t at, char text[static TEXT_MAX], size_t *len)
{
	size_t done = 0;

	while (done < TEXT_MAX) {
		ssize_t n = pread(fd, text + done, TEXT_MAX - done, at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*len = done;
	return 0;
}

static int parse(char text[static TEXT_MAX], size_t len, uint8_t key[static KEY_LEN])
{
	if (len == KEY_BASE64_LEN + 1 && text[KEY_BASE64_LEN] == '\n')
		len = KEY_BASE64_LEN;
	if (len != KEY_BASE64_LEN)
		return -EINVAL;
	text[KEY_BASE64_LEN] = '\0';
	return key_from_base64(text, key);
}

static int read_at(
	int fd, off_t at, bool of_many, uint8_t key[static KEY_LEN], char *err, size_t errlen)
{
	char text[TEXT_MAX];
	size_t len = 0;
	int r = read_text(fd, at, text, &len);

	if (r < 0) {
		snprintf(err, errlen, "cannot read the key: %s", strerror(-r));
	} else {
		r = parse(text, of_many ? strnlen(text, len) : len, key);
		if (r < 0)
			snprintf(err, errlen,
				"is no key: must be one line, %d characters of base64",
				KEY_BASE64_LEN);
	}
	sodium_memzero(text, sizeof(text));
	return r;
}

int keyfile_read(int fd, uint8_t key[static KEY_LEN], char *err, size_t errlen)
{
	return read_at(fd, 0, false, key, err, errlen);
}

int keyfile_gather(int fd, int many, size_t index)
{
	off_t from = 0;

	if (lseek(many, (off_t)(index * STRIDE), SEEK_SET) < 0)
		return -errno;
	while (from < TEXT_MAX) {
		ssize_t n = sendfile(many, fd, &from, (size_t)(TEXT_MAX - from));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
	}
	return 0;
}

int keyfile_read_nth(int many, size_t index, uint8_t key[static KEY_LEN], char *err, size_t errlen)
{
	return read_at(many, (off_t)(index * STRIDE), true, key, err, errlen);
}
