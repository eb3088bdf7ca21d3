/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ROOM (1 << 20)   /* bytes that wait */
#define CHUNK (64 << 10) /* bytes that are written at a time */
#define END_WAIT_S 1
#define JOURNAL "/run/systemd/journal/socket"

struct spool {
	pthread_mutex_t lock; /* of all that follows, up to what is the thread's */
	pthread_cond_t more;
	pthread_t thread;
	bool running, ending, retarget;
	char *path; /* NULL: no file */
	bool journal;
	struct spool_stats stats;
	size_t first, used; /* of the ring */
	char ring[ROOM];

	/* The thread's. */
	int fd;
	bool torn; /* the last line in the file has no end */
	char chunk[CHUNK];
};

int spool_new(struct spool **out)
{
	struct spool *spool = calloc(1, sizeof(*spool));

	if (!spool)
		return -ENOMEM;
	pthread_mutex_init(&spool->lock, NULL);
	pthread_cond_init(&spool->more, NULL);
	spool->fd = -1;
	*out = spool;
	return 0;
}

/* --- the thread ------------------------------------------------------------------------------- */

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 0;

	for (const char *end; (end = len ? memchr(text, '\n', len) : NULL); n++) {
		len -= (size_t)(end - text) + 1;
		text = end + 1;
	}
	return n;
}

/* Returns 0 when all is written, or a negative errno. *done is how much was, in any case. */
static int write_all(int fd, const char *text, size_t len, size_t *done)
{
	for (*done = 0; *done < len;) {
		ssize_t n = write(fd, text + *done, len - *done);

		if (n < 0 && errno != EINTR)
			return -errno;
		*done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Write to the file. A line that an earlier failure left torn is ended first. */
static int write_file(struct spool *spool, size_t len, size_t *lines)
{
	size_t done = 0;
	int r = 0;

	*lines = 0;
	if (spool->torn && write(spool->fd, "\n", 1) != 1)
		return -errno;
	spool->torn = false;
	r = write_all(spool->fd, spool->chunk, len, &done);
	*lines = count_lines(spool->chunk, done);
	spool->torn = done && spool->chunk[done - 1] != '\n';
	return r;
}

static int write_journal(const struct spool *spool, size_t len, size_t *lines)
{
	const char *line = spool->chunk;
	int r = 0;

	*lines = 0;
	/* The library says nothing where there is none. */
	if (access(JOURNAL, F_OK) < 0)
		return -errno;
	for (const char *end; r >= 0 && len && (end = memchr(line, '\n', len)); line = end + 1) {
		r = sd_journal_send("MESSAGE=%.*s", (int)(end - line), line, "PRIORITY=6",
			"SYSLOG_IDENTIFIER=natd", "GATEHOUSE_KIND=flow", NULL);
		*lines += r >= 0;
		len -= (size_t)(end - line) + 1;
	}
	return r;
}

/* Take the whole lines that fit into a chunk; the lock is held. */
static size_t take_chunk(struct spool *spool)
{
	size_t len = spool->used < CHUNK ? spool->used : CHUNK;
	size_t to_end = ROOM - spool->first, part = len < to_end ? len : to_end;

	memcpy(spool->chunk, spool->ring + spool->first, part);
	memcpy(spool->chunk + part, spool->ring, len - part);
	while (len && spool->chunk[len - 1] != '\n')
		len--;
	spool->first = (spool->first + len) % ROOM;
	spool->used -= len;
	return len;
}

/* Open the file that is wanted now; called and returns with the lock held. */
static void open_target(struct spool *spool)
{
	_cleanup_free_ char *path = spool->path ? strdup(spool->path) : NULL;

	spool->retarget = false;
	pthread_mutex_unlock(&spool->lock);
	cleanup_close(&spool->fd);
	spool->fd = -1;
	spool->torn = false;
	if (path)
		spool->fd = open(path,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
				O_NOCTTY,
			0640);
	int error = path && spool->fd < 0 ? -errno : 0;
	pthread_mutex_lock(&spool->lock);
	spool->stats.error = error;
}

/* Called and returns with the lock held. */
static void write_chunk(struct spool *spool)
{
	bool file = spool->path, journal = spool->journal;
	size_t len = take_chunk(spool), in_file = 0, in_journal = 0, lines;
	int r = 0, r2 = 0;

	pthread_mutex_unlock(&spool->lock);
	lines = count_lines(spool->chunk, len);
	if (file)
		r = spool->fd < 0 ? -EBADF : write_file(spool, len, &in_file);
	if (journal)
		r2 = write_journal(spool, len, &in_journal);
	pthread_mutex_lock(&spool->lock);
	spool->stats.written += file ? in_file : in_journal;
	spool->stats.dropped += lines - (file ? in_file : in_journal);
	/* What kept the file from being opened says more. */
	if (r != -EBADF)
		spool->stats.error = r < 0 ? r : r2;
}

static void *run(void *arg)
{
	struct spool *spool = arg;

	pthread_mutex_lock(&spool->lock);
	while (!spool->ending || spool->used) {
		if (!spool->retarget && !spool->used) {
			pthread_cond_wait(&spool->more, &spool->lock);
			continue;
		}
		/* What kept it from being opened before may be over. */
		if (spool->retarget || (spool->path && spool->fd < 0))
			open_target(spool);
		if (spool->used)
			write_chunk(spool);
	}
	pthread_mutex_unlock(&spool->lock);
	return NULL;
}

/* --- its owner -------------------------------------------------------------------------------- */

/* The lock is held. */
static int start(struct spool *spool)
{
	int r = pthread_create(&spool->thread, NULL, run, spool);

	spool->running = r == 0;
	return -r;
}

/* A thread that is stuck is left behind with all that it uses: the process ends anyway. */
static bool end_thread(struct spool *spool)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += END_WAIT_S;
	pthread_mutex_lock(&spool->lock);
	spool->ending = true;
	pthread_cond_signal(&spool->more);
	pthread_mutex_unlock(&spool->lock);
	return pthread_timedjoin_np(spool->thread, NULL, &deadline) == 0;
}

void spool_free(struct spool *spool)
{
	if (!spool || (spool->running && !end_thread(spool)))
		return;
	cleanup_close(&spool->fd);
	free(spool->path);
	free(spool);
}

int spool_target(struct spool *spool, const char *path, bool journal)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy)
		return -ENOMEM;
	pthread_mutex_lock(&spool->lock);
	free(spool->path);
	spool->path = copy;
	spool->journal = journal;
	spool->retarget = true;
	pthread_cond_signal(&spool->more);
	pthread_mutex_unlock(&spool->lock);
	return 0;
}

int spool_put(struct spool *spool, const char *line, size_t len)
{
	size_t at, part;
	int r = 0;

	pthread_mutex_lock(&spool->lock);
	if (!spool->running)
		r = start(spool);
	if (r == 0 && len > ROOM - spool->used)
		r = -ENOBUFS;
	if (r == 0) {
		at = (spool->first + spool->used) % ROOM;
		part = len < ROOM - at ? len : ROOM - at;
		memcpy(spool->ring + at, line, part);
		memcpy(spool->ring, line + part, len - part);
		spool->used += len;
		pthread_cond_signal(&spool->more);
	} else {
		spool->stats.dropped++;
	}
	pthread_mutex_unlock(&spool->lock);
	return r;
}

void spool_stats(struct spool *spool, struct spool_stats *out)
{
	pthread_mutex_lock(&spool->lock);
	*out = spool->stats;
	pthread_mutex_unlock(&spool->lock);
}
