/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking tables apart, comparing them, and the commands that replace one by another. */
#include "tests/unit/natd/parse.h"

#include <errno.h>

#include "natd/listing.h"
#include "natd/replace.h"

#define _cleanup_listing_ __attribute__((cleanup(listing_freep)))

static struct listing *parse(const char *text)
{
	struct listing *listing = NULL;

	assert_int_equal(listing_parse(text, &listing), 0);
	return listing;
}

/* True if two tables say the same. */
static bool same(const char *a, const char *b)
{
	_cleanup_listing_ struct listing *x = parse(a), *y = parse(b);
	char why[256] = "";
	bool equal = listing_equal(x, y, why, sizeof(why));

	assert_int_equal(equal, *why == '\0');
	return equal;
}

static const char base[] =
	"table inet t {\n"
	"\tcounter c {\n\t}\n"
	"\tct timeout tcp_1 {\n\t\tprotocol tcp\n\t\tpolicy = { established : 1 }\n\t}\n"
	"\tset s {\n\t\ttype ifname\n\t\telements = { \"b\", \"a\" }\n\t}\n"
	"\tset d {\n\t\ttype ipv4_addr\n\t\tflags dynamic\n\t}\n"
	"\tchain f {\n\t\ttype filter hook forward priority filter; policy drop;\n"
	"\t\t# why\n\t\tip saddr { 10.0.0.1, 10.0.0.2 } accept comment \"a # b; {c}\"\n"
	"\t\tcounter name \"c\" drop\n\t}\n}\n";

static void layout_comments_and_order_do_not_count(void **state)
{
	(void)state;
	assert_true(same(base,
		"# first\ntable inet t { # handle 3\n"
		"chain f { type filter hook forward priority filter\npolicy drop\n\n"
		"ip  saddr {10.0.0.1,\n 10.0.0.2 }  accept comment \"a # b; {c}\"; counter name "
		"\"c\" drop }\n"
		"set s {\n type ifname\n elements = { \"a\",\n\t\t\"b\" }\n}\n"
		"set d { elements = { 10.0.0.1 ct count over 5 }; type ipv4_addr; flags dynamic; "
		"elements = { 10.0.0.2 } }\n"
		"ct timeout tcp_1 { protocol tcp; policy = { close : 7 } }\n"
		"counter c { }\n}\n"));
}

static void every_change_of_a_rule_is_seen(void **state)
{
	static const char *const edits[][2] = {
		{"policy drop", "policy accept"},
		{"hook forward", "hook input"},
		{"priority filter", "priority filter + 1"},
		{"10.0.0.2", "10.0.0.3"},
		{"} accept", "} drop"},
		{"counter name", "counter name \"x\" accept; counter name"},
		{"\t\tcounter name \"c\" drop\n", ""},
		{"a # b", "a # c"},
		{"chain f", "chain g"},
		{"counter c {\n\t}\n", ""},
		{"counter c {\n\t}\n", "counter c {\n\t}\n\tcounter e {\n\t}\n"},
		{"table inet t {\n", "table inet t {\n\tflags dormant\n"},
		{"\"b\"", "\"b\", \"c\""},
		{"flags dynamic", "flags interval"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char *at = strstr(base, edits[i][0]), edited[2048];

		assert_non_null(at);
		snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - base), base, edits[i][1],
			at + strlen(edits[i][0]));
		assert_false(same(base, edited));
		assert_false(same(edited, base));
	}
}

static void what_is_no_table_is_refused(void **state)
{
	static const char *const texts[] = {"", "\n", "table", "table inet t", "table inet t {",
		"chain c { }", "x\ntable inet t { }", "table inet t { chain c {", "}",
		"table inet t { chain c { ip saddr { } ", "# table inet t { }"};
	struct listing *listing = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(listing_parse(texts[i], &listing), -EINVAL);
	assert_null(listing);
}

/* Whatever the bytes are: an answer, and no harm. */
static void no_flipped_byte_does_harm(void **state)
{
	char text[sizeof(base)];

	(void)state;
	for (size_t i = 0; i < sizeof(base) - 1; i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			struct listing *listing = NULL;

			memcpy(text, base, sizeof(base));
			text[i] = (char)(text[i] ^ (1 << bit));
			if (listing_parse(text, &listing) == 0)
				listing_free(listing);
		}
}

static void replacing_keeps_what_has_memory(void **state)
{
	_cleanup_listing_ struct listing *wanted = parse(base);
	_cleanup_listing_ struct listing *found =
		parse("table inet t { counter c { }; counter old { }; set s { type ifname }\n"
		      "set d { type ipv4_addr; flags dynamic }\n map m { type ifname : verdict }\n"
		      "ct timeout tcp_1 { protocol tcp }\n ct timeout tcp_2 { protocol tcp }\n"
		      "chain f { }\n chain g { } }");
	char *text;

	(void)state;
	assert_int_equal(replace_new("RULESET\n", wanted, found, &text), 0);
	assert_string_equal(text, "flush table inet gatehouse\n"
				  "delete map inet gatehouse m\n"
				  "delete set inet gatehouse s\n"
				  "delete chain inet gatehouse f\n"
				  "delete chain inet gatehouse g\n"
				  "delete counter inet gatehouse old\n"
				  "delete ct timeout inet gatehouse tcp_2\n"
				  "RULESET\n");
	free(text);
}

static void replacing_nothing_is_only_adding(void **state)
{
	_cleanup_listing_ struct listing *wanted = parse(base);
	char *text;

	(void)state;
	assert_int_equal(replace_new("RULESET\n", wanted, NULL, &text), 0);
	assert_string_equal(text, "RULESET\n");
	free(text);
}

static void a_table_with_foreign_flags_is_replaced_whole(void **state)
{
	_cleanup_listing_ struct listing *wanted = parse(base);
	_cleanup_listing_ struct listing *found =
		parse("table inet t { flags dormant; chain f { } }");
	char *text;

	(void)state;
	assert_int_equal(replace_new("RULESET\n", wanted, found, &text), 0);
	assert_string_equal(
		text, "add table inet gatehouse\ndelete table inet gatehouse\nRULESET\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_comments_and_order_do_not_count),
		cmocka_unit_test(every_change_of_a_rule_is_seen),
		cmocka_unit_test(what_is_no_table_is_refused),
		cmocka_unit_test(no_flipped_byte_does_harm),
		cmocka_unit_test(replacing_keeps_what_has_memory),
		cmocka_unit_test(replacing_nothing_is_only_adding),
		cmocka_unit_test(a_table_with_foreign_flags_is_replaced_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
