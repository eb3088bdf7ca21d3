/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/flow_filter.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/flow_words.h"
#include "base/log.h"

#define SHOWN_MAX 64 /* bytes of a rejected value that an error shows */

static int refuse(const char *key, const char *value, const char *expects, char *err, size_t errlen)
{
	char shown[SHOWN_MAX];

	log_escape(value, strlen(value), shown, sizeof(shown));
	snprintf(err, errlen, "%s: \"%s\" is not %s", key, shown, expects);
	return -EINVAL;
}

/* The text of a key. Returns 1, 0 if it is not there, or -EINVAL. */
static int get_text(json_t *request, const char *key, const char **text, char *err, size_t errlen)
{
	json_t *value = json_object_get(request, key);

	if (!value)
		return 0;
	*text = json_string_value(value);
	if (*text)
		return 1;
	snprintf(err, errlen, "%s: expected text", key);
	return -EINVAL;
}

static int parse_prefix(
	json_t *request, const char *key, struct prefix *out, char *err, size_t errlen)
{
	const char *text;
	int r = get_text(request, key, &text, err, errlen);

	if (r > 0 && prefix_parse(text, false, out) < 0)
		r = refuse(key, text, "an address or a prefix", err, errlen);
	return r;
}

static int parse_nat(json_t *request, struct flow_filter *out, char *err, size_t errlen)
{
	const char *text;
	int r = get_text(request, "nat", &text, err, errlen);

	if (r > 0 && addr_parse(text, &out->nat) < 0)
		r = refuse("nat", text, "an address", err, errlen);
	return r;
}

static int parse_protocol(json_t *request, struct flow_filter *out, char *err, size_t errlen)
{
	const char *text;
	int r = get_text(request, "proto", &text, err, errlen);

	if (r > 0 && flow_words_parse_protocol(text, &out->protocol) < 0)
		return refuse("proto", text, "a protocol such as tcp, udp or icmp", err, errlen);
	out->has_protocol = r > 0;
	return r;
}

static int parse_state(json_t *request, struct flow_filter *out, char *err, size_t errlen)
{
	const char *text;
	int r = get_text(request, "state", &text, err, errlen);

	if (r <= 0)
		return r;
	if (!flow_words_is_state(text))
		return refuse("state", text, "a state such as established, syn_sent or unreplied",
			err, errlen);
	snprintf(out->state, sizeof(out->state), "%s", text);
	return r;
}

static int parse_port(json_t *request, struct flow_filter *out, char *err, size_t errlen)
{
	json_t *value = json_object_get(request, "port");
	json_int_t port = json_integer_value(value);

	if (!value)
		return 0;
	if (!json_is_integer(value) || port < 0 || port > UINT16_MAX) {
		snprintf(err, errlen, "port: expected a number, 0 to %d", UINT16_MAX);
		return -EINVAL;
	}
	out->port = (uint16_t)port;
	out->has_port = true;
	return 1;
}

int flow_filter_parse(json_t *request, struct flow_filter *out, char *err, size_t errlen)
{
	struct flow_filter filter = {0};
	int r = parse_prefix(request, "from", &filter.from, err, errlen);

	if (r >= 0)
		r = parse_prefix(request, "to", &filter.to, err, errlen);
	if (r >= 0)
		r = parse_nat(request, &filter, err, errlen);
	if (r >= 0)
		r = parse_protocol(request, &filter, err, errlen);
	if (r >= 0)
		r = parse_state(request, &filter, err, errlen);
	if (r >= 0)
		r = parse_port(request, &filter, err, errlen);
	if (r < 0)
		return r;
	*out = filter;
	return 0;
}

bool flow_filter_is_empty(const struct flow_filter *f)
{
	return f->from.addr.family == ADDR_NONE && f->to.addr.family == ADDR_NONE &&
	       f->nat.family == ADDR_NONE && !f->has_protocol && !f->has_port && !*f->state;
}

enum addr_family flow_filter_family(const struct flow_filter *f)
{
	if (f->from.addr.family != ADDR_NONE)
		return f->from.addr.family;
	return f->to.addr.family != ADDR_NONE ? f->to.addr.family : f->nat.family;
}

bool flow_filter_passes(const struct flow_filter *f, const struct conntrack_flow *flow,
	const struct flow_role *role)
{
	if (f->from.addr.family != ADDR_NONE && !prefix_contains(&f->from, &flow->original.src))
		return false;
	if (f->to.addr.family != ADDR_NONE && !prefix_contains(&f->to, &flow->original.dst) &&
		!prefix_contains(&f->to, &flow->reply.src))
		return false;
	if (f->nat.family != ADDR_NONE && !addr_equal(&f->nat, &role->public.addr))
		return false;
	if (f->has_protocol && f->protocol != flow->protocol)
		return false;
	if (f->has_port && f->port != flow->original.dst_port)
		return false;
	return !*f->state || strcmp(f->state, flow_role_state(flow)) == 0;
}
