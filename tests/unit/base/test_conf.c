/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The config reader with a small table of every type. Each tests/golden/conf/NAME.conf is read and
 * must give NAME.errors, or if there is none, be right.
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
#include <time.h>
#include <unistd.h>

#include "base/conf.h"

#define GOLDEN "tests/golden/conf/"

/* On a syntax error libconfig 1.5 forgets the token it was at; that is not what we look for. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

/* --- a table of every type ----------------------------------------------------------------------
 */

enum policy { FAILOVER, ECMP };
static const char *const policies[] = {"failover", "ecmp", NULL};

struct limits {
	uint16_t burst;
};

struct demo_peer {
	struct conf_where where;
	char *name;
	uint8_t key[KEY_LEN];
	struct conf_hostport endpoint;
	struct prefix *addresses;
	size_t n_addresses;
	char (*via)[IFNAMSIZ];
	size_t n_via;
};

struct demo {
	bool debug;
	uint32_t speed;
	int8_t offset;
	enum policy policy;
	char *log_file;
	char uplink[IFNAMSIZ];
	struct conf_ports ports;
	struct addr source;
	struct limits timeouts, limits;
	uint8_t *hops;
	size_t n_hops;
	char **names;
	size_t n_names;
	struct prefix *covers;
	size_t n_covers;
	struct demo_peer *peers;
	size_t n_peers;
};

static const struct conf_row limit_rows[] = {
	{"burst", CONF_INT, CONF_FIELD(struct limits, burst), .min = 1, .max = 1000,
		.unit = "packets", .fallback = "5", .help = "How much at once"},
};
static const struct conf_table limit_table = CONF_TABLE(struct limits, limit_rows);

static const struct conf_row timeout_rows[] = {
	{"idle", CONF_INT, CONF_FIELD(struct limits, burst), .min = 1, .max = 7200,
		.unit = "seconds", .required = true, .help = "When idle"},
};
static const struct conf_table timeout_table = CONF_TABLE(struct limits, timeout_rows);

static int parse_timeouts(struct conf_ctx *ctx, const config_setting_t *at, void *dst)
{
	struct limits *t = dst;
	const char *word = config_setting_get_string(at);

	if (config_setting_is_group(at))
		return conf_group_parse(ctx, at, &timeout_table, dst);
	if (!word)
		return conf_expected(ctx, at, "\"cloud\" or a group of seconds");
	if (strcmp(word, "cloud") != 0) {
		conf_error(ctx, at, "timeouts: there is no such set");
		return -EINVAL;
	}
	t->burst = 350;
	return 0;
}

static void print_timeouts(FILE *f, int indent, const void *src)
{
	conf_group_print(f, indent, &timeout_table, src);
}

static const struct conf_custom timeouts_custom = {
	.expects = "\"cloud\" or a group of seconds",
	.parse = parse_timeouts,
	.print = print_timeouts,
};

static const struct conf_row peer_rows[] = {
	{.type = CONF_WHERE, CONF_FIELD(struct demo_peer, where)},
	{"name", CONF_STRING, CONF_FIELD(struct demo_peer, name), .required = true,
		.help = "What it is called"},
	{"key", CONF_KEY, CONF_FIELD(struct demo_peer, key), .required = true,
		.help = "Its public key"},
	{"endpoint", CONF_HOSTPORT, CONF_FIELD(struct demo_peer, endpoint),
		.help = "Where it listens"},
	{"addresses", CONF_IFADDR, CONF_LIST(struct demo_peer, addresses, n_addresses),
		.help = "Its addresses"},
	{"via", CONF_IFNAME, CONF_LIST(struct demo_peer, via, n_via), .help = "Ways to it"},
};
static const struct conf_table peer_table = CONF_TABLE(struct demo_peer, peer_rows);

static void check_names(struct conf_ctx *ctx, void *values)
{
	struct demo *d = values;

	for (size_t i = 0; i < d->n_peers; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(d->peers[i].name, d->peers[j].name) == 0)
				conf_error_at(ctx, &d->peers[i].where,
					"the name `%s` is taken by line %d", d->peers[i].name,
					d->peers[j].where.line);
}

