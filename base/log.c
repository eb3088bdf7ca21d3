/* SPDX-License-Identifier: GPL-2.0-or-later */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define TEXT_MAX 2048 /* bytes of a line before escaping; the rest is cut off */
#define MINUTE_US (60 * US_PER_S)

/* The one state of a process that everything in it shares: where its lines go. */
static struct {
	const char *program;
	bool journal;
	_Atomic int level;
} log_state = {.program = "gatehouse", .level = LOG_LEVEL_INFO};

/* systemd says in $JOURNAL_STREAM which file it connected: "device:inode". */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *program, enum log_dest dest, enum log_level level)
{
	log_state.program = program;
	log_state.journal =
		dest == LOG_DEST_JOURNAL || (dest == LOG_DEST_AUTO && stderr_is_journal());
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	log_state.level = (int)level;
}

bool log_enabled(enum log_level level)
{
	return (int)level <= log_state.level;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "?";
}

/*
 * A line may hold text that log_escape already made safe, so here a backslash stays as it is; for
 * foreign text it must not, or "\x41" and "A" would look the same.
 */
static char *escape(const void *text, size_t len, bool escape_backslash, char *out, size_t outlen)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = text;
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		char one[4] = {'\\', 'x', digits[in[i] >> 4], digits[in[i] & 15]};
		size_t n = 4;

		if (in[i] == '\\' && escape_backslash) {
			one[1] = '\\';
			n = 2;
		} else if (in[i] >= 0x20 && in[i] < 0x7f) {
			one[0] = (char)in[i];
			n = 1;
		}
		if (used + n >= outlen)
			break;
		memcpy(out + used, one, n);
		used += n;
	}
	out[used] = '\0';
	return out;
}

char *log_escape(const void *text, size_t len, char *out, size_t outlen)
{
	return escape(text, len, true, out, outlen);
}

static struct iovec iov_of(char *text)
{
	return (struct iovec){.iov_base = text, .iov_len = strlen(text)};
}

static void send_journal(enum log_level level, const char *text)
{
	char message[LOG_ESCAPED_LEN(TEXT_MAX) + 8], priority[16], identifier[64];

	snprintf(message, sizeof(message), "MESSAGE=%s", text);
	snprintf(priority, sizeof(priority), "PRIORITY=%d", (int)level);
	snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s", log_state.program);
	struct iovec iov[] = {iov_of(message), iov_of(priority), iov_of(identifier)};

	(void)sd_journal_sendv(iov, 3);
}

static void send_stderr(enum log_level level, const char *text)
{
	char line[LOG_ESCAPED_LEN(TEXT_MAX) + 128];
	int n = snprintf(
		line, sizeof(line), "%.64s: %s: %s\n", log_state.program, level_name(level), text);

	/* A full disk or a gone terminal must not keep the program from its work. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

static void emit(enum log_level level, char *raw, size_t size, int len)
{
	char text[LOG_ESCAPED_LEN(TEXT_MAX)];
	size_t n = len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;

	if (n && raw[n - 1] == '\n')
		n--;
	escape(raw, n, false, text, sizeof(text));
	if (log_state.journal)
		send_journal(level, text);
	else
		send_stderr(level, text);
}

void log_line(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char raw[TEXT_MAX];
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	emit(level, raw, sizeof(raw), vsnprintf(raw, sizeof(raw), format, args));
	va_end(args);
	errno = saved;
}

bool log_allowed(struct log_limit *limit, mono_t now, unsigned int *suppressed)
{
	uint64_t cost_us = limit->per_minute ? MINUTE_US / limit->per_minute : UINT64_MAX;
	uint64_t regained_us = mono_elapsed_us(limit->last, now);

	limit->spent_us -= regained_us < limit->spent_us ? regained_us : limit->spent_us;
	limit->last = now;
	if (cost_us > MINUTE_US - limit->spent_us) {
		limit->suppressed++;
		return false;
	}
	limit->spent_us += cost_us;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}

void log_line_limited(
	struct log_limit *limit, mono_t now, enum log_level level, const char *format, ...)
{
	int saved = errno, len;
	unsigned int suppressed;
	char raw[TEXT_MAX], text[TEXT_MAX - 64];
	va_list args;

	if (!log_enabled(level) || !log_allowed(limit, now, &suppressed))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (suppressed)
		len = snprintf(raw, sizeof(raw), "%s (%u similar suppressed)", text, suppressed);
	else
		len = snprintf(raw, sizeof(raw), "%s", text);
	emit(level, raw, sizeof(raw), len);
	errno = saved;
}
