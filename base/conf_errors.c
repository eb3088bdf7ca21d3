/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf_ctx.h"

#define ERRORS_MAX 100
#define REASON_MAX 512 /* bytes */

static int append(struct conf_errors *errors, const char *file, int line, const char *reason)
{
	struct conf_error e = {.line = line};
	struct conf_error *grown;

	if (errors->n == ERRORS_MAX) {
		errors->dropped++;
		return 0;
	}
	e.file = strdup(file);
	e.reason = strdup(reason);
	grown = realloc(errors->items, (errors->n + 1) * sizeof(e));
	if (grown)
		errors->items = grown;
	if (!grown || !e.file || !e.reason) {
		free(e.file);
		free(e.reason);
		return -ENOMEM;
	}
	errors->items[errors->n++] = e;
	return 0;
}

static void add(struct conf_ctx *ctx, const char *file, int line, const char *format, va_list args)
{
	char reason[REASON_MAX];

	vsnprintf(reason, sizeof(reason), format, args);
	if (append(ctx->errors, file ? file : ctx->name, line, reason) < 0)
		ctx->out_of_memory = true;
}

void conf_errors_add(struct conf_ctx *ctx, const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(ctx, file, line, format, args);
	va_end(args);
}

void conf_error_at(struct conf_ctx *ctx, const struct conf_where *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(ctx, at->file, at->line, format, args);
	va_end(args);
}

char *conf_errors_path(const struct conf_ctx *ctx, const char *file)
{
	char *path;

	if (!file)
		return strdup(ctx->name);
	if (!ctx->dir || strncmp(file, ctx->dir, strlen(ctx->dir)) == 0)
		return strdup(file);
	return asprintf(&path, "%s%s", ctx->dir, file) < 0 ? NULL : path;
}

int conf_errors_line(const config_setting_t *at)
{
	unsigned int line = config_setting_source_line(at);

	return line ? (int)line : 1;
}

void conf_error(struct conf_ctx *ctx, const config_setting_t *at, const char *format, ...)
{
	_cleanup_free_ char *file = conf_errors_path(ctx, config_setting_source_file(at));
	va_list args;

	va_start(args, format);
	add(ctx, file, conf_errors_line(at), format, args);
	va_end(args);
}

static int compare(const void *a, const void *b)
{
	const struct conf_error *x = a, *y = b;
	int r = strcmp(x->file, y->file);

	if (!r)
		r = x->line < y->line ? -1 : x->line > y->line;
	return r ? r : strcmp(x->reason, y->reason);
}

size_t conf_errors_count(const struct conf_ctx *ctx)
{
	return ctx->errors->n + ctx->errors->dropped;
}

void conf_errors_sort(struct conf_errors *errors)
{
	if (errors->n)
		qsort(errors->items, errors->n, sizeof(*errors->items), compare);
}

void conf_errors_print(FILE *f, const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct conf_error *e = &errors->items[i];

		if (e->line)
			fprintf(f, "%s:%d: %s\n", e->file, e->line, e->reason);
		else
			fprintf(f, "%s: %s\n", e->file, e->reason);
	}
	if (errors->dropped)
		fprintf(f, "and %zu more\n", errors->dropped);
}

void conf_errors_text(const struct conf_errors *errors, char *out, size_t len)
{
	_cleanup_free_ char *text = NULL;
	size_t text_len;
	FILE *f = open_memstream(&text, &text_len);

	snprintf(out, len, "out of memory");
	if (!f)
		return;
	conf_errors_print(f, errors);
	if (fclose(f) != 0)
		return;
	while (text_len > 0 && text[text_len - 1] == '\n')
		text[--text_len] = '\0';
	snprintf(out, len, "%s", text);
}

void conf_errors_done(struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		free(errors->items[i].file);
		free(errors->items[i].reason);
	}
	free(errors->items);
	*errors = (struct conf_errors){0};
}
