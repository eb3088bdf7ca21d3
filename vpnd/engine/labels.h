/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TAI64N labels of our initiations, for each private key that we ever used. A peer refuses a
 * label that is not greater than the last, so ours grow whatever the wall clock does: also over the
 * end of an engine or of the host, for the monitor keeps what we tell it of them. Pure.
 */
#ifndef VPND_ENGINE_LABELS_H
#define VPND_ENGINE_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/key.h"

struct labels_key {
	uint8_t public_key[KEY_LEN];
	struct wall newest; /* as if on the wall clock */
	int64_t told_s;     /* no label past this second was used, as far as the monitor knows */
};

/* Zero is the empty table. */
struct labels {
	struct labels_key *keys;
	size_t count, room;
};

void labels_done(struct labels *labels);

/* Labels of this key were used up to the end of `newest_s`; nothing is ever lowered. 0 or -ENOMEM.
 */
int labels_floor(struct labels *labels, const uint8_t public_key[static KEY_LEN], int64_t newest_s);

/*
 * The label for an initiation at `now`: that time, or what comes next if it is not past all labels
 * before it. *tell is set if the monitor is to be told of its second before it is used; past
 * PRIVSEP_LABEL_MAX_S it takes none. When memory is short the clock alone is what it goes by.
 */
struct wall labels_next(struct labels *labels, const uint8_t public_key[static KEY_LEN],
	struct wall now, bool *tell);

#endif