static const struct conf_row demo_rows[] = {
	{"debug", CONF_BOOL, CONF_FIELD(struct demo, debug), .fallback = "false",
		.help = "Say more"},
	{"speed", CONF_INT, CONF_FIELD(struct demo, speed), .unit = "bit/s", .help = "How fast"},
	{"offset", CONF_INT, CONF_FIELD(struct demo, offset), .min = -10, .max = 10,
		.fallback = "-2", .help = "How far off"},
	{"policy", CONF_ENUM, CONF_FIELD(struct demo, policy), .names = policies,
		.fallback = "\"failover\"", .help = "How to choose"},
	{"log_file", CONF_PATH, CONF_FIELD(struct demo, log_file), .help = "Where it logs"},
	{"uplink", CONF_IFNAME, CONF_FIELD(struct demo, uplink), .help = "The way out"},
	{"ports", CONF_PORTS, CONF_FIELD(struct demo, ports), .fallback = "\"1024-65535\"",
		.help = "Ports to use"},
	{"source", CONF_ADDR, CONF_FIELD(struct demo, source), .help = "Address to use"},
	{"timeouts", CONF_CUSTOM, CONF_FIELD(struct demo, timeouts), .custom = &timeouts_custom,
		.fallback = "\"cloud\"", .help = "When to forget"},
	{"hops", CONF_INT, CONF_LIST(struct demo, hops, n_hops), .min = 1, .max = 255,
		.fallback = "[ 64, 128 ]", .help = "Hops to try"},
	{"names", CONF_STRING, CONF_LIST(struct demo, names, n_names), .help = "Names to know"},
	{"covers", CONF_PREFIX, CONF_LIST(struct demo, covers, n_covers), .help = "What it covers"},
	{"limits", CONF_GROUP, CONF_FIELD(struct demo, limits), .group = &limit_table,
		.fallback = "{ }", .help = "Bounds"},
	{"peers", CONF_GROUP, CONF_LIST(struct demo, peers, n_peers), .group = &peer_table,
		.required = true, .help = "Who to talk to"},
};
static const struct conf_table demo_table = CONF_TABLE_CHECKED(struct demo, demo_rows, check_names);

/* --- helpers ------------------------------------------------------------------------------------
 */

static char *errors_text(const struct conf_errors *errors)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	conf_errors_print(f, errors);
	fclose(f);
	return text;
}

static char *printed(const struct demo *demo)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	conf_print(f, &demo_table, demo);
	fclose(f);
	return text;
}

static char *file_text(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 65536);

	if (f) {
		assert_true(fread(text, 1, 65535, f) < 65535);
		fclose(f);
	}
	return text;
}

/* Parse text; the errors as text, to be freed, or NULL if there were none and *out is set. */
static char *parse(const char *text, struct demo **out)
{
	struct conf_errors errors = {0};
	void *values = NULL;
	char *said = NULL;

	if (conf_parse("demo", text, strlen(text), &demo_table, &values, &errors) < 0) {
		assert_null(values);
		assert_true(errors.n > 0);
		said = errors_text(&errors);
	} else {
		assert_int_equal(errors.n, 0);
		*out = values;
	}
	conf_errors_done(&errors);
	return said;
}

static const char minimal[] =
	"peers = ( { name = \"a\"; key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"; } );";

/* --- tests --------------------------------------------------------------------------------------
 */

static void compare_golden(const char *path)
{
	struct conf_errors errors = {0};
	void *values = NULL;
	char golden[256];
	char *expected, *said;

	snprintf(golden, sizeof(golden), "%.*serrors", (int)(strlen(path) - strlen("conf")), path);
	expected = file_text(golden);
	conf_load(path, &demo_table, &values, &errors);
	said = errors_text(&errors);
	if (strcmp(said, expected) != 0)
		print_message("--- %s, wanted:\n%s--- got:\n%s", path, expected, said);
	assert_string_equal(said, expected);
	assert_int_equal(values == NULL, *expected != '\0');
	conf_free(&demo_table, values);
	conf_errors_done(&errors);
	free(expected);
	free(said);
}

