/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines on their way into a file and the journal, which may be slow, full or stuck: a thread of its
 * own writes them from a bounded buffer, so that whoever puts them never waits.
 */
#ifndef NATD_SPOOL_H
#define NATD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

/* A spool that writes nowhere yet. Returns 0 or -ENOMEM. */
int spool_new(struct spool **out);

/* Write what can be written within a second, and end. */
void spool_free(struct spool *spool);

/*
 * From now on write to the file at `path` (NULL: to none), which is opened anew even if it is the
 * same, and made (0640) if need be; and to the journal, or not. Returns 0 or -ENOMEM.
 */
int spool_target(struct spool *spool, const char *path, bool journal);

/*
 * Put a line that ends with a newline. The first one starts the thread: privilege that is given up
 * before is not the thread's. Returns 0, -ENOBUFS if there is no room, which is counted, or another
 * negative errno.
 */
int spool_put(struct spool *spool, const char *line, size_t len);

struct spool_stats {
	uint64_t written; /* lines, to the file or else to the journal */
	uint64_t dropped; /* lines that found no room, or could not be written */
	int error;        /* negative errno of the last write or opening, 0 if it succeeded */
};
void spool_stats(struct spool *spool, struct spool_stats *out);

#endif
