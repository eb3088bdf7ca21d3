/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as a file of wg-quick(8): it is refused with a note in printable words, or it becomes a
 * config that vpnd takes, each time the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/wgquick.h"
#include "vpnd/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* On a syntax error libconfig 1.5 forgets the token it was at; that is not what we look for. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static void must(bool right)
{
	if (!right)
		abort();
}

/* What is written of it, to be freed; NULL if it is refused. */
static char *import(const uint8_t *data, size_t size, size_t *len)
{
	_cleanup_free_ char *text = malloc(size + 1), *notes = NULL;
	struct wgquick quick;
	size_t notes_len;
	char *conf = NULL;
	FILE *f = open_memstream(&notes, &notes_len);
	int r;

	must(text != NULL && f != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	r = wgquick_parse("input", text, size, f, &quick);
	fclose(f);
	must(r == 0 || notes_len > 0);
	for (const char *c = notes; *c; c++)
		must(*c == '\n' || (*c >= ' ' && *c <= '~'));
	if (r < 0)
		return NULL;
	f = open_memstream(&conf, len);
	must(f != NULL && wgquick_print(f, &quick, "wg0", "/keys \"of\\ours") == 0);
	fclose(f);
	wgquick_done(&quick);
	return conf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len, len_again;
	_cleanup_free_ char *conf = import(data, size, &len);
	_cleanup_free_ char *again = import(data, size, &len_again);
	struct conf_errors errors = {0};
	void *values = NULL;

	must((conf == NULL) == (again == NULL));
	if (conf == NULL)
		return 0;
	must(len == len_again && memcmp(conf, again, len) == 0);
	must(conf_parse("conf", conf, len, &vpnd_conf_table, &values, &errors) == 0);
	conf_free(&vpnd_conf_table, values);
	return 0;
}
