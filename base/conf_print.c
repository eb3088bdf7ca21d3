/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/conf_ctx.h"

#define INDENT 8 /* columns a level */

static const void *field(const struct conf_row *row, const void *values)
{
	return (const uint8_t *)values + row->offset;
}

/* What has no room in an int needs a mark, or some versions of libconfig cut it. */
static void print_int(FILE *f, int64_t value)
{
	bool is_long = value < INT32_MIN || value > INT32_MAX;

	fprintf(f, "%lld%s", (long long)value, is_long ? "L" : "");
}

static void print_string(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc(*text, f);
	}
	fputc('"', f);
}

static void print_key(FILE *f, const uint8_t *key)
{
	char text[KEY_BASE64_STRLEN];

	print_string(f, key_to_base64(key, text));
}

static void print_hostport(FILE *f, const struct conf_hostport *hp)
{
	char text[ENDPOINT_STRLEN];

	if (hp->address.addr.family != ADDR_NONE)
		print_string(f, endpoint_format(&hp->address, text));
	else
		fprintf(f, "\"%s:%u\"", hp->host, hp->port);
}

static void print_ports(FILE *f, const struct conf_ports *ports)
{
	fprintf(f, "\"%u-%u\"", ports->first, ports->last);
}

static void print_value(FILE *f, int indent, const struct conf_row *row, const void *src)
{
	char text[PREFIX_STRLEN];

	switch (row->type) {
	case CONF_BOOL:
		fputs(*(const bool *)src ? "true" : "false", f);
		break;
	case CONF_INT:
		print_int(f, conf_type_load(row, src));
		break;
	case CONF_ENUM:
		print_string(f, row->names[conf_type_load(row, src)]);
		break;
	case CONF_STRING:
	case CONF_PATH:
		print_string(f, *(char *const *)src);
		break;
	case CONF_PREFIX:
	case CONF_IFADDR:
		print_string(f, prefix_format(src, text));
		break;
	case CONF_ADDR:
		print_string(f, addr_format(src, text));
		break;
	case CONF_HOSTPORT:
		print_hostport(f, src);
		break;
	case CONF_PORTS:
		print_ports(f, src);
		break;
	case CONF_IFNAME:
		print_string(f, src);
		break;
	case CONF_KEY:
		print_key(f, src);
		break;
	case CONF_GROUP:
		conf_group_print(f, indent, row->group, src);
		break;
	case CONF_CUSTOM:
		row->custom->print(f, indent, src);
		break;
	case CONF_WHERE:
		break;
	}
}

static void print_list(FILE *f, int indent, const struct conf_row *row, const void *values)
{
	const uint8_t *item = *(uint8_t *const *)field(row, values);
	size_t n = *(const size_t *)((const uint8_t *)values + row->count_offset);
	bool groups = row->type == CONF_GROUP;

	fputs(groups ? "( " : "[ ", f);
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputs(", ", f);
		print_value(f, indent, row, item + i * row->size);
	}
	fputs(groups ? " )" : " ]", f);
}

/* Not set, and set by no default: all zero. */
static bool is_unset(const struct conf_row *row, const void *values)
{
	const uint8_t *bytes = field(row, values);
	size_t size = row->list ? sizeof(void *) : row->size;

	if (row->required || row->fallback)
		return false;
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static void print_rows(FILE *f, int indent, const struct conf_table *table, const void *values)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct conf_row *row = &table->rows[i];

		if (row->type == CONF_WHERE || is_unset(row, values))
			continue;
		fprintf(f, "%*s%s = ", indent, "", row->name);
		if (row->list)
			print_list(f, indent, row, values);
		else
			print_value(f, indent, row, field(row, values));
		fputs(";\n", f);
	}
}

void conf_group_print(FILE *f, int indent, const struct conf_table *table, const void *src)
{
	fputs("{\n", f);
	print_rows(f, indent + INDENT, table, src);
	fprintf(f, "%*s}", indent, "");
}

void conf_print(FILE *f, const struct conf_table *table, const void *values)
{
	print_rows(f, 0, table, values);
}

/* --- help ----------------------------------------------------------------------------------- */

static void help_type(FILE *f, const struct conf_row *row)
{
	const struct conf_type_ops *ops = conf_type_ops(row->type);
	int64_t min, max;

	if (row->type == CONF_CUSTOM)
		fputs(row->custom->expects, f);
	else if (row->list)
		fprintf(f, "list of %s", ops->many);
	else
		fputs(ops->one, f);
	if (row->type == CONF_INT) {
		conf_type_range(row, &min, &max);
		fprintf(f, ", %lld to %lld", (long long)min, (long long)max);
	}
	if (row->unit)
		fprintf(f, " %s", row->unit);
	for (int i = 0; row->type == CONF_ENUM && row->names[i]; i++)
		fprintf(f, "%s\"%s\"",
			i == 0              ? ": "
			: row->names[i + 1] ? ", "
					    : " or ",
			row->names[i]);
}

static void help_rows(FILE *f, int indent, const struct conf_table *table)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct conf_row *row = &table->rows[i];

		if (row->type == CONF_WHERE)
			continue;
		fprintf(f, "%*s%s (", indent, "", row->name);
		help_type(f, row);
		if (row->required)
			fputs("; required", f);
		else if (row->fallback)
			fprintf(f, "; default %s", row->fallback);
		fprintf(f, ")\n%*s%s\n", indent + INDENT, "", row->help);
		if (row->type == CONF_GROUP)
			help_rows(f, indent + INDENT, row->group);
	}
}

void conf_help(FILE *f, const struct conf_table *table)
{
	help_rows(f, 0, table);
}
