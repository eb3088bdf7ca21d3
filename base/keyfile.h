/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that hold a secret key in base64. Opening and reading are apart, so that one process may
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

/*
 * Have the kernel copy a key file to a file of many, as its key number `index`; its content never
 * comes into this process. Of what is too long for a key the beginning is copied, to be refused
 * when it is read. Moves the offset of `many`. Returns 0 or a negative errno.
 */
int keyfile_gather(int fd, int many, size_t index);

/* Read the key of that number of such a file, as keyfile_read. */
int keyfile_read_nth(int many, size_t index, uint8_t key[static KEY_LEN], char *err, size_t errlen);

#endif
