/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vpnd/privsep.h"

enum { LINE_LEN = KEY_BASE64_LEN + 1 + 20 + 2 }; /* key, space, number, newline and NUL */

struct entry {
	uint8_t public_key[KEY_LEN];
	int64_t newest_s; /* used, or what the file said at first */
	int64_t stored_s; /* in the file */
	bool in_use;      /* since we began */
};

struct labels {
	char *path, *temporary;
	char *directory;
	struct entry entries[LABELS_KEYS];
	size_t count;
	mono_t failed; /* when the file could not be written; MONO_UNSET: it could */
	mono_t paid;   /* the writes so far are as many as there may be until then */
};

/* --- the table ---------------------------------------------------------------------------------
 */

/* What is only in the file makes room first: it may be anybody's, and as late as can be. */
static bool goes_before(const struct entry *a, const struct entry *b)
{
	return a->in_use != b->in_use ? b->in_use : a->newest_s < b->newest_s;
}

/* The entry of a key; made if there is none, in the place of the least if there is no other. */
static struct entry *find(struct labels *labels, const uint8_t *public_key)
{
	struct entry *e, *least = labels->entries;

	for (e = labels->entries; e < labels->entries + labels->count; e++) {
		if (memcmp(e->public_key, public_key, KEY_LEN) == 0)
			return e;
		if (goes_before(e, least))
			least = e;
	}
	if (labels->count < LABELS_KEYS)
		least = &labels->entries[labels->count++];
	*least = (struct entry){0};
	memcpy(least->public_key, public_key, KEY_LEN);
	return least;
}

void labels_each(const struct labels *labels, labels_fn each, void *arg)
{
	for (size_t i = 0; i < labels->count; i++)
		each(arg, labels->entries[i].public_key, labels->entries[i].newest_s);
}

/* --- the file ----------------------------------------------------------------------------------
 */

/* "KEY SECOND\n". 0 or -EINVAL. */
static int parse_line(char *line, uint8_t *public_key, int64_t *newest_s)
{
	char *space = strchr(line, ' '), *end;

	if (!space || space[1] < '0' || space[1] > '9')
		return -EINVAL;
	*space = '\0';
	errno = 0;
	*newest_s = strtoll(space + 1, &end, 10);
	if (errno || strcmp(end, "\n") != 0 || *newest_s > PRIVSEP_LABEL_MAX_S)
		return -EINVAL;
	return key_from_base64(line, public_key);
}

static void load(struct labels *labels)
{
	_cleanup_fclose_ FILE *f = fopen(labels->path, "re");
	uint8_t public_key[KEY_LEN];
	unsigned int wrong = 0;
	char line[LINE_LEN];
	int64_t newest_s;

	if (!f) {
		if (errno != ENOENT)
			log_warn("cannot read %s: %s", labels->path, strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (parse_line(line, public_key, &newest_s) < 0) {
			wrong++;
		} else {
			struct entry *e = find(labels, public_key);

			if (newest_s > e->newest_s)
				e->newest_s = newest_s;
			e->stored_s = e->newest_s;
		}
	}
	if (wrong || ferror(f))
		log_warn("%s is damaged: if the clock went back since it was written, peers refuse "
			 "us until it has caught up",
			labels->path);
}

/* Whoever asks for the writes must not keep us, or the disk, busy with them. True counts one. */
static bool may_write(struct labels *labels, mono_t now)
{
	mono_t paid = mono_before(labels->paid, now) ? now : labels->paid;

	if (mono_is_set(labels->failed) && !mono_expired_s(labels->failed, LABELS_RETRY_S, now))
		return false;
	paid = mono_add_s(paid, LABELS_GAP_S);
	if (mono_before(mono_add_s(now, LABELS_BURST * LABELS_GAP_S), paid))
		return false;
	labels->paid = paid;
	return true;
}

/* What the file is to say of a key. */
static int64_t wanted_s(const struct entry *e, int64_t ahead_s)
{
	int64_t s = e->newest_s + (e->in_use ? ahead_s : 0);

	return s < PRIVSEP_LABEL_MAX_S ? s : PRIVSEP_LABEL_MAX_S;
}

static int print(const struct labels *labels, int64_t ahead_s, int fd)
{
	char base64[KEY_BASE64_STRLEN];

	for (size_t i = 0; i < labels->count; i++) {
		const struct entry *e = &labels->entries[i];

		if (dprintf(fd, "%s %" PRId64 "\n", key_to_base64(e->public_key, base64),
			    wanted_s(e, ahead_s)) < 0)
			return -errno;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The new file in the place of the old one, or the old one untouched. */
static int replace(const struct labels *labels, int64_t ahead_s)
{
	_cleanup_close_ int directory = open(labels->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;
	int r;

	if (directory < 0)
		return -errno;
	fd = open(labels->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = print(labels, ahead_s, fd);
	if (r == 0 && rename(labels->temporary, labels->path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(labels->temporary);
		return r;
	}
	return fsync(directory) < 0 ? -errno : 0;
}

static void write_file(struct labels *labels, int64_t ahead_s, mono_t now)
{
	int r = replace(labels, ahead_s);

	if (r == -ENOENT) /* nobody wants it kept */
		r = 0;
	else if (r < 0 && !mono_is_set(labels->failed))
		log_warn("cannot write %s: %s; after a reboot with the clock set back, peers would "
			 "refuse us until it has caught up",
			labels->path, strerror(-r));
	else if (r == 0 && mono_is_set(labels->failed))
		log_notice("%s is written again", labels->path);
	labels->failed = r < 0 ? now : MONO_UNSET;
	for (size_t i = 0; r == 0 && i < labels->count; i++)
		labels->entries[i].stored_s = wanted_s(&labels->entries[i], ahead_s);
}

/* --- life --------------------------------------------------------------------------------------
 */

struct labels *labels_new(const char *path)
{
	struct labels *labels = calloc(1, sizeof(*labels));
	const char *slash = strrchr(path, '/');

	if (!labels)
		return NULL;
	labels->path = strdup(path);
	labels->directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!labels->path || !labels->directory ||
		asprintf(&labels->temporary, "%s.new", path) < 0) {
		labels->temporary = NULL;
		labels_free(labels);
		return NULL;
	}
	load(labels);
	return labels;
}

void labels_free(struct labels *labels)
{
	if (!labels)
		return;
	free(labels->path);
	free(labels->directory);
	free(labels->temporary);
	free(labels);
}

void labels_raise(struct labels *labels, const uint8_t public_key[static KEY_LEN], int64_t newest_s,
	mono_t now)
{
	struct entry *raised = find(labels, public_key);

	if (newest_s <= raised->newest_s)
		return;
	raised->newest_s = newest_s;
	raised->in_use = true;
	if (newest_s + LABELS_AHEAD_S / 2 <= raised->stored_s)
		return;
	if (may_write(labels, now))
		write_file(labels, LABELS_AHEAD_S, now);
}

void labels_save(struct labels *labels)
{
	bool same = true;

	for (size_t i = 0; i < labels->count; i++)
		same &= labels->entries[i].stored_s == labels->entries[i].newest_s;
	if (!same)
		write_file(labels, 0, MONO_NEVER);
}
