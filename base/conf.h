/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Config files: libconfig's grammar read by a table with one row a key.
 *
 *   struct demo { bool fast; struct peer *peers; size_t n_peers; };
 *
 *   static const struct conf_row rows[] = {
 *           { "fast", CONF_BOOL, CONF_FIELD(struct demo, fast), .fallback = "false",
 *             .help = "..." },
 *           { "peers", CONF_GROUP, CONF_LIST(struct demo, peers, n_peers), .group = &peer_table,
 *             .required = true, .help = "..." },
 *   };
 *   static const struct conf_table table = CONF_TABLE(struct demo, rows);
 *
 * Any type may be a list (CONF_LIST); lists are written `[ ]` or `( )`. Reading fills a new struct
 * and returns only a whole and valid one, or else every error of the file, each as
 * "file:line: reason". A key that is not set and has no default leaves zero: NULL, ADDR_NONE, an
 * all-zero key; and what is all zero is not printed.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <libconfig.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/key.h"

enum conf_type {
	CONF_BOOL,   /* bool: true or false */
	CONF_INT,    /* integer of any width, within min and max */
	CONF_STRING, /* char *: printable, not empty */
	CONF_ENUM,   /* integer of any width (an enum): index of the word in `names` */
	CONF_PATH, /* char *: absolute path of a file; never echoed, since keys get pasted there */
	CONF_PREFIX,   /* struct prefix: "10.0.0.0/8", no bit set past the length */
	CONF_IFADDR,   /* struct prefix: "169.254.10.2/30", an interface's address, all bits kept */
	CONF_ADDR,     /* struct addr */
	CONF_HOSTPORT, /* struct conf_hostport: "203.0.113.1:51820", "[2001:db8::1]:1" or "name:1"
			*/
	CONF_PORTS,    /* struct conf_ports: "1024-65535" */
	CONF_IFNAME,   /* char[IFNAMSIZ]: an interface name that the kernel would take */
	CONF_KEY,      /* uint8_t[KEY_LEN]: base64, not all zero; never echoed */
	CONF_GROUP,    /* a struct, by the rows of `group`; fallback "{}": by its own defaults */
	CONF_CUSTOM,   /* whatever the hooks of `custom` make of it; one value, not a list */
	CONF_WHERE,    /* no key: a struct conf_where, filled with where this group stands */
};

/* Where something stands in the files, for checks that look at several groups together. */
struct conf_where {
	char *file;
	int line;
};

/* Host name or address, and a port. */
struct conf_hostport {
	char *host;              /* as written, without brackets; never NULL if set */
	uint16_t port;           /* 1-65535 */
	struct endpoint address; /* family ADDR_NONE when `host` is a name to be resolved */
};

/* A range of ports, first <= last, both in it. */
struct conf_ports {
	uint16_t first, last;
};

struct conf_ctx;
struct conf_table;

/* How a CONF_CUSTOM value is read, printed and freed. */
struct conf_custom {
	/* what is expected, for errors and help: "\"cloud\", \"behave\" or a group of seconds" */
	const char *expects;
	/*
	 * Fill dst (zeroed) from a setting. Report what is wrong with conf_error and return
	 * -EINVAL; free nothing that the row's `free` would.
	 */
	int (*parse)(struct conf_ctx *ctx, const config_setting_t *setting, void *dst);
	/* Print the value in the config's grammar, without name and semicolon. */
	void (*print)(FILE *f, int indent, const void *src);
	/* Free what parse allocated; may be NULL. */
	void (*free)(void *dst);
};

/* One key. */
struct conf_row {
	const char *name;
	enum conf_type type;
	size_t offset; /* these five come from CONF_FIELD or CONF_LIST */
	size_t size;   /* bytes of the value, or of one element of the list */
	bool list;
	size_t count_offset; /* of the size_t that counts the elements */

	bool required;        /* must be there; a list must have an element */
	int64_t min, max;     /* CONF_INT: both 0 for 0 up to what the field can hold */
	const char *unit;     /* "seconds", "bytes"; NULL if none */
	const char *fallback; /* default in the config's grammar: `25`, `"failover"`; NULL: none */
	const char *help;     /* one sentence, without a full stop */
	const char *const *names; /* CONF_ENUM: words, NULL at the end */
	const struct conf_table *group;
	const struct conf_custom *custom;
};

