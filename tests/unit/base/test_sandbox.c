/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each test gives its privilege away in a child; without privilege to give, they are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"

#define OTHER_ID 65534

/* Run in a child; its line number of failure, or 0. */
static int in_child(int (*body)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(body());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Lines of /proc/self/status that must be there; they fit in a byte as long as there are few. */
static int missing_status(const char *const *lines)
{
	char text[8192] = "";
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	for (int i = 0; lines[i]; i++)
		if (n == 0 || !strstr(text, lines[i]))
			return i + 1;
	return 0;
}

static int drop_all(void)
{
	static const char *const expected[] = {"\nUid:\t65534\t65534\t65534\t65534\n",
		"\nGid:\t65534\t65534\t65534\t65534\n", "\nGroups:\t \n",
		"\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
		"\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n",
		"\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n", NULL};
	int r = sandbox_drop(OTHER_ID, OTHER_ID);

	if (r < 0) {
		fprintf(stderr, "sandbox_drop: %s\n", strerror(-r));
		return 100;
	}
	r = missing_status(expected);
	if (r)
		return r;
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 101;
	if (setuid(0) == 0 || setgid(0) == 0 || seteuid(0) == 0)
		return 102;
	return 0;
}

static int drop_twice(void)
{
	return sandbox_drop(OTHER_ID, OTHER_ID) == 0 && sandbox_drop(OTHER_ID, OTHER_ID) < 0 ? 0
											     : 1;
}

static int keep_two(void)
{
	static const int caps[] = {CAP_NET_ADMIN, CAP_SETUID};
	static const char *const expected[] = {"\nUid:\t0\t0\t0\t0\n",
		"\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000001080\n",
		"\nCapEff:\t0000000000001080\n", "\nCapBnd:\t0000000000001080\n",
		"\nCapAmb:\t0000000000000000\n", "\nNoNewPrivs:\t1\n", NULL};
	int r = sandbox_restrict_caps(caps, 2);

	if (r < 0) {
		fprintf(stderr, "sandbox_restrict_caps: %s\n", strerror(-r));
		return 100;
	}
	return missing_status(expected);
}

/* What the monitor does: restrict itself, then make a child that drops the rest. */
static int restrict_then_drop(void)
{
	static const int caps[] = {CAP_NET_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP};
	int r = sandbox_restrict_caps(caps, 4);

	return r < 0 ? 110 : drop_all();
}

/* What both daemons do for sockets that they have to make again. */
static int join_then_restrict(void)
{
	static const int caps[] = {CAP_NET_ADMIN};
	char path[] = "/tmp/test_sandbox.XXXXXX";
	struct stat st = {0};
	int fd = mkstemp(path), r = sandbox_join(OTHER_ID);

	if (r < 0 || sandbox_join(OTHER_ID) < 0 || sandbox_restrict_caps(caps, 1) < 0)
		return 100;
	r = fchown(fd, (uid_t)-1, OTHER_ID) < 0 || fstat(fd, &st) < 0 ? errno : 0;
	unlink(path);
	return r ? r : st.st_gid != OTHER_ID;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void drop_leaves_nothing_and_no_way_back(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(drop_all), 0);
	assert_int_equal(in_child(drop_twice), 0);
}

static void restrict_keeps_exactly_what_was_asked(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(keep_two), 0);
	assert_int_equal(in_child(restrict_then_drop), 0);
}

static int allow_few_syscalls(void)
{
	/* Memory is for malloc, which may be a sanitizer's. */
	static const char *const few[] = {"getppid", "exit_group", "mmap", "munmap", "madvise",
		"futex", "gettid", "getpid", "sigaltstack", "no_such_call"};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		sandbox_restrict_syscalls(few, sizeof(few) / sizeof(few[0])) < 0)
		return 1;
	if (getppid() <= 0)
		return 2;
	errno = 0;
	return chdir("/") == -1 && errno == EPERM ? 0 : 3;
}

static void files_can_be_given_to_a_group_that_was_joined(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(join_then_restrict), 0);
}

static void only_listed_system_calls_are_left(void **state)
{
	(void)state;
	assert_int_equal(in_child(allow_few_syscalls), 0);
}

static int allow_sockets(void)
{
	static const char *const few[] = {"socket", "exit_group", "mmap", "munmap", "madvise",
		"futex", "gettid", "getpid", "sigaltstack"};
	static const int others[] = {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		sandbox_restrict_syscalls(few, sizeof(few) / sizeof(few[0])) < 0)
		return 1;
	if (socket(AF_UNIX, SOCK_DGRAM, 0) < 0)
		return 2;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (socket(others[i], SOCK_DGRAM, 0) != -1 || errno != EPERM)
			return 3;
	if (socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) < 0)
		return 4;
	if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) != -1 || errno != EPERM)
		return 5;
	return socket(AF_UNIX, SOCK_SEQPACKET, 0) == -1 && errno == EPERM ? 0 : 6;
}

static void of_sockets_only_unix_datagrams_are_left(void **state)
{
	(void)state;
	assert_int_equal(in_child(allow_sockets), 0);
}

/* TUNSETPERSIST by who holds a TUN, for one, needs no right, and the device would outlive us. */
static int allow_ioctl(void)
{
	static const char *const few[] = {"socket", "ioctl", "exit_group", "mmap", "munmap",
		"madvise", "futex", "gettid", "getpid", "sigaltstack"};
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd, n;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		sandbox_restrict_syscalls(few, sizeof(few) / sizeof(few[0])) < 0)
		return 1;
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0 || ifr.ifr_ifindex <= 0)
		return 2;
	return ioctl(fd, FIONREAD, &n) == -1 && errno == EPERM ? 0 : 3;
}

static void of_ioctls_only_the_index_of_an_interface_is_left(void **state)
{
	(void)state;
	assert_int_equal(in_child(allow_ioctl), 0);
}

static void dropping_to_root_is_refused(void **state)
{
	(void)state;
	assert_int_equal(sandbox_drop(0, OTHER_ID), -EINVAL);
	assert_int_equal(sandbox_drop(OTHER_ID, 0), -EINVAL);
}

static void user_is_looked_up_with_fallback(void **state)
{
	uid_t uid = 7;
	gid_t gid = 7;

	(void)state;
	assert_int_equal(sandbox_user("no-such-user-here", NULL, &uid, &gid), -ENOENT);
	assert_int_equal(sandbox_user("root", "nobody", &uid, &gid), -EPERM);
	assert_int_equal(uid, 7);
	assert_int_equal(sandbox_user("no-such-user-here", "nobody", &uid, &gid), 0);
	assert_int_equal(uid, 65534);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_leaves_nothing_and_no_way_back),
		cmocka_unit_test(restrict_keeps_exactly_what_was_asked),
		cmocka_unit_test(files_can_be_given_to_a_group_that_was_joined),
		cmocka_unit_test(only_listed_system_calls_are_left),
		cmocka_unit_test(of_sockets_only_unix_datagrams_are_left),
		cmocka_unit_test(of_ioctls_only_the_index_of_an_interface_is_left),
		cmocka_unit_test(dropping_to_root_is_refused),
		cmocka_unit_test(user_is_looked_up_with_fallback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
