/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading one value of each type: here what is no address, in conf_net.c what is. Printing them is
 * in conf_print.c.
 */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_ctx.h"
#include "base/log.h"

#define SHOWN_MAX 64 /* bytes of a rejected value that an error shows */

const char *conf_name_of(const config_setting_t *at)
{
	while (at && !at->name)
		at = at->parent;
	return at ? at->name : "config";
}

static const char *found(const config_setting_t *at)
{
	switch (config_setting_type(at)) {
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "a boolean";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "nothing";
	}
}

int conf_expected(struct conf_ctx *ctx, const config_setting_t *at, const char *expected)
{
	conf_error(ctx, at, "%s: expected %s, found %s", conf_name_of(at), expected, found(at));
	return -EINVAL;
}

const char *conf_type_string(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at)
{
	const char *text = config_setting_get_string(at);

	char expected[64];

	if (!text) {
		snprintf(expected, sizeof(expected), "%s in quotes", conf_type_ops(row->type)->one);
		conf_expected(ctx, at, expected);
	}
	return text;
}

int conf_type_refuse(
	struct conf_ctx *ctx, const config_setting_t *at, const char *text, const char *what)
{
	char shown[SHOWN_MAX];

	log_escape(text, strlen(text), shown, sizeof(shown));
	conf_error(ctx, at, "%s: \"%s\" is not %s", conf_name_of(at), shown, what);
	return -EINVAL;
}

/* --- numbers -------------------------------------------------------------------------------- */

void conf_type_store(const struct conf_row *row, void *dst, int64_t value)
{
	switch (row->size) {
	case 1:
		*(uint8_t *)dst = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)dst = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)dst = (uint32_t)value;
		break;
	case 8:
		*(uint64_t *)dst = (uint64_t)value;
		break;
	}
}

int64_t conf_type_load(const struct conf_row *row, const void *src)
{
	bool is_signed = row->min < 0;

	switch (row->size) {
	case 1:
		return is_signed ? *(const int8_t *)src : *(const uint8_t *)src;
	case 2:
		return is_signed ? *(const int16_t *)src : *(const uint16_t *)src;
	case 4:
		if (!is_signed)
			return *(const uint32_t *)src;
		return *(const int32_t *)src;
	default:
		return *(const int64_t *)src;
	}
}

void conf_type_range(const struct conf_row *row, int64_t *min, int64_t *max)
{
	*min = row->min;
	*max = row->max;
	if (row->min == 0 && row->max == 0)
		*max = row->size < 8 ? (INT64_C(1) << (8 * row->size)) - 1 : INT64_MAX;
}

static int read_bool(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	(void)row;
	if (config_setting_type(at) != CONFIG_TYPE_BOOL)
		return conf_expected(ctx, at, "true or false");
	*(bool *)dst = config_setting_get_bool(at) != 0;
	return 0;
}

static int read_int(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	int type = config_setting_type(at);
	int64_t value, min, max;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return conf_expected(ctx, at, "an integer");
	value = type == CONFIG_TYPE_INT ? config_setting_get_int(at) : config_setting_get_int64(at);
	/* Some versions of libconfig read 0x80000000 and above into the sign. */
	if (type == CONFIG_TYPE_INT && config_setting_get_format(at) == CONFIG_FORMAT_HEX)
		value = (uint32_t)value;
	conf_type_range(row, &min, &max);
	if (value < min || value > max) {
		conf_error(ctx, at, "%s: %lld is out of range, %lld to %lld%s%s", conf_name_of(at),
			(long long)value, (long long)min, (long long)max, row->unit ? " " : "",
			row->unit ? row->unit : "");
		return -EINVAL;
	}
	conf_type_store(row, dst, value);
	return 0;
}

/* --- words and names ------------------------------------------------------------------------ */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

static int copy_string(struct conf_ctx *ctx, const char *text, void *dst)
{
	char *copy = strdup(text);

	if (!copy) {
		ctx->out_of_memory = true;
		return -ENOMEM;
	}
	*(char **)dst = copy;
	return 0;
}

