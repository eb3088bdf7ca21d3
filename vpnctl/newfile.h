/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are made whole or not at all, and never in the place of another. */
#ifndef VPNCTL_NEWFILE_H
#define VPNCTL_NEWFILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Make the file with these bytes and this mode; when it returns, a power cut does not undo it.
 * Returns 0, -EEXIST if something of that name is there, or another negative errno. Nothing of a
 * secret is left behind in buffers of stdio.
 */
int newfile_create(const char *path, mode_t mode, const void *bytes, size_t len);

/* Write all of it. Returns 0 or a negative errno. */
int newfile_write(int fd, const void *bytes, size_t len);

/* 0 if there is no such file, 1 if it holds just these bytes, -EEXIST if it is another, or why it
 * cannot be read. */
int newfile_compare(const char *path, const void *bytes, size_t len);

#endif
