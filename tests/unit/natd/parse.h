/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configs and files for the tests of natd. */
#ifndef TESTS_UNIT_NATD_PARSE_H
#define TESTS_UNIT_NATD_PARSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "natd/conf.h"

#define GOLDEN "tests/golden/natd/"

/* The config of a text that is right. */
static inline struct natd_conf *parse_conf(const char *text)
{
	struct conf_errors errors = {0};
	void *conf = NULL;

	if (conf_parse("test", text, strlen(text), &natd_conf_table, &conf, &errors) < 0) {
		conf_errors_print(stderr, &errors);
		fail();
	}
	return conf;
}

/* A whole file, to be freed; NULL if there is none. */
static inline char *parse_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

#endif
