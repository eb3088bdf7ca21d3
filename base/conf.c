/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libconfig parses the text into a tree; the table is then walked over the tree, and every key is
 * read even if an earlier one was wrong, so that one run shows all errors. A default is a piece of
 * config text and goes the same way as what the file says.
 */
#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf_ctx.h"
#include "base/nearest.h"

static void *field(const struct conf_row *row, void *values)
{
	return (uint8_t *)values + row->offset;
}

static size_t *count(const struct conf_row *row, void *values)
{
	return (size_t *)((uint8_t *)values + row->count_offset);
}

static int no_memory(struct conf_ctx *ctx)
{
	ctx->out_of_memory = true;
	return -ENOMEM;
}

static int fill_where(struct conf_ctx *ctx, const config_setting_t *group, struct conf_where *out)
{
	out->line = conf_errors_line(group);
	out->file = conf_errors_path(ctx, config_setting_source_file(group));
	return out->file ? 0 : no_memory(ctx);
}

static bool is_list(const config_setting_t *s)
{
	return config_setting_is_list(s) || config_setting_is_array(s);
}

static int read_list(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *values)
{
	const struct conf_type_ops *ops = conf_type_ops(row->type);
	unsigned int n = (unsigned int)config_setting_length(at);
	uint8_t *items;
	char expected[96];
	int r = 0;

	if (!is_list(at)) {
		snprintf(expected, sizeof(expected), "a list of %s", ops->many);
		return conf_expected(ctx, at, expected);
	}
	if (n == 0 && row->required) {
		conf_error(ctx, at, "%s: the list is empty", row->name);
		return -EINVAL;
	}
	if (n == 0)
		return 0;
	items = calloc(n, row->size);
	if (!items)
		return no_memory(ctx);
	*(void **)field(row, values) = items;
	for (unsigned int i = 0; i < n; i++) {
		int one;

		*count(row, values) = i + 1;
		one = ops->read(ctx, row, config_setting_get_elem(at, i), items + i * row->size);
		if (one < 0)
			r = one;
	}
	return r;
}

static int read_row(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *values)
{
	if (row->list)
		return read_list(ctx, row, at, values);
	return conf_type_ops(row->type)->read(ctx, row, at, field(row, values));
}

static int read_fallback(struct conf_ctx *ctx, const struct conf_row *row, void *values)
{
	_cleanup_free_ char *text = NULL;
	config_t config;
	int r = -EINVAL;

	if (asprintf(&text, "%s = %s;\n", row->name, row->fallback) < 0) {
		text = NULL;
		return no_memory(ctx);
	}
	if (conf_scan(ctx, NULL, text, strlen(text)) < 0)
		return -EINVAL;
	config_init(&config);
	if (config_read_string(&config, text))
		r = read_row(ctx, row, config_lookup(&config, row->name), values);
	else
		conf_errors_add(ctx, NULL, 0, "the default of %s is wrong", row->name);
	config_destroy(&config);
	return r;
}

static const struct conf_row *find_row(const struct conf_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_rows; i++)
		if (table->rows[i].type != CONF_WHERE && strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	return NULL;
}

static const char *nearest_key(const struct conf_table *table, const char *name)
{
	struct nearest nearest = nearest_to(name);

	for (size_t i = 0; i < table->n_rows; i++)
		if (table->rows[i].type != CONF_WHERE)
			nearest_offer(&nearest, table->rows[i].name);
	return nearest.best;
}

static int refuse_unknown(
	struct conf_ctx *ctx, const config_setting_t *group, const struct conf_table *table)
{
	int r = 0;

	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned int)i);
		const char *near;

		if (find_row(table, s->name))
			continue;
		r = -EINVAL;
		near = nearest_key(table, s->name);
		if (near)
			conf_error(
				ctx, s, "unknown key `%.64s`; did you mean `%s`?", s->name, near);
		else
			conf_error(ctx, s, "unknown key `%.64s`", s->name);
	}
	return r;
}

static int read_key_of(struct conf_ctx *ctx, const config_setting_t *group,
	const struct conf_row *row, void *values)
{
	const config_setting_t *s;

	if (row->type == CONF_WHERE)
		return fill_where(ctx, group, field(row, values));
	s = config_setting_get_member(group, row->name);
	if (s)
		return read_row(ctx, row, s, values);
	if (row->fallback)
		return read_fallback(ctx, row, values);
	if (!row->required)
		return 0;
	conf_error(ctx, group, "`%s` is missing", row->name);
	return -EINVAL;
}

