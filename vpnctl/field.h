/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON objects and C structs, converted by one table in both directions. A daemon of another
 * version may leave a field out, or mean something else by it: what is missing or of a wrong type
 * is unknown, never an error, and is written as null.
 */
#ifndef VPNCTL_FIELD_H
#define VPNCTL_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELD_UNKNOWN (-1)

enum field_type {
	FIELD_TEXT,     /* const char *; NULL if unknown */
	FIELD_COUNT,    /* int64_t, 0 or more; FIELD_UNKNOWN */
	FIELD_REAL,     /* double; NAN if unknown */
	FIELD_FLAG,     /* int, 0 or 1; FIELD_UNKNOWN */
	FIELD_WORD,     /* int, index in `words`; 0 (whose word is NULL) if unknown */
	FIELD_TEXTS,    /* struct field_list of const char *: a list of text, or one text alone */
	FIELD_COUNTERS, /* struct field_list of struct field_counter: an object of counts */
	FIELD_OBJECT,   /* a struct, by `table` */
	FIELD_OBJECTS,  /* struct field_list of such structs */
};

struct field_list {
	void *items;
	size_t n;
	bool known; /* false: null or missing, which is not the same as none */
	bool alone; /* FIELD_TEXTS: was one text, not a list, and is written so */
};

struct field_counter {
	const char *name;
	int64_t count; /* FIELD_UNKNOWN if it was no number */
};

struct field_table;

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	const char *const *words; /* FIELD_WORD: the first is NULL, and so is the last */
	const struct field_table *table;
};

struct field_table {
	const struct field *fields;
	size_t n;
	size_t size; /* of the struct, bytes */
};

#define FIELD_TABLE(type, fields_)                                                \
	{                                                                         \
		.fields = (fields_), .n = sizeof(fields_) / sizeof((fields_)[0]), \
		.size = sizeof(type)                                              \
	}

/*
 * Fill dst from an object; from anything else, NULL too, all becomes unknown. Texts stay those of
 * `object`, which must live unchanged for as long as dst is used. Returns 0 or -ENOMEM; field_done
 * is due in either case.
 */
int field_read(const struct field_table *table, json_t *object, void *dst);

/* The struct as a new object, keys in the order of the table; NULL without memory. */
json_t *field_write(const struct field_table *table, const void *src);

/* Free what field_read allocated. A struct of zeroes is fine. */
void field_done(const struct field_table *table, void *dst);

#endif