/* The keys of one group. */
struct conf_table {
	const struct conf_row *rows;
	size_t n_rows;
	size_t size; /* of the struct, bytes */
	/*
	 * Look at the group as a whole, once all its keys are right; report with conf_error_at.
	 * May derive fields. May be NULL.
	 */
	void (*check)(struct conf_ctx *ctx, void *values);
};

#define CONF_FIELD(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define CONF_LIST(type, field, count)                                                       \
	.offset = offsetof(type, field), .size = sizeof(*((type *)0)->field), .list = true, \
	.count_offset = offsetof(type, count)
#define CONF_TABLE(type, rows_)                                                \
	{                                                                      \
		.rows = (rows_), .n_rows = sizeof(rows_) / sizeof((rows_)[0]), \
		.size = sizeof(type)                                           \
	}
#define CONF_TABLE_CHECKED(type, rows_, check_)                                \
	{                                                                      \
		.rows = (rows_), .n_rows = sizeof(rows_) / sizeof((rows_)[0]), \
		.size = sizeof(type), .check = (check_)                        \
	}

/* What is wrong with a file, in the order of its lines. Start with zeroes. */
struct conf_errors {
	struct conf_error {
		char *file;
		int line; /* 0 if the file could not be read */
		char *reason;
	} * items;
	size_t n;
	size_t dropped; /* more than anyone would read */
};

/* Print each as "file:line: reason". */
void conf_errors_print(FILE *f, const struct conf_errors *errors);

/* The same into `out`, without the last newline, as far as `len` bytes hold it. */
void conf_errors_text(const struct conf_errors *errors, char *out, size_t len);
void conf_errors_done(struct conf_errors *errors);

/*
 * Read the file at `path` into a new struct, *out, to be freed with conf_free. @include is looked
 * up beside the file. Returns 0, or a negative errno with at least one entry in errors: -EINVAL if
 * the content is wrong, else what kept it from being read. *out is untouched on failure.
 */
int conf_load(
	const char *path, const struct conf_table *table, void **out, struct conf_errors *errors);

/* The same from memory; `name` stands for the file in errors; @include is refused. */
int conf_parse(const char *name, const char *text, size_t len, const struct conf_table *table,
	void **out, struct conf_errors *errors);

/* Free a struct that conf_load or conf_parse made. NULL is fine. */
void conf_free(const struct conf_table *table, void *values);

/* Print a config in its grammar, defaults filled in. Reading that again gives the same values. */
void conf_print(FILE *f, const struct conf_table *table, const void *values);

/* List the keys: name, type, range, unit, default, help; groups indented below their key. */
void conf_help(FILE *f, const struct conf_table *table);

/* --- the types, for readers of other files ------------------------------------------------------
 */

/* True for what CONF_IFNAME takes. */
bool conf_is_ifname(const char *text);

/*
 * Parse what CONF_HOSTPORT takes. Returns 0, and out->host is then the caller's to free; -EINVAL
 * or -ENOMEM.
 */
int conf_parse_hostport(const char *text, struct conf_hostport *out);

/* --- for hooks ------------------------------------------------------------------------------- */

/* Report an error at a setting, or at a place noted in a CONF_WHERE field. */
void conf_error(struct conf_ctx *ctx, const config_setting_t *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void conf_error_at(struct conf_ctx *ctx, const struct conf_where *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Report "KEY: expected EXPECTED, found TYPE" at a setting and return -EINVAL. */
int conf_expected(struct conf_ctx *ctx, const config_setting_t *at, const char *expected);

/*
 * Read a group by a table into dst (zeroed, of table->size), for a custom key that may be a group.
 * Returns 0 or, with the errors reported, -EINVAL. conf_group_print and conf_group_free match.
 */
int conf_group_parse(struct conf_ctx *ctx, const config_setting_t *group,
	const struct conf_table *table, void *dst);
void conf_group_print(FILE *f, int indent, const struct conf_table *table, const void *src);
void conf_group_free(const struct conf_table *table, void *dst);

#endif
