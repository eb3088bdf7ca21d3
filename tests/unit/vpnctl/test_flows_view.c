/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flows of tests/golden/vpnctl/flows.list.json must print as flows.list.txt, and their sums as
 * flows.WORD.txt and flows.WORD.json for each of the words of --top. With GOLDEN_WRITE in the
 * environment the files are written instead, to be looked at with git diff.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "vpnctl/flows_view.h"

#define GOLDEN "tests/golden/vpnctl/flows."

static void compare(const char *suffix, const char *text)
{
	char path[128], *golden = NULL;
	size_t size = 0;

	snprintf(path, sizeof(path), GOLDEN "%s", suffix);
	if (getenv("GOLDEN_WRITE")) {
		_cleanup_fclose_ FILE *f = fopen(path, "we");
		assert_non_null(f);
		fputs(text, f);
		return;
	}
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_true(getdelim(&golden, &size, '\0', f) > 0);
	assert_string_equal(text, golden);
	free(golden);
	/* Whatever came in, nothing leaves that moves a terminal's cursor. */
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
}

static json_t *load(void)
{
	json_t *list = json_load_file(GOLDEN "list.json", 0, NULL);

	assert_true(json_is_array(list));
	return list;
}

static void flows_print_as_golden(void **state)
{
	_cleanup_json_ json_t *list = load();
	char *text = NULL;
	size_t i, size;
	FILE *f = open_memstream(&text, &size);
	json_t *item;

	(void)state;
	flows_view_header(f);
	json_array_foreach(list, i, item)
	{
		struct reply_flow flow;

		assert_int_equal(field_read(&reply_flow_table, item, &flow), 0);
		flows_view_row(f, &flow);
		field_done(&reply_flow_table, &flow);
	}
	fclose(f);
	compare("list.txt", text);
	free(text);
}

static void check_sums(enum flows_top by, const json_t *list)
{
	struct flows_sums *sums = flows_sums_new(by);
	char *text = NULL, suffix[32];
	size_t i, size;
	FILE *f = open_memstream(&text, &size);
	json_t *item;

	json_array_foreach(list, i, item)
	{
		struct reply_flow flow;

		assert_int_equal(field_read(&reply_flow_table, item, &flow), 0);
		for (int times = 0; times < 3; times++)
			assert_int_equal(flows_sums_add(sums, &flow), 0);
		field_done(&reply_flow_table, &flow);
	}
	assert_int_equal(flows_sums_print(sums, 4, (struct pen){.f = f}), 0);
	fclose(f);
	snprintf(suffix, sizeof(suffix), "%s.txt", flows_top_words[by]);
	compare(suffix, text);
	free(text);
	_cleanup_json_ json_t *json = flows_sums_json(sums, 2);
	text = json_dumps(json, JSON_INDENT(1));
	snprintf(suffix, sizeof(suffix), "%s.json", flows_top_words[by]);
	compare(suffix, text);
	free(text);
	flows_sums_free(sums);
}

static void sums_print_as_golden(void **state)
{
	_cleanup_json_ json_t *list = load();

	(void)state;
	for (enum flows_top by = FLOWS_TOP_NONE + 1; flows_top_words[by]; by++)
		check_sums(by, list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_print_as_golden),
		cmocka_unit_test(sums_print_as_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
