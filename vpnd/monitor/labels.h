/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far the timestamps of our initiations have got, for each key, kept where a reboot does not
 * reach: a peer refuses an initiation that is not newer than the last, and a host may come up with
 * its clock set back.
 *
 * The file is a line for each key, its public half in base64 and a second since 1970, and is
 * replaced as a whole. It is ahead of what was used, so that it is written once in minutes, and
 * before it is needed; labels_save brings it back to what was used.
 */
#ifndef VPND_MONITOR_LABELS_H
#define VPND_MONITOR_LABELS_H

#include <stdint.h>

#include "base/key.h"
#include "base/mono.h"

enum {
	LABELS_AHEAD_S = 300, /* by how much the file is ahead when it is written */
	LABELS_KEYS = 1024,   /* one that is not in use, or furthest back, makes room for another */
	LABELS_RETRY_S = 60,  /* from a failed write to the next */
	LABELS_GAP_S = 1,     /* between writes in the long run, and how many may come at once: */
	LABELS_BURST = 64,
};

struct labels;

/*
 * Read the file at `path` (copied), which need not exist; its directory need not either, and then
 * nothing is ever written. What is wrong with it is logged and costs no more than the lines that
 * are wrong. NULL when memory is short.
 */
struct labels *labels_new(const char *path);
void labels_free(struct labels *labels); /* NULL is fine */

/*
 * Labels of this key are used up to the end of this second. Nothing is ever lowered. Writes the
 * file if it has to; that it cannot is logged, and tried again. Past LABELS_BURST, a key may have
 * to wait for the next write, which is of all keys.
 */
void labels_raise(struct labels *labels, const uint8_t public_key[static KEY_LEN], int64_t newest_s,
	mono_t now);

/* Write what was used, and no more: no label is used any more. */
void labels_save(struct labels *labels);

/* Call `each` for every key. */
typedef void (*labels_fn)(void *arg, const uint8_t public_key[static KEY_LEN], int64_t newest_s);
void labels_each(const struct labels *labels, labels_fn each, void *arg);

#endif
