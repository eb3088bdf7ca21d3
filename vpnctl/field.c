/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vpnctl/field.h"

/* --- from JSON ----------------------------------------------------------------------------------
 */

static int64_t count_of(const json_t *value)
{
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : FIELD_UNKNOWN;

	return n < 0 ? FIELD_UNKNOWN : n;
}

static int word_of(const json_t *value, const char *const *words)
{
	const char *text = json_string_value(value);

	for (int i = 1; text && words[i]; i++) {
		if (!strcmp(text, words[i]))
			return i;
	}
	return 0;
}

/* Room for n elements. None needs no memory, and is known all the same. */
static int list_room(struct field_list *list, size_t n, size_t size)
{
	if (n) {
		list->items = calloc(n, size);
		if (!list->items)
			return -ENOMEM;
	}
	list->known = true;
	return 0;
}

static int read_texts(const json_t *value, struct field_list *list)
{
	list->alone = json_is_string(value);
	if (!list->alone && !json_is_array(value))
		return 0;

	size_t n = list->alone ? 1 : json_array_size(value);
	int r = list_room(list, n, sizeof(const char *));
	if (r < 0)
		return r;
	const char **items = list->items;
	for (; list->n < n; list->n++)
		items[list->n] =
			json_string_value(list->alone ? value : json_array_get(value, list->n));
	return 0;
}

static int read_counters(json_t *value, struct field_list *list)
{
	const char *name;
	json_t *count;

	if (!json_is_object(value))
		return 0;
	int r = list_room(list, json_object_size(value), sizeof(struct field_counter));
	if (r < 0)
		return r;
	struct field_counter *items = list->items;
	json_object_foreach(value, name, count) items[list->n++] =
		(struct field_counter){name, count_of(count)};
	return 0;
}

static int read_objects(
	const struct field_table *table, const json_t *value, struct field_list *list)
{
	if (!json_is_array(value))
		return 0;
	size_t n = json_array_size(value);
	int r = list_room(list, n, table->size);
	for (size_t i = 0; r == 0 && i < n; i++) {
		list->n = i + 1;
		r = field_read(
			table, json_array_get(value, i), (char *)list->items + i * table->size);
	}
	return r;
}

static int read_one(const struct field *field, json_t *value, void *to)
{
	switch (field->type) {
	case FIELD_TEXT:
		*(const char **)to = json_string_value(value);
		return 0;
	case FIELD_COUNT:
		*(int64_t *)to = count_of(value);
		return 0;
	case FIELD_REAL:
		*(double *)to = json_is_number(value) ? json_number_value(value) : NAN;
		return 0;
	case FIELD_FLAG:
		*(int *)to = json_is_boolean(value) ? json_is_true(value) : FIELD_UNKNOWN;
		return 0;
	case FIELD_WORD:
		*(int *)to = word_of(value, field->words);
		return 0;
	case FIELD_TEXTS:
		return read_texts(value, to);
	case FIELD_COUNTERS:
		return read_counters(value, to);
	case FIELD_OBJECT:
		return field_read(field->table, value, to);
	case FIELD_OBJECTS:
		return read_objects(field->table, value, to);
	}
	return 0;
}

int field_read(const struct field_table *table, json_t *object, void *dst)
{
	int r = 0;

	memset(dst, 0, table->size);
	/* Not left at the first that fails: no field may keep a zero that would pass as known. */
	for (size_t i = 0; i < table->n; i++) {
		const struct field *field = &table->fields[i];
		int one = read_one(
			field, json_object_get(object, field->name), (char *)dst + field->offset);
		if (one < 0)
			r = one;
	}
	return r;
}

/* --- to JSON ------------------------------------------------------------------------------------
 */

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *count_or_null(int64_t count)
{
	return count >= 0 ? json_integer(count) : json_null();
}

static json_t *write_texts(const struct field_list *list)
{
	const char *const *items = list->items;

	if (list->alone)
		return text_or_null(items[0]);
	json_t *array = json_array();
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(array, text_or_null(items[i]));
	return array;
}

static json_t *write_counters(const struct field_list *list)
{
	const struct field_counter *items = list->items;
	json_t *object = json_object();

	for (size_t i = 0; i < list->n; i++)
		json_object_set_new(object, items[i].name, count_or_null(items[i].count));
	return object;
}

static json_t *write_objects(const struct field_table *table, const struct field_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(
			array, field_write(table, (const char *)list->items + i * table->size));
	return array;
}

static json_t *write_list(const struct field *field, const struct field_list *list)
{
	if (!list->known)
		return json_null();
	if (field->type == FIELD_TEXTS)
		return write_texts(list);
	if (field->type == FIELD_COUNTERS)
		return write_counters(list);
	return write_objects(field->table, list);
}

static json_t *write_one(const struct field *field, const void *from)
{
	switch (field->type) {
	case FIELD_TEXT:
		return text_or_null(*(const char *const *)from);
	case FIELD_COUNT:
		return count_or_null(*(const int64_t *)from);
	case FIELD_REAL:
		/* jansson makes no number of NaN. */
		return isnan(*(const double *)from) ? json_null()
						    : json_real(*(const double *)from);
	case FIELD_FLAG:
		return *(const int *)from < 0 ? json_null() : json_boolean(*(const int *)from);
	case FIELD_WORD:
		return text_or_null(field->words[*(const int *)from]);
	case FIELD_OBJECT:
		return field_write(field->table, from);
	case FIELD_TEXTS:
	case FIELD_COUNTERS:
	case FIELD_OBJECTS:
		return write_list(field, from);
	}
	return NULL;
}

json_t *field_write(const struct field_table *table, const void *src)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < table->n; i++) {
		const struct field *field = &table->fields[i];
		if (json_object_set_new(object, field->name,
			    write_one(field, (const char *)src + field->offset)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* --- end ----------------------------------------------------------------------------------------
 */

static void done_one(const struct field *field, void *at)
{
	struct field_list *list = at;

	switch (field->type) {
	case FIELD_OBJECT:
		field_done(field->table, at);
		return;
	case FIELD_OBJECTS:
		for (size_t i = 0; i < list->n; i++)
			field_done(field->table, (char *)list->items + i * field->table->size);
		free(list->items);
		return;
	case FIELD_TEXTS:
	case FIELD_COUNTERS:
		free(list->items);
		return;
	case FIELD_TEXT:
	case FIELD_COUNT:
	case FIELD_REAL:
	case FIELD_FLAG:
	case FIELD_WORD:
		return;
	}
}

void field_done(const struct field_table *table, void *dst)
{
	for (size_t i = 0; i < table->n; i++)
		done_one(&table->fields[i], (char *)dst + table->fields[i].offset);
	memset(dst, 0, table->size);
}
