/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replies of the daemons, as tests/golden/vpnctl/NAME.json has them, must print as NAME.txt
 * (status) and give the exit status in NAME.exit; where there are NAME.tunnels, NAME.routes,
 * NAME.nat and NAME.merged (the JSON of status), these too. With GOLDEN_WRITE in the environment
 * the files are written instead, to be looked at with git diff.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "vpnctl/events.h"
#include "vpnctl/view.h"

#define GOLDEN "tests/golden/vpnctl/"

static char *read_file(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		return strdup("");
	}
	return text;
}

static void compare(const char *name, const char *suffix, const char *text, bool required)
{
	char path[128];

	snprintf(path, sizeof(path), GOLDEN "%s.%s", name, suffix);
	if (!required && access(path, F_OK) != 0)
		return;
	if (getenv("GOLDEN_WRITE")) {
		_cleanup_fclose_ FILE *f = fopen(path, "we");
		assert_non_null(f);
		fputs(text, f);
		return;
	}
	_cleanup_free_ char *golden = read_file(path);
	if (!golden)
		fail_msg("%s: %s", path, strerror(errno));
	assert_string_equal(text, golden);
}

static void fill(struct report *report, enum report_daemon daemon, json_t *reply)
{
	const char *error = json_string_value(json_object_get(reply, "error"));

	if (error)
		assert_int_equal(report_unreached(report, daemon, error), 0);
	else
		assert_int_equal(report_answered(report, daemon, json_incref(reply)), 0);
}

static char *print(int (*function)(const struct view *, struct pen), const struct view *view)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(function(view, (struct pen){.f = f}), 0);
	fclose(f);
	return text;
}

static void check_text(const char *name, const struct view *view)
{
	_cleanup_free_ char *status = print(status_print, view);
	_cleanup_free_ char *tunnels = print(tunnels_print, view);
	_cleanup_free_ char *routes = print(routes_print, view);
	_cleanup_free_ char *nat = print(nat_print, view);

	compare(name, "txt", status, true);
	compare(name, "tunnels", tunnels, false);
	compare(name, "routes", routes, false);
	compare(name, "nat", nat, false);
	/* Whatever came in, nothing leaves that moves a terminal's cursor. */
	for (const char *c = status; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
}

static void check_json(const char *name, const struct report *report)
{
	_cleanup_json_ json_t *json = report_json(report, REPORT_ALL);
	_cleanup_free_ char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

	assert_non_null(text);
	compare(name, "merged", text, false);
}

static void golden(void **state)
{
	const char *name = *state;
	struct report report, before;
	char path[128], code[16];

	snprintf(path, sizeof(path), GOLDEN "%s.json", name);
	_cleanup_json_ json_t *replies = json_load_file(path, 0, NULL);
	assert_non_null(replies);
	report_init(&report);
	report_init(&before);
	fill(&report, REPORT_VPND, json_object_get(replies, "vpnd"));
	fill(&report, REPORT_NATD, json_object_get(replies, "natd"));
	json_t *earlier = json_object_get(replies, "before");
	if (earlier)
		fill(&before, REPORT_VPND, earlier);
	json_t *elapsed = json_object_get(replies, "elapsed_us");
	struct view view = {.report = &report,
		.before = earlier ? &before : NULL,
		.elapsed_us = json_integer_value(elapsed),
		.rates = elapsed};

	check_text(name, &view);
	check_json(name, &report);
	snprintf(code, sizeof(code), "%d\n", report_verdict(&report, REPORT_ALL));
	compare(name, "exit", code, true);
	report_done(&report);
	report_done(&before);
}

static void events_print_as_golden(void **state)
{
	_cleanup_json_ json_t *list = json_load_file(GOLDEN "events.json", 0, NULL);
	char *text = NULL;
	size_t i, size;
	FILE *f = open_memstream(&text, &size);
	json_t *item;

	(void)state;
	assert_non_null(list);
	json_array_foreach(list, i, item)
	{
		struct reply_event event;

		assert_int_equal(field_read(&reply_event_table, item, &event), 0);
		assert_int_equal(events_print(f, &event), 0);
		field_done(&reply_event_table, &event);
	}
	fclose(f);
	compare("events", "txt", text, true);
	free(text);
}

/* The test's name is that of the golden files. */
#define GOLDEN_TEST(name_)                                                     \
	{                                                                      \
		.name = "status_prints_as_golden:" name_, .test_func = golden, \
		.initial_state = (char[]){name_},                              \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOLDEN_TEST("all-well"),
		GOLDEN_TEST("degraded"),
		GOLDEN_TEST("down"),
		GOLDEN_TEST("reasons"),
		GOLDEN_TEST("vpnd-unreached"),
		GOLDEN_TEST("natd-unreached"),
		GOLDEN_TEST("nat-down"),
		GOLDEN_TEST("nat-degraded"),
		GOLDEN_TEST("no-tunnels"),
		GOLDEN_TEST("older-daemons"),
		GOLDEN_TEST("hostile"),
		GOLDEN_TEST("no-objects"),
		GOLDEN_TEST("watch"),
		GOLDEN_TEST("watch-first"),
		cmocka_unit_test(events_print_as_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
