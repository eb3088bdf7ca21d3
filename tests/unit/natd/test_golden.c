/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each tests/golden/natd/NAME.conf is read and must give the errors of NAME.errors, or the ruleset
 * of NAME.nft and the guard of NAME.guard, and our examples must too. GOLDEN_UPDATE=1 in the
 * environment writes them anew.
 */
#include "tests/unit/natd/parse.h"

#include <glob.h>

#include "natd/ruleset.h"

#define EXAMPLES "configs/natd*.conf"

/* What a config gives: its errors or its ruleset, and which of them. To be freed. */
static char *outcome(const char *path, const char **kind)
{
	struct conf_errors errors = {0};
	struct natd_conf *conf = NULL;
	char *text = NULL;
	size_t len;
	FILE *f;

	if (natd_conf_load(path, &conf, &errors) == 0) {
		*kind = "nft";
		assert_int_equal(ruleset_new(conf, false, &text), 0);
		natd_conf_free(conf);
		return text;
	}
	*kind = "errors";
	f = open_memstream(&text, &len);
	conf_errors_print(f, &errors);
	fclose(f);
	conf_errors_done(&errors);
	return text;
}

static void compare_text(const char *path, const char *got, const char *stem, const char *kind)
{
	char *wanted, golden[256];

	snprintf(golden, sizeof(golden), "%s.%s", stem, kind);
	if (getenv("GOLDEN_UPDATE")) {
		FILE *f = fopen(golden, "w");

		fputs(got, f);
		fclose(f);
	}
	wanted = parse_file(golden);
	if (!wanted)
		print_error("%s gives:\n%s", path, got);
	assert_non_null(wanted);
	assert_string_equal(got, wanted);
	free(wanted);
}

static void compare_guard(const char *path, const char *stem)
{
	struct conf_errors errors = {0};
	struct natd_conf *conf;
	char *text;

	assert_int_equal(natd_conf_load(path, &conf, &errors), 0);
	assert_int_equal(ruleset_guard_new(conf, false, &text), 0);
	compare_text(path, text, stem, "guard");
	free(text);
	natd_conf_free(conf);
}

static void compare(const char *path, const char *stem)
{
	const char *kind;
	char *got = outcome(path, &kind);

	compare_text(path, got, stem, kind);
	if (strcmp(kind, "nft") == 0)
		compare_guard(path, stem);
	free(got);
}

static void every_config_gives_its_errors_or_its_ruleset(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob(GOLDEN "*.conf", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		char stem[256];

		snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(path) - strlen(".conf")), path);
		compare(path, stem);
	}
	globfree(&found);
}

/* configs/natd-pool.conf gives example-natd-pool.nft. */
static void every_example_gives_its_ruleset(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob(EXAMPLES, 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 1);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		char stem[256];

		snprintf(stem, sizeof(stem), GOLDEN "example-%.*s",
			(int)(strlen(name) - strlen(".conf")), name);
		compare(found.gl_pathv[i], stem);
	}
	globfree(&found);
}

/* What drains differs from what does not in the rules that admit new flows alone. */
static void a_ruleset_that_drains_says_so_by_a_block_of_its_own(void **state)
{
	struct natd_conf *conf =
		parse_conf("uplinks = [ \"eth0\" ]; subnets = ( { prefix = \"10.1.0.0/16\"; } );");
	char *text;

	(void)state;
	assert_int_equal(ruleset_new(conf, false, &text), 0);
	assert_null(strstr(text, RULESET_DRAINING));
	free(text);
	assert_int_equal(ruleset_new(conf, true, &text), 0);
	assert_non_null(strstr(text, RULESET_DRAINING " {"));
	free(text);
	natd_conf_free(conf);
}

static void hash_is_of_the_meaning_not_of_the_layout(void **state)
{
	struct natd_conf *a = parse_conf("uplinks = [ \"eth0\" ]; subnets = ( { prefix = "
					 "\"10.1.0.0/16\"; } );");
	struct natd_conf *b = parse_conf("# twice\nports = \"1024-65535\";\nsubnets = ( { prefix "
					 "= \"10.1.0.0/16\"; } );\nuplinks = (\"eth0\");");
	struct natd_conf *c = parse_conf("uplinks = [ \"eth1\" ]; subnets = ( { prefix = "
					 "\"10.1.0.0/16\"; } );");
	char hash_a[NATD_CONF_HASH_STRLEN], hash_b[NATD_CONF_HASH_STRLEN],
		hash_c[NATD_CONF_HASH_STRLEN];

	(void)state;
	assert_int_equal(natd_conf_hash(a, hash_a), 0);
	assert_int_equal(natd_conf_hash(b, hash_b), 0);
	assert_int_equal(natd_conf_hash(c, hash_c), 0);
	assert_string_equal(hash_a, hash_b);
	assert_string_not_equal(hash_a, hash_c);
	natd_conf_free(a);
	natd_conf_free(b);
	natd_conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_config_gives_its_errors_or_its_ruleset),
		cmocka_unit_test(every_example_gives_its_ruleset),
		cmocka_unit_test(a_ruleset_that_drains_says_so_by_a_block_of_its_own),
		cmocka_unit_test(hash_is_of_the_meaning_not_of_the_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
