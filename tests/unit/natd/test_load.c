/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rulesets in the kernel, in a network namespace of this program's own. */
#include "tests/unit/natd/parse.h"

#include <errno.h>
#include <glob.h>
#include <sched.h>

#include "natd/counters.h"
#include "natd/listing.h"
#include "natd/load.h"
#include "natd/ruleset.h"
#include "netlink/nft.h"

static struct nft *nft;
static char err[512];

struct loaded {
	char *text;
	struct listing *wanted;
};

static struct loaded make(const char *conf_text)
{
	struct natd_conf *conf = parse_conf(conf_text);
	struct loaded made;

	assert_int_equal(ruleset_new(conf, false, &made.text), 0);
	assert_int_equal(listing_parse(made.text, &made.wanted), 0);
	natd_conf_free(conf);
	return made;
}

static void release(struct loaded *made)
{
	free(made->text);
	listing_free(made->wanted);
}

static void run(const char *command)
{
	if (nft_run(nft, command, err, sizeof(err)) < 0)
		fail_msg("%s: %s", command, err);
}

static enum load_state look(const struct loaded *made)
{
	enum load_state state;

	assert_int_equal(load_verify(nft, made->wanted, &state, err, sizeof(err)), 0);
	return state;
}

static void load(const struct loaded *made)
{
	if (load_ruleset(nft, made->text, made->wanted, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	assert_int_equal(look(made), LOAD_VERIFIED);
}

#define CONF_A "uplinks = [ \"eth0\" ]; subnets = ( { prefix = \"10.1.0.0/16\"; } );"
#define CONF_B                                                                                    \
	"uplinks = [ \"eth0\", \"eth1\" ]; timeouts = \"cloud\"; subnets = ( { prefix = "         \
	"\"10.1.0.0/16\"; max_connections_per_host = 5; }, { prefix = \"10.2.0.0/16\"; snat = [ " \
	"\"192.0.2.1\", \"192.0.2.9\" ]; } );"

static void every_golden_ruleset_is_taken_and_reads_back_the_same(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob(GOLDEN "*.nft", 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 3);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct loaded made = {.text = parse_file(found.gl_pathv[i])};

		assert_int_equal(listing_parse(made.text, &made.wanted), 0);
		load(&made);
		release(&made);
	}
	globfree(&found);
}

static void loading_again_or_another_keeps_counters(void **state)
{
	struct loaded a = make(CONF_A), b = make(CONF_B);
	struct counters *counters;

	(void)state;
	run("add table inet gatehouse; delete table inet gatehouse");
	run("table inet gatehouse {\ncounter drop_spoofed { packets 7 bytes 700\n}\n"
	    "counter out_10.1.0.0/16 { packets 8 bytes 800\n}\n}\n");
	load(&a);
	load(&a);
	load(&b);
	load(&a);
	assert_int_equal(counters_read(nft, &counters, err, sizeof(err)), 0);
	assert_int_equal(counters_get(counters, "drop_spoofed").packets, 7);
	assert_int_equal(counters_get(counters, "out_10.1.0.0/16").bytes, 800);
	assert_int_equal(counters_get(counters, "in_10.1.0.0/16").bytes, 0);
	assert_int_equal(counters_get(counters, "of nothing").packets, 0);
	counters_free(counters);
	release(&a);
	release(&b);
}

static void every_edit_by_others_is_seen_and_undone(void **state)
{
	static const char *const edits[] = {
		"flush ruleset",
		"delete table inet gatehouse",
		"flush table inet gatehouse",
		"flush chain inet gatehouse leak",
		"flush set inet gatehouse subnets4",
		"add element inet gatehouse uplinks { \"eth7\" }",
		"add rule inet gatehouse forward accept",
		"insert rule inet gatehouse srcnat accept",
		"add chain inet gatehouse forward { policy accept; }",
		"add chain inet gatehouse stranger",
		"add set inet gatehouse stranger { type ipv4_addr; }",
		"add map inet gatehouse stranger { type ipv4_addr : verdict; }",
		("add map inet gatehouse stranger { type ipv4_addr : verdict; }; "
		 "add element inet gatehouse stranger { 1.2.3.4 : jump drop_invalid }"),
		"add counter inet gatehouse stranger",
		"add limit inet gatehouse stranger { rate 5/second }",
		"add table inet gatehouse { flags dormant; }",
	};
	struct loaded b = make(CONF_B);

	(void)state;
	load(&b);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		run(edits[i]);
		if (look(&b) == LOAD_VERIFIED)
			fail_msg("not seen: %s", edits[i]);
		load(&b);
	}
	release(&b);
}

/* Chains and sets that are made anew are listed last: where all keep their order, none was. */
static void an_edit_is_undone_and_nothing_else_touched(void **state)
{
	static const char *const edits[] = {
		"insert rule inet gatehouse srcnat accept",
		"flush chain inet gatehouse leak",
		"flush set inet gatehouse subnets4",
		"add chain inet gatehouse forward { policy accept; }",
		"add chain inet gatehouse stranger; add rule inet gatehouse stranger goto refuse",
	};
	struct loaded b = make(CONF_B);
	char *before, *after;

	(void)state;
	run("add table inet gatehouse; delete table inet gatehouse");
	load(&b);
	assert_int_equal(nft_list(nft, "inet", "gatehouse", &before, err, sizeof(err)), 0);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		run(edits[i]);
		load(&b);
		assert_int_equal(nft_list(nft, "inet", "gatehouse", &after, err, sizeof(err)), 0);
		assert_string_equal(after, before);
		free(after);
	}
	free(before);
	release(&b);
}

static void a_missing_table_is_no_error(void **state)
{
	struct loaded a = make(CONF_A);
	struct counters *counters;

	(void)state;
	assert_int_equal(load_remove(nft, err, sizeof(err)), 0);
	assert_int_equal(load_remove(nft, err, sizeof(err)), 0);
	assert_int_equal(look(&a), LOAD_MISSING);
	assert_int_equal(counters_read(nft, &counters, err, sizeof(err)), 0);
	assert_int_equal(counters_get(counters, "drop_invalid").packets, 0);
	counters_free(counters);
	release(&a);
}

static void a_refused_ruleset_changes_nothing(void **state)
{
	struct loaded a = make(CONF_A), bad = {.text = strdup("table inet gatehouse { chain f { "
							      "jump nowhere; } }")};

	(void)state;
	load(&a);
	assert_int_equal(listing_parse(bad.text, &bad.wanted), 0);
	assert_int_equal(load_ruleset(nft, bad.text, bad.wanted, err, sizeof(err)), -EINVAL);
	assert_true(*err);
	assert_int_equal(look(&a), LOAD_VERIFIED);
	release(&a);
	release(&bad);
}

static int set_up(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		print_error("needs root: %s\n", strerror(errno));
		return -1;
	}
	return nft_new(&nft);
}

static int tear_down(void **state)
{
	(void)state;
	nft_free(nft);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_golden_ruleset_is_taken_and_reads_back_the_same),
		cmocka_unit_test(loading_again_or_another_keeps_counters),
		cmocka_unit_test(every_edit_by_others_is_seen_and_undone),
		cmocka_unit_test(an_edit_is_undone_and_nothing_else_touched),
		cmocka_unit_test(a_missing_table_is_no_error),
		cmocka_unit_test(a_refused_ruleset_changes_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
