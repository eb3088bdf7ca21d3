/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* What goes to stderr between the two calls. */
struct capture {
	int saved;
	int read_end;
	char text[20000];
};

static void capture_start(struct capture *c)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	c->saved = dup(STDERR_FILENO);
	c->read_end = fds[0];
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
}

static const char *capture_stop(struct capture *c)
{
	ssize_t n = read(c->read_end, c->text, sizeof(c->text) - 1);

	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->read_end);
	c->text[n > 0 ? n : 0] = '\0';
	return c->text;
}

static void line_has_program_and_level(void **state)
{
	struct capture c;

	(void)state;
	log_init("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	capture_start(&c);
	log_err("one %d", 1);
	log_warn("two\n");
	log_notice("three");
	log_info("four");
	log_debug("not shown");
	assert_string_equal(capture_stop(&c), "test: error: one 1\ntest: warning: two\n"
					      "test: notice: three\ntest: info: four\n");
	assert_false(log_enabled(LOG_LEVEL_DEBUG));
	log_set_level(LOG_LEVEL_DEBUG);
	assert_true(log_enabled(LOG_LEVEL_DEBUG));
}

static void control_characters_never_reach_the_terminal(void **state)
{
	struct capture c;

	(void)state;
	log_init("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	capture_start(&c);
	log_info("a\nb: error: forged\x1b[31m\x9b \\x41");
	assert_string_equal(
		capture_stop(&c), "test: info: a\\x0ab: error: forged\\x1b[31m\\x9b \\x41\n");
}

static void long_text_is_cut_and_errno_kept(void **state)
{
	static char text[10000];
	struct capture c;
	const char *line;

	(void)state;
	memset(text, '\1', sizeof(text) - 1);
	log_init("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	capture_start(&c);
	errno = ENOTTY;
	log_info("%s", text);
	assert_int_equal(errno, ENOTTY);
	line = capture_stop(&c);
	assert_true(strlen(line) < sizeof(text));
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static void escape_is_unambiguous_and_never_overlong(void **state)
{
	char out[LOG_ESCAPED_LEN(256)];
	char all[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	assert_string_equal(log_escape("a\\\x01\xff", 4, out, sizeof(out)), "a\\\\\\x01\\xff");
	for (size_t room = 1; room <= sizeof(out); room++) {
		memset(out, 'X', sizeof(out));
		log_escape(all, sizeof(all), out, room);
		assert_true(strlen(out) < room);
		for (const char *p = out; *p; p++)
			assert_true(*p >= 0x20 && *p < 0x7f);
		/* An escape is whole or not there. */
		if (strlen(out) >= 4 && strlen(out) < 100)
			assert_int_equal(strlen(out) % 4, 0);
	}
}

static void limit_allows_a_burst_then_its_rate(void **state)
{
	struct log_limit limit = LOG_LIMIT_INIT(6);
	mono_t now = {1000000000};
	unsigned int suppressed = 99, allowed = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		allowed += log_allowed(&limit, now, &suppressed);
	assert_int_equal(allowed, 6);
	assert_int_equal(suppressed, 0);
	assert_false(log_allowed(&limit, mono_add_ms(now, 9999), &suppressed));
	assert_true(log_allowed(&limit, mono_add_s(now, 10), &suppressed));
	assert_int_equal(suppressed, 95);
	assert_false(log_allowed(&limit, mono_add_s(now, 10), &suppressed));
	now = mono_add_s(now, 3600);
	for (allowed = 0; log_allowed(&limit, now, &suppressed); allowed++)
		;
	assert_int_equal(allowed, 6);
}

static void limit_of_zero_allows_nothing(void **state)
{
	struct log_limit limit = LOG_LIMIT_INIT(0);
	unsigned int suppressed;

	(void)state;
	assert_false(log_allowed(&limit, MONO_UNSET, &suppressed));
	assert_false(log_allowed(&limit, (mono_t){UINT64_MAX}, &suppressed));
}

static void limited_line_says_how_many_were_suppressed(void **state)
{
	struct log_limit limit = LOG_LIMIT_INIT(1);
	struct capture c;

	(void)state;
	log_init("test", LOG_DEST_STDERR, LOG_LEVEL_INFO);
	capture_start(&c);
	for (uint64_t s = 0; s <= 60; s++)
		log_warn_limited(&limit, mono_add_s((mono_t){1}, s), "bad packet %d", 1);
	assert_string_equal(capture_stop(&c),
		"test: warning: bad packet 1\n"
		"test: warning: bad packet 1 (59 similar suppressed)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_program_and_level),
		cmocka_unit_test(control_characters_never_reach_the_terminal),
		cmocka_unit_test(long_text_is_cut_and_errno_kept),
		cmocka_unit_test(escape_is_unambiguous_and_never_overlong),
		cmocka_unit_test(limit_allows_a_burst_then_its_rate),
		cmocka_unit_test(limit_of_zero_allows_nothing),
		cmocka_unit_test(limited_line_says_how_many_were_suppressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
