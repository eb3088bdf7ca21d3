/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of wg-quick(8): tests/golden/vpnctl/import/NAME.wg must become NAME.conf (which is not
 * there if the file is refused), with NAME.notes said about it (which is not there if that is
 * nothing). With GOLDEN_WRITE in the environment the files are written instead.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "vpnctl/wgquick.h"

#define GOLDEN "tests/golden/vpnctl/import/"
#define SECRET "mAHPHTvbhhPfzmwC4C+WJXXuQfErGsVNEwP+3H/DbF"

/* The file and a NUL; NULL if there is none. */
static char *read_file(const char *path, size_t *len)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text;

	if (!f)
		return NULL;
	text = malloc(65536);
	*len = fread(text, 1, 65535, f);
	text[*len] = '\0';
	return text;
}

/* The file must hold this text; there must be none if it is empty. */
static void compare(const char *name, const char *suffix, const char *text)
{
	_cleanup_free_ char *golden = NULL;
	char path[128];
	size_t len;

	snprintf(path, sizeof(path), GOLDEN "%s.%s", name, suffix);
	if (getenv("GOLDEN_WRITE") && *text) {
		_cleanup_fclose_ FILE *f = fopen(path, "we");
		assert_non_null(f);
		fputs(text, f);
		return;
	}
	golden = read_file(path, &len);
	assert_string_equal(text, golden ? golden : "");
}

static char *print(struct wgquick *quick, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(wgquick_print(f, quick, name, "/etc/gatehouse/keys"), 0);
	fclose(f);
	return text;
}

static void golden(void **state)
{
	const char *name = *state;
	_cleanup_free_ char *text = NULL, *notes = NULL, *conf = NULL;
	struct wgquick quick = {.line = -1};
	size_t len, size;
	char path[128];
	FILE *f = open_memstream(&notes, &size);
	int r;

	snprintf(path, sizeof(path), GOLDEN "%s.wg", name);
	text = read_file(path, &len);
	if (!text)
		fail_msg("%s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "%s.wg", name);
	r = wgquick_parse(path, text, len, f, &quick);
	fclose(f);
	compare(name, "notes", notes);
	assert_null(strstr(notes, SECRET));
	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_int_equal(quick.line, -1); /* untouched */
		compare(name, "conf", "");
		return;
	}
	conf = print(&quick, name);
	assert_null(strstr(conf, SECRET));
	compare(name, "conf", conf);
	wgquick_done(&quick);
}

/* The test's name is that of the golden files. */
#define GOLDEN_TEST(name_)                                                    \
	{                                                                     \
		.name = "import_makes_as_golden:" name_, .test_func = golden, \
		.initial_state = (char[]){name_},                             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOLDEN_TEST("plain"),
		GOLDEN_TEST("all"),
		GOLDEN_TEST("crlf"),
		GOLDEN_TEST("default-route"),
		GOLDEN_TEST("halves"),
		GOLDEN_TEST("table-off"),
		GOLDEN_TEST("values"),
		GOLDEN_TEST("whole"),
		GOLDEN_TEST("mtu"),
		GOLDEN_TEST("nul"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
