/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/conf_type.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "natd/conf.h"

#define SHOWN_MAX 64 /* bytes of a rejected value that an error shows */

static int refuse(
	struct conf_ctx *ctx, const config_setting_t *at, const char *key, const char *expects)
{
	const char *text = config_setting_get_string(at);
	char shown[SHOWN_MAX];

	log_escape(text, strlen(text), shown, sizeof(shown));
	conf_error(ctx, at, "%s: \"%s\" is not %s", key, shown, expects);
	return -EINVAL;
}

/* --- uplinks ---------------------------------------------------------------------------------- */

static const char name_expects[] = "an interface name: 1 to 15 of A-Z a-z 0-9 _ = + . -";
static const char uplink_expects[] = "an interface name, or a group of name and snat";

static const struct conf_row uplink_rows[] = {
	{"name", CONF_IFNAME, CONF_FIELD(struct natd_uplink, name), .required = true,
		.help = "Interface"},
	{"snat", CONF_ADDR, CONF_LIST(struct natd_uplink, snat, n_snat),
		.help = "Public addresses for what leaves here from subnets that have no snat of "
			"their own"},
};
static const struct conf_table uplink_table = CONF_TABLE(struct natd_uplink, uplink_rows);

/* As the base reads an interface's name: nothing in it has a meaning in a ruleset. */
static bool is_ifname(const char *text)
{
	static const char valid[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-";
	size_t len = strlen(text);

	return len > 0 && len < IFNAMSIZ && strspn(text, valid) == len && *text != '-' &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static int parse_uplink(struct conf_ctx *ctx, const config_setting_t *at, void *dst)
{
	struct natd_uplink *uplink = dst;
	const char *text = config_setting_get_string(at);

	uplink->at = at;
	if (config_setting_is_group(at))
		return conf_group_parse(ctx, at, &uplink_table, uplink);
	if (!text)
		return conf_expected(ctx, at, uplink_expects);
	if (!is_ifname(text))
		return refuse(ctx, at, "uplinks", name_expects);
	memcpy(uplink->name, text, strlen(text) + 1);
	return 0;
}

static void print_uplink(FILE *f, int indent, const void *src)
{
	const struct natd_uplink *uplink = src;

	if (uplink->n_snat)
		conf_group_print(f, indent, &uplink_table, uplink);
	else
		fprintf(f, "\"%s\"", uplink->name);
}

static void free_uplink(void *dst)
{
	conf_group_free(&uplink_table, dst);
}

const struct conf_custom conf_type_uplink = {
	.expects = uplink_expects,
	.parse = parse_uplink,
	.print = print_uplink,
	.free = free_uplink,
};

/* --- prefixes --------------------------------------------------------------------------------- */

static const char prefix_expects[] = "a prefix like \"10.0.0.0/8\" or \"2001:db8::/32\"";

static int parse_prefix(struct conf_ctx *ctx, const config_setting_t *at, void *dst)
{
	struct natd_prefix *out = dst;
	const char *text = config_setting_get_string(at);
	const char *key = config_setting_name(at);
	char shown[PREFIX_STRLEN];
	struct prefix masked;
	int r;

	if (!text)
		return conf_expected(ctx, at, prefix_expects);
	if (!key) /* one of a list, which has the name */
		key = config_setting_name(config_setting_parent(at));
	r = prefix_parse(text, true, &out->prefix);
	out->at = at;
	if (r == -EADDRNOTAVAIL && prefix_parse(text, false, &masked) == 0)
		conf_error(ctx, at, "%s: \"%s\" has bits set past its length; the prefix is \"%s\"",
			key, text, prefix_format(&masked, shown));
	else if (r < 0)
		refuse(ctx, at, key, prefix_expects);
	return r < 0 ? -EINVAL : 0;
}

static void print_prefix(FILE *f, int indent, const void *src)
{
	const struct natd_prefix *prefix = src;
	char text[PREFIX_STRLEN];

	(void)indent;
	fprintf(f, "\"%s\"", prefix_format(&prefix->prefix, text));
}

const struct conf_custom conf_type_prefix = {
	.expects = prefix_expects,
	.parse = parse_prefix,
	.print = print_prefix,
};

/* --- timeouts --------------------------------------------------------------------------------- */

/*
 * "cloud" has the 350 s that cloud NAT gateways have. "behave" has what RFC 5382 section 5 (2 h 4
 * min, 4 min) and RFC 4787 section 4.3 (5 min recommended) ask of a NAT.
 */
static const struct {
	const char *name;
	struct natd_timeouts timeouts;
} profiles[] = {
	{"cloud", {.tcp_established_s = 350,
			  .tcp_transitory_s = 240,
			  .tcp_reset_s = 10,
			  .udp_s = 350,
			  .reset_expired = true}},
	{"behave", {.tcp_established_s = 7440, .tcp_transitory_s = 240, .udp_s = 300}},
};

#define SECONDS_FROM(least, field) \
	CONF_FIELD(struct natd_timeouts, field), .min = (least), .max = 7 * 24 * 3600
#define SECONDS(field) SECONDS_FROM(1, field)
static const struct conf_row timeout_rows[] = {
	{"tcp_established", CONF_INT, SECONDS(tcp_established_s), .unit = "seconds",
		.fallback = "7440",
		.help = "TCP until both have closed it, data unacknowledged or not"},
	{"tcp_transitory", CONF_INT, SECONDS(tcp_transitory_s), .unit = "seconds",
		.fallback = "240", .help = "TCP that is opening or closing"},
	{"tcp_opening", CONF_INT, SECONDS_FROM(0, tcp_opening_s), .unit = "seconds",
		.fallback = "0", .help = "TCP that is opening; 0 is tcp_transitory"},
	{"tcp_closing", CONF_INT, SECONDS_FROM(0, tcp_closing_s), .unit = "seconds",
		.fallback = "0", .help = "TCP that is closing; 0 is tcp_transitory"},
	{"tcp_reset", CONF_INT, SECONDS_FROM(0, tcp_reset_s), .unit = "seconds", .fallback = "0",
		.help = "TCP that was reset; 0 is tcp_closing"},
	{"udp", CONF_INT, SECONDS(udp_s), .unit = "seconds", .fallback = "300",
		.help = "UDP, answered or not"},
	{"reset_expired", CONF_BOOL, CONF_FIELD(struct natd_timeouts, reset_expired),
		.fallback = "false",
		.help = "Reset an inside host that speaks on an expired TCP flow, rather than take "
			"the flow up again"},
};
static const struct conf_table timeout_table = CONF_TABLE(struct natd_timeouts, timeout_rows);

static const char timeouts_expects[] = "\"cloud\", \"behave\", or a group of seconds";

static int parse_timeouts(struct conf_ctx *ctx, const config_setting_t *at, void *dst)
{
	struct natd_timeouts *timeouts = dst;
	const char *word = config_setting_get_string(at);

	if (config_setting_is_group(at))
		return conf_group_parse(ctx, at, &timeout_table, timeouts);
	if (!word)
		return conf_expected(ctx, at, timeouts_expects);
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (strcmp(word, profiles[i].name) == 0) {
			*timeouts = profiles[i].timeouts;
			return 0;
		}
	return refuse(ctx, at, "timeouts", timeouts_expects);
}

static void print_timeouts(FILE *f, int indent, const void *src)
{
	conf_group_print(f, indent, &timeout_table, src);
}

const struct conf_custom conf_type_timeouts = {
	.expects = timeouts_expects,
	.parse = parse_timeouts,
	.print = print_timeouts,
};
