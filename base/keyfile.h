/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that hold one secret key in base64. Opening and reading are apart, so that one process may
 * open the file and another, without any right to it, may read the key. No error text ever holds
 * a byte of the content.
 */
#ifndef BASE_KEYFILE_H
#define BASE_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/key.h"

/*
 * Open a key file: it must be a regular file, owned by root or by our effective user, without any
 * right for group and others. On success stores in *fd a descriptor (O_CLOEXEC) that the caller
 * closes. Else returns -EPERM for a file that others could read, -EINVAL if it is no regular file,
 * or the error of open(), and fills err with a sentence that names the file and what to do.
 */
int keyfile_open(const char *path, int *fd, char *err, size_t errlen);

/*
 * Read the key: one line of base64 from the start of the file, a final newline allowed. `fd` stays
 * open. Returns 0, -EINVAL or the error of pread(), and then fills err (without the file's name,
 * which the reader may not know).
 */
int keyfile_read(int fd, uint8_t key[static KEY_LEN], char *err, size_t errlen);

#endif
