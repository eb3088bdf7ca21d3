/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines: to the journal when stderr leads there, else to stderr as "program: level: text".
 * Every line is one write, safe from any thread; control characters in it are escaped, whatever
 * they came from. Library code logs nothing above debug; the caller decides.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mono.h"

/* The numbers are those of syslog and of the journal's PRIORITY field. */
enum log_level {
	LOG_LEVEL_ERR = 3,     /* it does not do its job, or a part of it */
	LOG_LEVEL_WARNING = 4, /* it does its job, but an operator should look */
	LOG_LEVEL_NOTICE = 5,  /* a state changed: tunnel up, config loaded */
	LOG_LEVEL_INFO = 6,    /* what it does, a few lines an hour */
	LOG_LEVEL_DEBUG = 7,   /* for who works on the program */
};

enum log_dest {
	LOG_DEST_AUTO, /* the journal if $JOURNAL_STREAM names our stderr, else stderr */
	LOG_DEST_STDERR,
	LOG_DEST_JOURNAL,
};

/*
 * Set the program's name (kept by reference), where lines go, and the least important level to
 * show. Without it lines go to stderr at LOG_LEVEL_INFO. Call before any other thread starts.
 */
void log_init(const char *program, enum log_dest dest, enum log_level level);
void log_set_level(enum log_level level);

/* True if lines of this level are shown: guards work that is done only to be logged. */
bool log_enabled(enum log_level level);

/* Log one line; a final newline is not needed. Keeps errno. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...) log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Make foreign text safe to show: printable ASCII stays, a backslash becomes "\\" and every other
 * byte "\xNN". Always terminates `out`, never splits an escape, leaves out what does not fit.
 * `outlen` is at least 1 and counts the NUL; LOG_ESCAPED_LEN(len) always suffices. Returns `out`.
 */
char *log_escape(const void *text, size_t len, char *out, size_t outlen);
#define LOG_ESCAPED_LEN(len) (4 * (len) + 1)

/*
 * A token bucket for lines that strangers can provoke: at most `per_minute` at once, refilled at
 * that rate. Embedded in whatever it guards, used by one thread.
 */
struct log_limit {
	unsigned int per_minute;
	unsigned int suppressed; /* lines since the last that was allowed */
	uint64_t spent_us;       /* of a minute's worth of tokens, each 60 s / per_minute wide */
	mono_t last;             /* when spent_us was true */
};
#define LOG_LIMIT_INIT(n) ((struct log_limit){.per_minute = (n)})

/*
 * True if a line may be logged now; then *suppressed says how many were not since the last one.
 * When false, *suppressed is untouched.
 */
bool log_allowed(struct log_limit *limit, mono_t now, unsigned int *suppressed);

/* log_line behind a limit, which ends in "(N similar suppressed)" when some were. */
void log_line_limited(struct log_limit *limit, mono_t now, enum log_level level, const char *format,
	...) __attribute__((format(printf, 4, 5)));

#define log_warn_limited(limit, now, ...) \
	log_line_limited(limit, now, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice_limited(limit, now, ...) \
	log_line_limited(limit, now, LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info_limited(limit, now, ...) log_line_limited(limit, now, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug_limited(limit, now, ...) \
	log_line_limited(limit, now, LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