int conf_group_parse(struct conf_ctx *ctx, const config_setting_t *group,
	const struct conf_table *table, void *dst)
{
	size_t errors_before = conf_errors_count(ctx);
	int r;

	if (!config_setting_is_group(group))
		return conf_expected(ctx, group, "a group");
	r = refuse_unknown(ctx, group, table);
	for (size_t i = 0; i < table->n_rows; i++) {
		int one = read_key_of(ctx, group, &table->rows[i], dst);

		if (one < 0)
			r = one;
	}
	if (r == 0 && table->check)
		table->check(ctx, dst);
	return r == 0 && conf_errors_count(ctx) != errors_before ? -EINVAL : r;
}

static void free_row(const struct conf_row *row, void *values)
{
	const struct conf_type_ops *ops = conf_type_ops(row->type);
	uint8_t *items;

	if (!row->list) {
		if (ops->free)
			ops->free(row, field(row, values));
		return;
	}
	items = *(void **)field(row, values);
	for (size_t i = 0; ops->free && i < *count(row, values); i++)
		ops->free(row, items + i * row->size);
	free(items);
}

void conf_group_free(const struct conf_table *table, void *dst)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct conf_row *row = &table->rows[i];

		if (row->type == CONF_WHERE)
			free(((struct conf_where *)field(row, dst))->file);
		else
			free_row(row, dst);
	}
}

void conf_free(const struct conf_table *table, void *values)
{
	if (values)
		conf_group_free(table, values);
	free(values);
}

/* --- whole files ---------------------------------------------------------------------------- */

static int read_tree(
	struct conf_ctx *ctx, const char *text, const struct conf_table *table, void *values)
{
	_cleanup_free_ char *file = NULL;
	config_t config;
	int r;

	config_init(&config);
	if (ctx->dir)
		config_set_include_dir(&config, ctx->dir);
	if (config_read_string(&config, text)) {
		r = conf_group_parse(ctx, config_root_setting(&config), table, values);
	} else {
		file = conf_errors_path(ctx, config_error_file(&config));
		conf_errors_add(
			ctx, file, config_error_line(&config), "%s", config_error_text(&config));
		r = -EINVAL;
	}
	config_destroy(&config);
	return r;
}

/* `text` is terminated, and the last of its `len` bytes is a newline. */
static int read_text(struct conf_ctx *ctx, const char *text, size_t len,
	const struct conf_table *table, void **out)
{
	void *values;
	int r = conf_scan(ctx, NULL, text, len);

	if (r < 0)
		return r;
	values = calloc(1, table->size);
	if (!values)
		return -ENOMEM;
	r = read_tree(ctx, text, table, values);
	if (ctx->out_of_memory)
		r = -ENOMEM;
	if (r < 0)
		conf_free(table, values);
	else
		*out = values;
	return r;
}

/* A comment on the last line is only one for libconfig if a newline ends it. */
static char *with_newline(const char *text, size_t len)
{
	char *copy = malloc(len + 2);

	if (copy) {
		memcpy(copy, text, len);
		memcpy(copy + len, "\n", 2);
	}
	return copy;
}

static int finish(struct conf_ctx *ctx, int r)
{
	if (r < 0 && !ctx->errors->n)
		conf_errors_add(ctx, NULL, 0, "%s", strerror(-r));
	conf_errors_sort(ctx->errors);
	return r;
}

int conf_parse(const char *name, const char *text, size_t len, const struct conf_table *table,
	void **out, struct conf_errors *errors)
{
	struct conf_ctx ctx = {.name = name, .errors = errors};
	_cleanup_free_ char *copy = with_newline(text, len);

	return finish(&ctx, copy ? read_text(&ctx, copy, len + 1, table, out) : -ENOMEM);
}

static int load(struct conf_ctx *ctx, const struct conf_table *table, void **out)
{
	const char *slash = strrchr(ctx->name, '/');
	_cleanup_free_ char *dir = NULL, *text = NULL, *copy = NULL;
	size_t len;
	int r = conf_scan_file(ctx->name, &text, &len);

	if (r < 0)
		return r;
	dir = slash ? strndup(ctx->name, (size_t)(slash - ctx->name) + 1) : strdup("./");
	copy = with_newline(text, len);
	if (!dir || !copy)
		return -ENOMEM;
	ctx->dir = dir;
	r = read_text(ctx, copy, len + 1, table, out);
	ctx->dir = NULL;
	return r;
}

int conf_load(
	const char *path, const struct conf_table *table, void **out, struct conf_errors *errors)
{
	struct conf_ctx ctx = {.name = path, .errors = errors};

	return finish(&ctx, load(&ctx, table, out));
}