static void free_string(const struct conf_row *row, void *dst)
{
	(void)row;
	free(*(char **)dst);
}

static int read_string(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);

	if (!text)
		return -EINVAL;
	if (!*text || !is_printable(text))
		return conf_type_refuse(ctx, at, text, "printable text of at least one character");
	return copy_string(ctx, text, dst);
}

static int read_path(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);

	if (!text)
		return -EINVAL;
	if (*text != '/' || strlen(text) >= PATH_MAX || !is_printable(text)) {
		conf_error(ctx, at, "%s: must be an absolute path of a file", conf_name_of(at));
		return -EINVAL;
	}
	return copy_string(ctx, text, dst);
}

static int read_enum(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);
	char words[256] = "";
	size_t used = 0;

	if (!text)
		return -EINVAL;
	for (int i = 0; row->names[i]; i++) {
		if (strcmp(row->names[i], text) == 0) {
			conf_type_store(row, dst, i);
			return 0;
		}
		used += (size_t)snprintf(words + used, sizeof(words) - used, "%s\"%s\"",
			i == 0              ? ""
			: row->names[i + 1] ? ", "
					    : " or ",
			row->names[i]);
		if (used >= sizeof(words))
			used = sizeof(words) - 1;
	}
	return conf_type_refuse(ctx, at, text, words);
}

static int read_key(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);
	uint8_t key[KEY_LEN] = {0};
	int r = text ? key_from_base64(text, key) : -EINVAL;

	if (r == 0 && key_is_zero(key))
		r = -EINVAL;
	if (r == 0)
		memcpy(dst, key, sizeof(key));
	else if (text)
		conf_error(ctx, at, "%s: is no key: must be %d characters of base64, not all zero",
			conf_name_of(at), KEY_BASE64_LEN);
	sodium_memzero(key, sizeof(key));
	return r;
}

static void free_key(const struct conf_row *row, void *dst)
{
	(void)row;
	sodium_memzero(dst, KEY_LEN);
}

/* --- structs -------------------------------------------------------------------------------- */

static int read_group(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	return conf_group_parse(ctx, at, row->group, dst);
}

static void free_group(const struct conf_row *row, void *dst)
{
	conf_group_free(row->group, dst);
}

static int read_custom(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	int r = row->custom->parse(ctx, at, dst);

	if (r == -ENOMEM)
		ctx->out_of_memory = true;
	return r;
}

static void free_custom(const struct conf_row *row, void *dst)
{
	if (row->custom->free)
		row->custom->free(dst);
}

static const struct conf_type_ops types[] = {
	[CONF_BOOL] = {"true or false", "booleans", read_bool, NULL},
	[CONF_INT] = {"an integer", "integers", read_int, NULL},
	[CONF_STRING] = {"a string", "strings", read_string, free_string},
	[CONF_ENUM] = {"a word", "words", read_enum, NULL},
	[CONF_PATH] = {"a path", "paths", read_path, free_string},
	[CONF_PREFIX] = {"a prefix", "prefixes", conf_net_prefix, NULL},
	[CONF_IFADDR] = {"an address and length", "addresses and lengths", conf_net_ifaddr, NULL},
	[CONF_ADDR] = {"an address", "addresses", conf_net_addr, NULL},
	[CONF_HOSTPORT] = {"a host and port", "hosts and ports", conf_net_hostport,
		conf_net_free_hostport},
	[CONF_PORTS] = {"a range of ports", "ranges of ports", conf_net_ports, NULL},
	[CONF_IFNAME] = {"an interface name", "interface names", conf_net_ifname, NULL},
	[CONF_KEY] = {"a key", "keys", read_key, free_key},
	[CONF_GROUP] = {"a group", "groups", read_group, free_group},
	[CONF_CUSTOM] = {"a value", "values", read_custom, free_custom},
};

_Static_assert(sizeof(types) / sizeof(types[0]) == CONF_WHERE, "one entry a type but CONF_WHERE");

const struct conf_type_ops *conf_type_ops(enum conf_type type)
{
	return &types[type];
}
