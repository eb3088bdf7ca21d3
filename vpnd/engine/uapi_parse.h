/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UAPI requests as they come from a socket, in pieces of any size. A request becomes a list of
 * changes; nothing is done and no peer is looked up here. Checking is strict: the first line that
 * is not exactly right fails the request, and the rest of it is skipped.
 */
#ifndef VPND_ENGINE_UAPI_PARSE_H
#define VPND_ENGINE_UAPI_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "vpnd/engine/uapi_changes.h"

enum { UAPI_PARSE_LINE_MAX = 255 }; /* bytes without the newline; no right line is half as long */

/* What the bytes so far amount to. */
enum uapi_parsed {
	UAPI_PARSED_PART, /* all bytes were taken, and the request is not complete */
	UAPI_PARSED_GET,  /* a whole `get` */
	UAPI_PARSED_SET,  /* a whole `set` */
	UAPI_PARSED_JUNK, /* no request: there is no answer, the connection is to be closed */
};

/* error and changes are for the caller to read, the rest is the parser's. */
struct uapi_parser {
	int error;                   /* negative errno of the first bad line; 0: none */
	struct uapi_changes changes; /* empty once there is an error */
	bool is_state;               /* what only the engine says of itself is taken too */
	enum uapi_parsed verb;       /* UAPI_PARSED_PART until the first line was read */
	struct uapi_change *peer;    /* whose lines these are; NULL: the interface's */
	size_t line_len;             /* bytes that came of the line, also those that do not fit */
	char line[UAPI_PARSE_LINE_MAX + 1];
};

/* Begin a request. `is_state`: of state text, not of a client. */
void uapi_parse_init(struct uapi_parser *parser, bool is_state);

/*
 * Take bytes up to the end of a request and set *taken to their number. When a request is whole,
 * the caller uses error and changes, then uapi_parse_done and uapi_parse_init before it goes on
 * with the bytes that are left. Errors: -EINVAL for an unknown key or a bad value, -EPROTO for a
 * line without "=", -E2BIG for more than UAPI_CHANGES_MAX, -ENOMEM.
 */
enum uapi_parsed uapi_parse(
	struct uapi_parser *parser, const char *bytes, size_t len, size_t *taken);

/* Wipe and free everything that is still in it. */
void uapi_parse_done(struct uapi_parser *parser);

#endif
