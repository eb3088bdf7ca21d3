/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpnd.conf: each tests/golden/vpnd/NAME.conf must give NAME.err, or if there is none, be right.
 * With UPDATE_GOLDEN=1 the .err files are written instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vpnd/conf.h"

#define GOLDEN "tests/golden/vpnd/"

static char *read_file(const char *path)
{
	char *text = NULL;
	size_t room = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return NULL;
	if (getdelim(&text, &room, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

/* What vpnd -n says about a file, allocated. */
static char *complaints(const char *path)
{
	struct conf_errors errors = {0};
	struct vpnd_conf *conf = NULL;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int r = vpnd_conf_load(path, &conf, &errors);

	assert_non_null(f);
	conf_errors_print(f, &errors);
	fclose(f);
	assert_int_equal(r == 0, errors.n == 0);
	assert_int_equal(r == 0, conf != NULL);
	conf_errors_done(&errors);
	vpnd_conf_free(conf);
	return text;
}

static void compare_golden(const char *path)
{
	char *got = complaints(path), *want, expected[256];

	snprintf(expected, sizeof(expected), "%.*s.err", (int)(strlen(path) - strlen(".conf")),
		path);
	if (getenv("UPDATE_GOLDEN") && *got) {
		FILE *f = fopen(expected, "w");

		assert_non_null(f);
		fputs(got, f);
		fclose(f);
	}
	want = read_file(expected);
	print_message("%s\n", path);
	assert_string_equal(got, want ? want : "");
	free(got);
	free(want);
}

static void every_error_names_file_line_and_reason(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob(GOLDEN "*.conf", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		compare_golden(found.gl_pathv[i]);
	globfree(&found);
}

static void example_config_is_right(void **state)
{
	char *got = complaints("configs/vpnd.conf");

	(void)state;
	assert_string_equal(got, "");
	free(got);
}

static void no_key_that_was_pasted_is_echoed(void **state)
{
	char *got = complaints(GOLDEN "pasted-key.conf");

	(void)state;
	assert_null(strstr(got, "yAnz5TF"));
	free(got);
}

static struct vpnd_conf *load(const char *path)
{
	struct conf_errors errors = {0};
	struct vpnd_conf *conf;

	assert_int_equal(vpnd_conf_load(path, &conf, &errors), 0);
	return conf;
}

static void via_is_resolved_to_tunnels(void **state)
{
	struct vpnd_conf *conf = load(GOLDEN "good.conf");

	(void)state;
	assert_int_equal(conf->n_routes, 4);
	assert_int_equal(conf->routes[0].policy, VPND_ECMP);
	assert_int_equal(conf->routes[0].via_tunnel[0], 0);
	assert_int_equal(conf->routes[0].via_tunnel[1], 1);
	assert_int_equal(conf->routes[2].via_tunnel[0], 2);
	assert_int_equal(conf->routes[2].policy, VPND_FAILOVER);
	assert_int_equal(conf->tunnels[0].fwmark, 0xca6c);
	assert_int_equal(conf->tunnels[1].mtu, VPND_CONF_MTU);
	vpnd_conf_free(conf);
}

static void hash_follows_values_and_not_their_layout(void **state)
{
	struct vpnd_conf *a = load(GOLDEN "good.conf"), *b = load(GOLDEN "good.conf");
	char a_hash[VPND_CONF_HASH_STRLEN], b_hash[VPND_CONF_HASH_STRLEN];

	(void)state;
	b->tunnels[0].where.line += 10;
	assert_int_equal(vpnd_conf_hash(a, a_hash), 0);
	assert_int_equal(vpnd_conf_hash(b, b_hash), 0);
	assert_int_equal(strlen(a_hash), 16);
	assert_int_equal(strspn(a_hash, "0123456789abcdef"), 16);
	assert_string_equal(a_hash, b_hash);
	b->tunnels[0].peers[0].probe_interval_ms++;
	assert_int_equal(vpnd_conf_hash(b, b_hash), 0);
	assert_string_not_equal(a_hash, b_hash);
	vpnd_conf_free(a);
	vpnd_conf_free(b);
}

static void tunnels_are_equal_only_if_all_values_are(void **state)
{
	struct vpnd_conf *a = load(GOLDEN "good.conf"), *b = load(GOLDEN "good.conf");

	(void)state;
	b->tunnels[0].where.line += 10;
	assert_true(vpnd_conf_tunnel_equal(&a->tunnels[0], &b->tunnels[0]));
	assert_false(vpnd_conf_tunnel_equal(&a->tunnels[0], &b->tunnels[1]));
	b->tunnels[0].peers[1].allowed_ips[0].len++;
	assert_false(vpnd_conf_tunnel_equal(&a->tunnels[0], &b->tunnels[0]));
	vpnd_conf_free(a);
	vpnd_conf_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_names_file_line_and_reason),
		cmocka_unit_test(example_config_is_right),
		cmocka_unit_test(no_key_that_was_pasted_is_echoed),
		cmocka_unit_test(via_is_resolved_to_tunnels),
		cmocka_unit_test(hash_follows_values_and_not_their_layout),
		cmocka_unit_test(tunnels_are_equal_only_if_all_values_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
