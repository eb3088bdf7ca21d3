/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the config reader share; of no use outside of conf*.c. */
#ifndef BASE_CONF_CTX_H
#define BASE_CONF_CTX_H

#include "base/conf.h"

/* One reading of one file. */
struct conf_ctx {
	const char *name; /* of the file, as errors say it */
	char *dir;        /* where it includes from, with the final slash; NULL: it may not */
	struct conf_errors *errors;
	bool out_of_memory;
};

/* Bounds of what is read at all; real configs stay far below. */
#define CONF_FILE_MAX (16 * 1024 * 1024) /* bytes */
#define CONF_DEPTH_MAX 32                /* groups and lists inside each other */
#define CONF_KEYS_MAX 1024               /* in one group; libconfig compares each with all others */
#define CONF_INCLUDE_MAX 8               /* includes inside each other */

/* Add an error; takes no ownership. `file` NULL means ctx->name. */
void conf_errors_add(struct conf_ctx *ctx, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Where a setting stands; what is missing in the file as a whole, in its first line. */
int conf_errors_line(const config_setting_t *at);

/* How many there are, also those past what is kept. */
size_t conf_errors_count(const struct conf_ctx *ctx);

/*
 * A file as the user would open it, for libconfig knows an included one by the name in the
 * @include, or in later versions by its whole path, and the outermost (NULL) not at all. The caller
 * frees; NULL if memory is short.
 */
char *conf_errors_path(const struct conf_ctx *ctx, const char *file);

/* Bring them into the order of files and lines. */
void conf_errors_sort(struct conf_errors *errors);

/*
 * The text of the regular file at `path`, NUL-terminated. Returns 0 or a negative errno (-EFBIG
 * over CONF_FILE_MAX). The caller frees *text.
 */
int conf_scan_file(const char *path, char **text, size_t *len);

/*
 * Look over a text, and the files it includes, for what libconfig would accept silently, crash on
 * or leave the process for: endless depth, NUL bytes, includes that are no regular files, numbers
 * cut short. Returns 0, or -EINVAL with errors added.
 */
int conf_scan(struct conf_ctx *ctx, const char *file, const char *text, size_t len);

/* How values of one type are read and freed. */
struct conf_type_ops {
	const char *one, *many; /* "a prefix", "prefixes", for people */
	/* From a setting that is one value; *dst is zeroed. 0 or -EINVAL, with the error added. */
	int (*read)(struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at,
		void *dst);
	void (*free)(const struct conf_row *row, void *dst); /* NULL if nothing is allocated */
};

/* Not for CONF_WHERE, which is no key. */
const struct conf_type_ops *conf_type_ops(enum conf_type type);

/* The string that a setting must be, or NULL with the error added. */
const char *conf_type_string(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at);

/*
 * Add "KEY: "TEXT" is not WHAT" and return -EINVAL; not for what may be a secret.
 */
int conf_type_refuse(
	struct conf_ctx *ctx, const config_setting_t *at, const char *text, const char *what);

/* The range of a CONF_INT row. */
void conf_type_range(const struct conf_row *row, int64_t *min, int64_t *max);

/* Store and load an integer field of any width. */
void conf_type_store(const struct conf_row *row, void *dst, int64_t value);
int64_t conf_type_load(const struct conf_row *row, const void *src);

/* The `read` of the types that are in conf_net.c, and the one `free`. */
int conf_net_ifname(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst);
int conf_net_prefix(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst);
int conf_net_ifaddr(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst);
int conf_net_addr(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst);
int conf_net_hostport(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst);
int conf_net_ports(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst);
void conf_net_free_hostport(const struct conf_row *row, void *dst);

/* The name a setting goes by: its own, or that of the list that it is an element of. */
const char *conf_name_of(const config_setting_t *at);

#endif