static void every_error_of_a_file_is_said_with_its_line(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob(GOLDEN "*.conf", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		compare_golden(found.gl_pathv[i]);
	globfree(&found);
}

static void printing_gives_all_values_and_reads_back_the_same(void **state)
{
	char *text = file_text(GOLDEN "good.conf"), *expected = file_text(GOLDEN "good.print");
	char *first, *second;
	struct demo *demo = NULL;

	(void)state;
	assert_null(parse(text, &demo));
	first = printed(demo);
	assert_string_equal(first, expected);
	conf_free(&demo_table, demo);
	assert_null(parse(first, &demo));
	second = printed(demo);
	assert_string_equal(first, second);
	conf_free(&demo_table, demo);
	free(text);
	free(expected);
	free(first);
	free(second);
}

static void values_arrive_in_their_fields(void **state)
{
	char *text = file_text(GOLDEN "good.conf");
	struct demo *d = NULL;

	(void)state;
	assert_null(parse(text, &d));
	assert_true(d->debug);
	assert_int_equal(d->speed, UINT32_MAX);
	assert_int_equal(d->offset, -3);
	assert_int_equal(d->policy, ECMP);
	assert_string_equal(d->log_file, "/var/log/x \"y\\z");
	assert_string_equal(d->uplink, "eth0");
	assert_int_equal(d->timeouts.burst, 350);
	assert_int_equal(d->limits.burst, 7);
	assert_int_equal(d->n_hops, 3);
	assert_int_equal(d->hops[2], 3);
	assert_string_equal(d->names[0], "ab");
	assert_int_equal(d->n_peers, 3);
	assert_string_equal(d->peers[0].endpoint.host, "2001:db8::1");
	assert_int_equal(d->peers[0].endpoint.address.port, 51820);
	assert_int_equal(d->peers[0].addresses[0].addr.bytes[3], 2);
	assert_string_equal(d->peers[1].endpoint.host, "vpn.example.net");
	assert_int_equal(d->peers[1].endpoint.address.addr.family, ADDR_NONE);
	assert_int_equal(d->peers[1].endpoint.port, 1);
	assert_string_equal(d->peers[2].via[1], "wg-0");
	assert_int_equal(d->peers[2].where.line, 19);
	conf_free(&demo_table, d);
	free(text);
}

static void defaults_are_filled_in(void **state)
{
	struct demo *d = NULL;

	(void)state;
	assert_null(parse(minimal, &d));
	assert_false(d->debug);
	assert_int_equal(d->speed, 0);
	assert_int_equal(d->offset, -2);
	assert_int_equal(d->policy, FAILOVER);
	assert_int_equal(d->ports.first, 1024);
	assert_int_equal(d->timeouts.burst, 350);
	assert_int_equal(d->limits.burst, 5);
	assert_int_equal(d->n_hops, 2);
	assert_int_equal(d->hops[1], 128);
	assert_null(d->peers[0].endpoint.host);
	conf_free(&demo_table, d);
}

static void help_lists_every_key(void **state)
{
	char *text = NULL, *expected = file_text(GOLDEN "help.txt");
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	conf_help(f, &demo_table);
	fclose(f);
	assert_string_equal(text, expected);
	free(text);
	free(expected);
}

static char *repeated(const char *what, size_t n, const char *end)
{
	size_t len = strlen(what);
	char *text = malloc(n * len + strlen(end) + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, what, len);
	strcpy(text + n * len, end);
	return text;
}

static void deep_and_huge_texts_give_an_error(void **state)
{
	static const char *const unit[] = {
		"a={", "a=((", "a=[", "(", "a=1;", "@include \"x\"\n", "\"", "/*", "0", "a"};
	struct demo *d = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(unit) / sizeof(*unit); i++) {
		char *text = repeated(unit[i], 200000, "");
		char *said = parse(text, &d);

		assert_non_null(said);
		free(said);
		free(text);
	}
}

