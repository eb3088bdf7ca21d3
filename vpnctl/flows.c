/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `flows`: what natd lists, shown as it comes; or summed here, for the daemon keeps no sums. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/control.h"
#include "base/flow_words.h"
#include "vpnctl/ask.h"
#include "vpnctl/flows_view.h"
#include "vpnctl/foreign.h"
#include "vpnctl/invocation.h"

#define LINE_TIMEOUT_MS 10000
#define TOP_ROWS 10 /* unless --limit says otherwise */

/* A listing under way. */
struct listing {
	const struct invocation *inv;
	struct flows_sums *sums; /* NULL: one line a flow */
	uint64_t shown;
};

/* --- the request ------------------------------------------------------------------------------ */

static int usage(const char *problem)
{
	fprintf(stderr, "vpnctl: %s\n", problem);
	return -EINVAL;
}

static int parse_number(const char *text, long max, long *number)
{
	char *end;

	errno = 0;
	*number = strtol(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno || *number > max ? -EINVAL : 0;
}

static int parse_top(const char *text, enum flows_top *top)
{
	*top = FLOWS_TOP_NONE;
	for (int i = 1; text && flows_top_words[i]; i++)
		if (!strcmp(text, flows_top_words[i]))
			*top = i;
	return text && *top == FLOWS_TOP_NONE ? usage("--top takes dest, source or bytes") : 0;
}

static bool is_prefix(const char *text)
{
	struct prefix prefix;

	return prefix_parse(text, false, &prefix) == 0;
}

static bool is_address(const char *text)
{
	struct addr addr;

	return addr_parse(text, &addr) == 0;
}

static bool is_protocol(const char *text)
{
	uint8_t protocol;

	return flow_words_parse_protocol(text, &protocol) == 0;
}

static bool has_filter(const struct invocation_flows *f)
{
	return f->from || f->to || f->proto || f->port || f->state || f->nat;
}

/* The filters that are text. One that cannot be asked for must not be left out: more would pass. */
static int put_texts(const struct invocation_flows *f, json_t *request)
{
	const struct {
		const char *key, *text, *takes;
		bool (*is_one)(const char *text);
	} texts[] = {
		{"from", f->from, "an address or a prefix", is_prefix},
		{"to", f->to, "an address or a prefix", is_prefix},
		{"nat", f->nat, "an address", is_address},
		{"proto", f->proto, "a protocol such as tcp, udp or icmp", is_protocol},
		{"state", f->state, "a state such as established, syn_sent or unreplied",
			flow_words_is_state},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = texts[i].text;

		if (!text)
			continue;
		if (!texts[i].is_one(text) ||
			json_object_set_new(request, texts[i].key, json_string(text)) < 0) {
			fprintf(stderr, "vpnctl: --%s takes %s\n", texts[i].key, texts[i].takes);
			return -EINVAL;
		}
	}
	return 0;
}

/* What is asked for, and how many of it, 0 for all. Complains, and returns 0 or -EINVAL. */
static int make_request(
	const struct invocation *inv, enum flows_top *top, long *limit, json_t *request)
{
	const struct invocation_flows *f = &inv->flows;
	long port;
	int r = parse_top(f->top, top);

	if (r < 0)
		return r;
	*limit = *top ? TOP_ROWS : 0;
	if (f->limit && (parse_number(f->limit, LONG_MAX, limit) < 0 || !*limit))
		return usage("--limit takes a number, 1 or more");
	if (f->port && parse_number(f->port, UINT16_MAX, &port) < 0)
		return usage("--port takes a number, 0 to 65535");
	if (f->kill && (f->limit || f->top))
		return usage("--kill ends all flows that are asked for: no --limit, no --top");
	if (f->kill && !has_filter(f))
		return usage(
			"--kill needs a filter: --from, --to, --proto, --port, --state, --nat");
	json_object_set_new(request, "cmd", json_string(f->kill ? "kill_flows" : "flows"));
	if (f->port)
		json_object_set_new(request, "port", json_integer(port));
	if (*limit && !*top)
		json_object_set_new(request, "limit", json_integer(*limit));
	return put_texts(f, request);
}

/* --- the answer ------------------------------------------------------------------------------- */

static int show(struct listing *l, const struct reply_flow *flow)
{
	_cleanup_json_ json_t *json = NULL;

	if (l->sums)
		return flows_sums_add(l->sums, flow);
	if (!l->inv->json) {
		flows_view_row(stdout, flow);
		return 0;
	}
	json = field_write(&reply_flow_table, flow);
	if (!json)
		return -ENOMEM;
	fputs(l->shown ? ",\n" : "\n", stdout);
	return json_dumpf(json, stdout, JSON_COMPACT) < 0 ? -ENOMEM : 0;
}

static int take(json_t *data, bool last, void *arg)
{
	struct listing *l = arg;
	json_t *item;
	size_t i;

	(void)last;
	json_array_foreach(json_object_get(data, "flows"), i, item)
	{
		struct reply_flow flow;
		int r = field_read(&reply_flow_table, item, &flow);

		if (r == 0)
			r = show(l, &flow);
		field_done(&reply_flow_table, &flow);
		if (r < 0)
			return r;
		l->shown++;
	}
	/* The first are seen at once; and if nobody reads, no more are asked for. */
	return fflush(stdout) ? -EPIPE : 0;
}

static int print_sums(struct listing *l, size_t limit)
{
	_cleanup_json_ json_t *json = NULL;

	if (!l->inv->json)
		return flows_sums_print(l->sums, limit, paint_pen(stdout));
	json = json_pack("{s:i, s:s, s:o}", "schema", CONTROL_SCHEMA, "by", l->inv->flows.top,
		"top", flows_sums_json(l->sums, limit));
	if (!json || json_dumpf(json, stdout, JSON_INDENT(2)) < 0)
		return -ENOMEM;
	putchar('\n');
	return 0;
}

/* Whatever happens, what is printed is one JSON object. */
static enum exit_code list(const struct invocation *inv, json_t *request)
{
	struct listing l = {.inv = inv};
	char err[ASK_ERROR_LEN] = "";

	if (inv->json)
		printf("{\"schema\":%d,\"flows\":[", CONTROL_SCHEMA);
	else
		flows_view_header(stdout);
	int r = ask_lines(
		inv->run_dir, REPORT_NATD, request, LINE_TIMEOUT_MS, take, &l, err, sizeof(err));
	if (inv->json)
		printf("%s],\"complete\":%s}\n", l.shown ? "\n" : "", r == 0 ? "true" : "false");
	return ask_exit(r, err);
}

static enum exit_code sum(
	const struct invocation *inv, enum flows_top top, long limit, json_t *request)
{
	struct listing l = {.inv = inv, .sums = flows_sums_new(top)};
	char err[ASK_ERROR_LEN] = "";
	int r = l.sums ? ask_lines(inv->run_dir, REPORT_NATD, request, LINE_TIMEOUT_MS, take, &l,
				 err, sizeof(err))
		       : -ENOMEM;

	if (r == 0)
		r = print_sums(&l, (size_t)limit);
	flows_sums_free(l.sums);
	return ask_exit(r, err);
}

/* --- ending them ------------------------------------------------------------------------------ */

static int take_killed(json_t *data, bool last, void *arg)
{
	json_t **result = arg;

	if (last)
		*result = json_incref(data);
	return 0;
}

static enum exit_code end_them(const struct invocation *inv, json_t *request)
{
	_cleanup_json_ json_t *result = NULL;
	char err[ASK_ERROR_LEN] = "";
	int r = ask_lines(inv->run_dir, REPORT_NATD, request, LINE_TIMEOUT_MS, take_killed, &result,
		err, sizeof(err));
	json_int_t killed = json_integer_value(json_object_get(result, "killed"));
	json_int_t failed = json_integer_value(json_object_get(result, "failed"));

	if (r < 0)
		return ask_exit(r, err);
	if (inv->json)
		printf("{\"schema\":%d,\"killed\":%" JSON_INTEGER_FORMAT
		       ",\"failed\":%" JSON_INTEGER_FORMAT "}\n",
			CONTROL_SCHEMA, killed, failed);
	else
		printf("%" JSON_INTEGER_FORMAT " flows ended, %" JSON_INTEGER_FORMAT
		       " could not be\n",
			killed, failed);
	return failed ? EXIT_FAILED : EXIT_WELL;
}

int flows_run(const struct invocation *inv)
{
	_cleanup_json_ json_t *request = json_object();
	enum flows_top top;
	long limit;

	if (!request)
		return ask_exit(-ENOMEM, "");
	if (make_request(inv, &top, &limit, request) < 0)
		return EXIT_USAGE;
	if (inv->flows.kill)
		return end_them(inv, request);
	return top ? sum(inv, top, limit, request) : list(inv, request);
}
