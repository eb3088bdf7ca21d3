/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TAI64N labels (https://cr.yp.to/libtai/tai64.html), the timestamps of initiations. */
#ifndef VPND_PROTO_TAI64N_H
#define VPND_PROTO_TAI64N_H

#include "vpnd/proto/messages.h"

/*
 * The label of a wall-clock time: seconds since 1970 (UTC) and nanoseconds below 10^9. The low 24
 * bits of the nanoseconds are cleared, so that the wire tells nobody our clock more finely than to
 * 17 ms; that is fine enough for INITIATIONS_PER_S increasing labels a second.
 */
void tai64n_label(uint8_t out[static TIMESTAMP_LEN], int64_t s, uint32_t ns);

/*
 * The second since 1970 of a label, from whoever made it; 0 for what is before that, INT64_MAX for
 * what no clock shows.
 */
int64_t tai64n_seconds(const uint8_t label[static TIMESTAMP_LEN]);

#endif