static void at_most_a_hundred_errors_are_kept(void **state)
{
	char text[8000] = "";
	struct demo *d = NULL;
	char *said;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 150; i++)
		sprintf(text + strlen(text), "key_nobody_knows_%d = 1;\n", i);
	said = parse(text, &d);
	for (const char *p = said; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 101);
	assert_non_null(strstr(said, "and 51 more\n"));
	free(said);
}

static void a_file_that_cannot_be_read_is_said_by_name(void **state)
{
	static const char *const paths[] = {"/nonexistent/x.conf", "/", "/dev/zero"};
	void *values = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct conf_errors errors = {0};

		assert_true(conf_load(paths[i], &demo_table, &values, &errors) < 0);
		assert_int_equal(errors.n, 1);
		assert_string_equal(errors.items[0].file, paths[i]);
		conf_errors_done(&errors);
	}
	assert_null(values);
}

static void nul_bytes_are_refused(void **state)
{
	static const char text[] = "debug = true;\0 speed = 1;";
	struct conf_errors errors = {0};
	void *values = NULL;

	(void)state;
	assert_int_equal(
		conf_parse("demo", text, sizeof(text), &demo_table, &values, &errors), -EINVAL);
	assert_string_equal(errors.items[0].reason, "is no text: here is a NUL byte");
	conf_errors_done(&errors);
}

/* Whatever the text is: an error or a config, and the text of a key is never said. */
static void try_garbage(const char *text, size_t len)
{
	struct conf_errors errors = {0};
	void *values = NULL;
	int r = conf_parse("demo", text, len, &demo_table, &values, &errors);

	assert_true((r == 0) == (values != NULL));
	assert_true((r == 0) == (errors.n == 0));
	for (size_t i = 0; i < errors.n; i++)
		assert_null(strstr(errors.items[i].reason, "AgICQoLDA0O"));
	conf_free(&demo_table, values);
	conf_errors_done(&errors);
}

static void flipped_bytes_give_an_error_or_a_config(void **state)
{
	char *text = file_text(GOLDEN "good.conf");
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		char kept = text[i];

		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(kept ^ (1 << bit));
			try_garbage(text, len);
		}
		text[i] = kept;
	}
	free(text);
}

static void random_tokens_give_an_error_or_a_config(void **state)
{
	static const char *const tokens[] = {"debug", "speed", "peers", "limits", "burst", "hops",
		"names", "name", "key", "=", "=", ":", ";", ",", "{", "}", "(", ")", "[", "]", "1",
		"-5", "0x80000000", "99999999999", "1.5", "true", "\"a\"", "\"10.0.0.0/8\"", "@",
		"@include \"x\"", "//\n", "\n", "/*", "*/", "#", "\"", "\\"};
	const char *given = getenv("SEED");
	unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 0) : (unsigned int)time(NULL);

	(void)state;
	print_message("SEED=%u\n", seed);
	srandom(seed);
	for (int round = 0; round < 3000; round++) {
		char text[1024] = "";
		size_t len = 0;

		for (long n = random() % 60; n > 0; n--)
			len += (size_t)sprintf(text + len, "%s ",
				tokens[(size_t)random() % (sizeof(tokens) / sizeof(*tokens))]);
		try_garbage(text, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_of_a_file_is_said_with_its_line),
		cmocka_unit_test(printing_gives_all_values_and_reads_back_the_same),
		cmocka_unit_test(values_arrive_in_their_fields),
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(help_lists_every_key),
		cmocka_unit_test(deep_and_huge_texts_give_an_error),
		cmocka_unit_test(at_most_a_hundred_errors_are_kept),
		cmocka_unit_test(a_file_that_cannot_be_read_is_said_by_name),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(flipped_bytes_give_an_error_or_a_config),
		cmocka_unit_test(random_tokens_give_an_error_or_a_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
