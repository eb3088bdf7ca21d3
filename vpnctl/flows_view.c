/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnctl/flows_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/table.h"
#include "vpnctl/units.h"

#define END_LEN (2 * FOREIGN_WORD) /* bytes of an address with its port */
#define ROW "%-7s %-11s %-21s %-21s %-21s %6s %6s %8s %8s\n"

const char *const flows_top_words[] = {NULL, "dest", "source", "bytes", NULL};

/* --- one flow --------------------------------------------------------------------------------- */

static const char *format_end(const char *address, int64_t port, char out[static END_LEN])
{
	_cleanup_free_ char *safe = foreign_text(address, FOREIGN_WORD);
	bool v6 = safe && strchr(safe, ':');

	if (!safe || port < 0)
		snprintf(out, END_LEN, "%s", safe ? safe : "-");
	else
		snprintf(out, END_LEN, v6 ? "[%s]:%" PRId64 : "%s:%" PRId64, safe, port);
	return out;
}

void flows_view_header(FILE *f)
{
	fprintf(f, ROW, "PROTO", "STATE", "FROM", "TO", "AS", "AGE", "LEFT", "OUT", "IN");
}

void flows_view_row(FILE *f, const struct reply_flow *flow)
{
	_cleanup_free_ char *protocol = foreign_text(flow->protocol, FOREIGN_WORD);
	_cleanup_free_ char *state = foreign_text(flow->state, FOREIGN_WORD);
	char from[END_LEN], to[END_LEN], as[END_LEN], age[UNITS_LEN], left[UNITS_LEN];
	char out[UNITS_LEN], in[UNITS_LEN];

	fprintf(f, ROW, protocol ? protocol : "-", state ? state : "-",
		format_end(flow->source, flow->source_port, from),
		format_end(flow->destination, flow->destination_port, to),
		format_end(flow->nat, flow->nat_port, as), units_duration(flow->age_s, age),
		units_duration(flow->timeout_s, left), units_bytes(flow->out_bytes, out),
		units_bytes(flow->in_bytes, in));
}

/* --- sums ------------------------------------------------------------------------------------- */

/* What counts as one: a destination, a source, or a flow. */
struct sum {
	UT_hash_handle hh;
	char *protocol, *to; /* NULL where they do not tell sums apart */
	char *from;
	int64_t flows, bytes;
	char key[];
};

struct flows_sums {
	enum flows_top by;
	struct sum *all;
};

static int64_t bytes_of(const struct reply_flow *flow)
{
	return (flow->out_bytes > 0 ? flow->out_bytes : 0) +
	       (flow->in_bytes > 0 ? flow->in_bytes : 0);
}

struct flows_sums *flows_sums_new(enum flows_top by)
{
	struct flows_sums *sums = calloc(1, sizeof(*sums));

	if (sums)
		sums->by = by;
	return sums;
}

static void free_sum(struct sum *sum)
{
	free(sum->protocol);
	free(sum->from);
	free(sum->to);
	free(sum);
}

void flows_sums_free(struct flows_sums *sums)
{
	struct sum *sum, *next;

	if (!sums)
		return;
	HASH_ITER(hh, sums->all, sum, next)
	{
		HASH_DEL(sums->all, sum);
		free_sum(sum);
	}
	free(sums);
}

/* A sum with nothing in it yet; `key` is what tells it from others. */
static struct sum *make_sum(struct flows_sums *sums, const char *key, const char *protocol,
	const char *from, const char *to)
{
	size_t len = strlen(key);
	struct sum *sum = calloc(1, sizeof(*sum) + len + 1);

	if (!sum)
		return NULL;
	memcpy(sum->key, key, len);
	sum->protocol = protocol ? foreign_text(protocol, FOREIGN_WORD) : NULL;
	sum->from = from ? strdup(from) : NULL;
	sum->to = to ? strdup(to) : NULL;
	if ((protocol && !sum->protocol) || (from && !sum->from) || (to && !sum->to)) {
		free_sum(sum);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, sums->all, sum->key, len, sum);
	return sum;
}

int flows_sums_add(struct flows_sums *sums, const struct reply_flow *flow)
{
	bool from_counts = sums->by != FLOWS_TOP_DEST, to_counts = sums->by != FLOWS_TOP_SOURCE;
	int64_t from_port = sums->by == FLOWS_TOP_BYTES ? flow->source_port : -1;
	char from[END_LEN], to[END_LEN], key[3 * END_LEN];
	struct sum *sum = NULL;

	format_end(flow->source, from_port, from);
	format_end(flow->destination, flow->destination_port, to);
	snprintf(key, sizeof(key), "%.32s %s %s", to_counts && flow->protocol ? flow->protocol : "",
		from_counts ? from : "", to_counts ? to : "");
	HASH_FIND_STR(sums->all, key, sum);
	if (!sum)
		sum = make_sum(sums, key, to_counts ? flow->protocol : NULL,
			from_counts ? from : NULL, to_counts ? to : NULL);
	if (!sum)
		return -ENOMEM;
	sum->flows++;
	sum->bytes += bytes_of(flow);
	return 0;
}

static int by_flows(const struct sum *a, const struct sum *b)
{
	if (a->flows != b->flows)
		return a->flows > b->flows ? -1 : 1;
	return strcmp(a->key, b->key);
}

static int by_bytes(const struct sum *a, const struct sum *b)
{
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return strcmp(a->key, b->key);
}

static struct sum *sorted(struct flows_sums *sums)
{
	if (sums->by == FLOWS_TOP_BYTES)
		HASH_SORT(sums->all, by_bytes);
	else
		HASH_SORT(sums->all, by_flows);
	return sums->all;
}

int flows_sums_print(struct flows_sums *sums, size_t limit, struct pen pen)
{
	static const char *const names[] = {"PROTO", "FROM", "TO", "FLOWS", "BYTES"};
	char text[UNITS_LEN];
	struct table table;
	int r;

	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (struct sum *sum = sorted(sums); sum && limit; sum = sum->hh.next, limit--) {
		table_put(&table, PAINT_PLAIN, sum->protocol ? sum->protocol : "*");
		table_put(&table, PAINT_PLAIN, sum->from ? sum->from : "*");
		table_put(&table, PAINT_PLAIN, sum->to ? sum->to : "*");
		table_put(&table, PAINT_PLAIN, units_count(sum->flows, text));
		table_put(&table, PAINT_PLAIN, units_bytes(sum->bytes, text));
	}
	r = table_print(&table, pen);
	table_done(&table);
	return r;
}

json_t *flows_sums_json(struct flows_sums *sums, size_t limit)
{
	json_t *list = json_array();

	for (struct sum *sum = sorted(sums); list && sum && limit; sum = sum->hh.next, limit--)
		json_array_append_new(
			list, json_pack("{s:s?, s:s?, s:s?, s:I, s:I}", "protocol", sum->protocol,
				      "from", sum->from, "to", sum->to, "flows",
				      (json_int_t)sum->flows, "bytes", (json_int_t)sum->bytes));
	return list;
}
