/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is written once as a file, sealed, and handed to another process. */
#ifndef BASE_MEMFD_H
#define BASE_MEMFD_H

/* With these neither its bytes nor what memory it holds can change any more. */
extern const int memfd_seals;

/* An empty one (O_CLOEXEC, not executable where the kernel knows that), or a negative errno. */
int memfd_new(const char *name);

/* Seal it. Returns 0 or a negative errno. */
int memfd_seal(int fd);

#endif
