/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libconfig trusts what it reads: it recurses as deep as the text nests, compares each key with all
 * others of its group, cuts long numbers silently, and its scanner calls exit() when an included
 * file turns out to be a directory. A daemon that reloads cannot afford that, so the text is walked
 * once before libconfig sees it, following strings and comments by libconfig's rules and nothing
 * else of the grammar.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/conf_ctx.h"

struct scan {
	struct conf_ctx *ctx;
	const char *file; /* NULL for the outermost one */
	const char *at, *end;
	int line;
	int includes; /* how deep we are in included files */
	int depth;
	int keys[CONF_DEPTH_MAX + 1]; /* in the open groups */
};

static int scan_text(struct scan *s);

#define fail(s, ...) (conf_errors_add((s)->ctx, (s)->file, (s)->line, __VA_ARGS__), -EINVAL)

int conf_scan_file(const char *path, char **text, size_t *len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *read_text = NULL;
	size_t done = 0, size;
	ssize_t n = 1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size > CONF_FILE_MAX)
		return -EFBIG;
	size = (size_t)st.st_size;
	read_text = malloc(size + 1);
	if (!read_text)
		return -ENOMEM;
	while (n && done < size) {
		n = read(fd, read_text + done, size - done);
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	read_text[done] = '\0';
	*text = cleanup_take(read_text);
	*len = done;
	return 0;
}

/* The rest of a string, whose opening quote is behind us. */
static int scan_string(struct scan *s)
{
	int first_line = s->line;

	while (s->at < s->end) {
		char c = *s->at++;

		if (c == '"')
			return 0;
		if (c == '\n')
			s->line++;
		if (c == '\\' && s->at < s->end && (*s->at == '"' || *s->at == '\\'))
			s->at++;
	}
	s->line = first_line;
	return fail(s, "a string begins here that never ends");
}

static void skip_line(struct scan *s)
{
	const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));

	s->at = newline ? newline : s->end;
}

static int scan_comment(struct scan *s)
{
	int first_line = s->line;

	for (s->at++; s->at + 1 < s->end; s->at++) {
		if (*s->at == '\n')
			s->line++;
		if (s->at[0] == '*' && s->at[1] == '/') {
			s->at += 2;
			return 0;
		}
	}
	s->line = first_line;
	return fail(s, "a comment begins here that never ends");
}

static int scan_included(struct scan *s, const char *path)
{
	struct scan inner = {.ctx = s->ctx, .file = path, .line = 1, .includes = s->includes + 1};
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = conf_scan_file(path, &text, &len);

	if (r < 0)
		return fail(s, "cannot include %s: %s", path, strerror(-r));
	inner.at = text;
	inner.end = text + len;
	return scan_text(&inner);
}

/* An at sign is behind us. If this is no include, libconfig will have the right words for it. */
static int scan_include(struct scan *s)
{
	static const char word[] = "include";
	_cleanup_free_ char *path = NULL;
	const char *name, *quote;

	if ((size_t)(s->end - s->at) < strlen(word) || strncmp(s->at, word, strlen(word)) != 0)
		return 0;
	name = s->at + strlen(word);
	name += strspn(name, " \t");
	if (*name++ != '"')
		return 0;
	quote = name + strcspn(name, "\"\\\n");
	if (!s->ctx->dir)
		return fail(s, "@include is not allowed here");
	if (s->includes == CONF_INCLUDE_MAX)
		return fail(s, "files include each other too deep");
	if (*quote != '"' || *name == '/')
		return fail(s, "@include takes the name of a file beside this one");
	if (asprintf(&path, "%s%.*s", s->ctx->dir, (int)(quote - name), name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	s->at = quote + 1;
	return scan_included(s, path);
}

/*
 * Versions of libconfig differ in what they make of a number that has no room in an int: some cut
 * it silently, as all do with long hexadecimal ones, and some take a leading zero for octal.
 */
static int check_number(struct scan *s, const char *start, size_t len)
{
	size_t digits = strspn(start, "0123456789");

	if (len > 1 && start[0] == '0' && (start[1] == 'x' || start[1] == 'X')) {
		if (len > 2 + 8)
			return fail(s, "a hexadecimal number has at most 8 digits");
		return 0;
	}
	if (digits > 18)
		return fail(s, "the number has too many digits");
	if (len > 1 && digits == len && start[0] == '0')
		return fail(s, "a number must not begin with 0");
	if (digits == len && strtoll(start, NULL, 10) > INT32_MAX)
		return fail(
			s, "a number above %d must end in L: %.*sL", INT32_MAX, (int)len, start);
	return 0;
}

static int scan_word(struct scan *s)
{
	const char *start = s->at;

	while (s->at < s->end && (isalnum((unsigned char)*s->at) || memchr("_-*.", *s->at, 4)))
		s->at++;
	if (isdigit((unsigned char)*start))
		return check_number(s, start, (size_t)(s->at - start));
	return 0;
}

static int open_bracket(struct scan *s)
{
	if (s->depth == CONF_DEPTH_MAX)
		return fail(s, "more than %d groups and lists inside each other", CONF_DEPTH_MAX);
	s->keys[++s->depth] = 0;
	return 0;
}

static int scan_one(struct scan *s)
{
	char c = *s->at;

	if (isalnum((unsigned char)c) || c == '*')
		return scan_word(s);
	s->at++;
	switch (c) {
	case '\n':
		s->line++;
		return 0;
	case '"':
		return scan_string(s);
	case '#':
		skip_line(s);
		return 0;
	case '/':
		if (s->at < s->end && *s->at == '/')
			skip_line(s);
		else if (s->at < s->end && *s->at == '*')
			return scan_comment(s);
		return 0;
	case '@':
		return scan_include(s);
	case '(':
	case '[':
	case '{':
		return open_bracket(s);
	case ')':
	case ']':
	case '}':
		s->depth -= s->depth > 0;
		return 0;
	case '=':
	case ':':
		if (++s->keys[s->depth] > CONF_KEYS_MAX)
			return fail(s, "more than %d keys in one group", CONF_KEYS_MAX);
		return 0;
	default:
		return 0;
	}
}

static int scan_text(struct scan *s)
{
	const char *nul = memchr(s->at, '\0', (size_t)(s->end - s->at));
	int r = 0;

	if (nul) {
		for (; s->at < nul; s->at++)
			s->line += *s->at == '\n';
		return fail(s, "is no text: here is a NUL byte");
	}
	while (r == 0 && s->at < s->end)
		r = scan_one(s);
	return r;
}

int conf_scan(struct conf_ctx *ctx, const char *file, const char *text, size_t len)
{
	struct scan s = {.ctx = ctx, .file = file, .at = text, .end = text + len, .line = 1};

	return scan_text(&s);
}
