/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows as lines of text, and the sums of many of them. */
#ifndef VPNCTL_FLOWS_VIEW_H
#define VPNCTL_FLOWS_VIEW_H

#include "vpnctl/paint.h"
#include "vpnctl/reply.h"

/*
 * The header and one line a flow, whose columns have fixed widths: nobody waits for the longest of
 * a hundred thousand.
 */
void flows_view_header(FILE *f);
void flows_view_row(FILE *f, const struct reply_flow *flow);

/* What flows are summed by. */
enum flows_top {
	FLOWS_TOP_NONE,
	FLOWS_TOP_DEST,   /* protocol, address and port spoken to */
	FLOWS_TOP_SOURCE, /* address that began them */
	FLOWS_TOP_BYTES,  /* not at all: the single flows that carried most */
};
extern const char *const flows_top_words[]; /* NULL at both ends */

struct flows_sums;

/* NULL without memory. */
struct flows_sums *flows_sums_new(enum flows_top by);
void flows_sums_free(struct flows_sums *sums);

/* Count a flow. Returns 0 or -ENOMEM. */
int flows_sums_add(struct flows_sums *sums, const struct reply_flow *flow);

/* The `limit` largest as a table, or as a list of objects. 0 or -ENOMEM; NULL without memory. */
int flows_sums_print(struct flows_sums *sums, size_t limit, struct pen pen);
json_t *flows_sums_json(struct flows_sums *sums, size_t limit);

#endif
