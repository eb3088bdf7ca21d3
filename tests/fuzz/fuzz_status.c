/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever a daemon answers, every view of it is printed, in printable ASCII, and its JSON can be
 * read again to the same. Input: the reply of vpnd, a newline, the reply of natd.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(
	struct report *report, enum report_daemon daemon, const uint8_t *text, size_t len)
{
	json_t *json = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);

	if (json)
		report_answered(report, daemon, json);
	else
		report_unreached(report, daemon, "no reply");
}

static void check_text(const struct view *view)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	status_print(view, (struct pen){.f = f});
	tunnels_print(view, (struct pen){.f = f});
	routes_print(view, (struct pen){.f = f});
	nat_print(view, (struct pen){.f = f});
	fclose(f);
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
			abort();
	}
}

/* Our own words, read back, must say the same again. */
static void check_json(const struct report *report)
{
	_cleanup_json_ json_t *json = report_json(report, REPORT_ALL);
	struct report again;

	if (!json)
		abort();
	report_init(&again);
	report_answered(&again, REPORT_VPND, json_incref(json));
	report_answered(&again, REPORT_NATD, json_incref(json_object_get(json, "nat")));
	_cleanup_json_ json_t *second = report_json(&again, REPORT_ALL);
	static const char *const same[] = {"tunnels", "routes", "nat"};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		json_t *part = json_object_get(json, same[i]);
		/* What was not known because nobody answered is not comparable. */
		if (!json_is_null(part) && !json_equal(part, json_object_get(second, same[i])))
			abort();
	}
	report_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = memchr(data, '\n', size);
	size_t first = newline ? (size_t)(newline - data) : size;
	struct report report;

	report_init(&report);
	answer(&report, REPORT_VPND, data, first);
	if (newline)
		answer(&report, REPORT_NATD, newline + 1, size - first - 1);
	check_text(&(struct view){.report = &report});
	check_text(&(struct view){
		.report = &report, .before = &report, .elapsed_us = 1000000, .rates = true});
	check_json(&report);
	report_done(&report);
	return 0;
}
