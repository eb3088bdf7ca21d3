/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A listening Unix socket together with the file that leads to it, which others may remove or
 * replace: the socket then listens on, and nobody finds it.
 */
#ifndef BASE_SOCKFILE_H
#define BASE_SOCKFILE_H

#include <stdbool.h>
#include <sys/types.h>

struct sockfile {
	int fd; /* -1: none */
	dev_t dev;
	ino_t ino; /* of the file, to know ours from one that another program put in its place */
};
#define SOCKFILE_NONE ((struct sockfile){.fd = -1})

/* Make the directory where it is missing, then as control_listen (base/control.h). */
int sockfile_listen(const char *path, mode_t mode, struct sockfile *out);

/*
 * Take over a socket that another program listened at as above. Returns 0, and it is owned by *out;
 * or a negative errno (-ENOENT: its file is gone).
 */
int sockfile_adopt(const char *path, int fd, struct sockfile *out);

/* Let members of the group use it as well as its owner. Returns 0 or a negative errno. */
int sockfile_admit(const char *path, gid_t gid);

/* True if the file is still this socket. */
bool sockfile_in_place(const char *path, const struct sockfile *s);

/* Remove the file, if it is still this socket. The descriptor stays open. */
void sockfile_unlink(const char *path, const struct sockfile *s);

#endif
