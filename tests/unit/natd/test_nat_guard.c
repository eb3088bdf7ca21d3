/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard in the kernel, in a network namespace of this program's own. */
#include "tests/unit/natd/parse.h"

#include <errno.h>
#include <glob.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <sys/socket.h>

#include "natd/load.h"
#include "natd/nat_guard.h"
#include "natd/ruleset.h"
#include "netlink/nft.h"

#define TABLE RULESET_FAMILY " " RULESET_GUARD

/* What the kernel said of tables that outlive their owner before it had any; else 0. */
static int refusal;

/* In the place of the library's. By it nft asks; what it changes it sends in another way. */
ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
	const struct nlmsghdr *first = req;

	if (refusal && first->nlmsg_type == NFNL_MSG_BATCH_BEGIN) {
		errno = refusal;
		return -1;
	}
	return send(mnl_socket_get_fd(nl), req, siz, 0);
}

static char err[512];

/* Whether a command of another process's would succeed. */
static bool others_may(const char *command)
{
	struct nft *nft;
	int r;

	assert_int_equal(nft_new(&nft), 0);
	r = nft_run(nft, command, err, sizeof(err));
	nft_free(nft);
	return r == 0;
}

static bool is_there(void)
{
	return others_may("list table " TABLE);
}

static bool is_claimed(void)
{
	struct nft *nft;
	bool claimed;

	assert_int_equal(nft_new(&nft), 0);
	claimed = load_is_claimed(nft);
	nft_free(nft);
	return claimed;
}

static struct nat_guard *make(void)
{
	struct nat_guard *guard;

	assert_int_equal(nat_guard_new(&guard), 0);
	return guard;
}

static void install(struct nat_guard *guard, const struct natd_conf *conf)
{
	if (nat_guard_install(guard, conf, err, sizeof(err)) < 0)
		fail_msg("%s", err);
}

static struct natd_conf *any_conf(void)
{
	return parse_conf("uplinks = [ \"eth0\" ]; subnets = ( { prefix = \"10.1.0.0/16\"; } );");
}

static void every_guard_is_taken_in_the_place_of_the_one_before(void **state)
{
	struct nat_guard *guard = make();
	glob_t found;

	(void)state;
	assert_int_equal(glob(GOLDEN "*.conf", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct conf_errors errors = {0};
		struct natd_conf *conf;

		if (natd_conf_load(found.gl_pathv[i], &conf, &errors) == 0) {
			install(guard, conf);
			natd_conf_free(conf);
		}
		conf_errors_done(&errors);
	}
	globfree(&found);
	nat_guard_remove(guard);
	assert_false(is_there());
	nat_guard_free(guard);
}

static void it_is_nobodys_to_change_but_its_owners(void **state)
{
	struct natd_conf *conf = any_conf();
	struct nat_guard *ours = make(), *other = make();

	(void)state;
	install(ours, conf);
	assert_true(is_claimed());
	assert_false(others_may("delete table " TABLE));
	assert_false(others_may("flush chain " TABLE " leak"));
	assert_true(others_may("flush ruleset") && is_there());
	nat_guard_remove(other);
	assert_true(is_there());
	install(ours, conf);
	nat_guard_remove(ours);
	assert_false(is_there());
	nat_guard_free(other);
	nat_guard_free(ours);
	natd_conf_free(conf);
}

static void it_outlives_its_owner_and_the_next_one_takes_it(void **state)
{
	struct natd_conf *conf = any_conf();
	struct nat_guard *first = make(), *next = make();

	(void)state;
	install(first, conf);
	nat_guard_free(first);
	assert_true(is_there());
	assert_false(is_claimed());
	install(next, conf);
	assert_false(others_may("delete table " TABLE));
	nat_guard_free(next);
	next = make();
	nat_guard_remove(next);
	assert_false(is_there());
	nat_guard_free(next);
	natd_conf_free(conf);
}

/* Linux before 6.9: it goes with its owner, and is as good until then. */
static void where_tables_do_not_last_it_is_brief(void **state)
{
	struct natd_conf *conf = any_conf();
	struct nat_guard *guard = make();

	(void)state;
	refusal = EOPNOTSUPP;
	install(guard, conf);
	install(guard, conf);
	assert_false(others_may("delete table " TABLE));
	nat_guard_remove(guard);
	nat_guard_free(guard);
	refusal = 0;
	assert_false(is_there());
	natd_conf_free(conf);
}

static int set_up(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		print_error("needs root: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_guard_is_taken_in_the_place_of_the_one_before),
		cmocka_unit_test(it_is_nobodys_to_change_but_its_owners),
		cmocka_unit_test(it_outlives_its_owner_and_the_next_one_takes_it),
		cmocka_unit_test(where_tables_do_not_last_it_is_brief),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
