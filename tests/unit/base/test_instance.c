/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may run beside whom, with a /run and a network namespace of this program's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/args.h"
#include "base/instance.h"

#define DAEMON "daemon"

static char err[256];

static int begin(const char *program, const char *run_dir, struct instance *instance)
{
	err[0] = '\0';
	return instance_begin(program, run_dir, instance, err, sizeof(err));
}

static void another_is_refused_and_one_of_another_program_is_not(void **state)
{
	struct instance first = INSTANCE_NONE, second = INSTANCE_NONE, other = INSTANCE_NONE;

	(void)state;
	assert_int_equal(begin(DAEMON, "/run/a", &first), 0);
	assert_int_equal(begin("other", "/run/a", &other), 0);
	assert_int_equal(begin(DAEMON, "/run/a", &second), -EWOULDBLOCK);
	assert_string_equal(err, "another daemon runs with /run/a");
	assert_int_equal(begin(DAEMON, "/run/b", &second), -EWOULDBLOCK);
	assert_string_equal(err, "another daemon runs in this network namespace");
	assert_int_equal(second.directory, -1);
	assert_int_equal(second.network, -1);
	instance_end(&first);
	assert_int_equal(begin(DAEMON, "/run/b", &second), 0);
	instance_end(&second);
	instance_end(&other);
}

/* One of a few processes: 0 if it may run, and does until its stdin ends; else 1. */
static void contend(int number, int start, int result, int stop)
{
	struct instance instance = INSTANCE_NONE;
	char run_dir[32], byte;

	snprintf(run_dir, sizeof(run_dir), "/run/contender-%d", number);
	if (read(start, &byte, 1) != 0) /* until it is closed */
		_exit(99);
	byte = begin(DAEMON, run_dir, &instance) == 0;
	if (write(result, &byte, 1) != 1 || read(stop, &byte, 1) != 0)
		_exit(99);
	_exit(0);
}

static int count_winners(int processes)
{
	int start[2], result[2], stop[2], winners = 0, status;
	char won;

	assert_int_equal(pipe(start), 0);
	assert_int_equal(pipe(result), 0);
	assert_int_equal(pipe(stop), 0);
	for (int i = 0; i < processes; i++) {
		if (fork() == 0) {
			close(start[1]);
			close(stop[1]);
			contend(i, start[0], result[1], stop[0]);
		}
	}
	close(start[1]);
	for (int i = 0; i < processes; i++) {
		assert_int_equal(read(result[0], &won, 1), 1);
		winners += won;
	}
	close(stop[1]);
	for (int i = 0; i < processes; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	close(start[0]);
	close(stop[0]);
	close(result[0]);
	close(result[1]);
	return winners;
}

static void of_those_that_begin_at_once_one_may_run(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++)
		assert_int_equal(count_winners(6), 1);
}

static void each_network_namespace_may_have_one(void **state)
{
	struct instance first = INSTANCE_NONE;
	int status;

	(void)state;
	assert_int_equal(begin(DAEMON, "/run/a", &first), 0);
	if (fork() == 0) {
		struct instance second = INSTANCE_NONE;

		_exit(unshare(CLONE_NEWNET) < 0 || begin(DAEMON, "/run/b", &second) != 0 ||
			begin(DAEMON, "/run/a", &(struct instance)INSTANCE_NONE) != -EWOULDBLOCK);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	instance_end(&first);
}

static void what_is_held_already_stays(void **state)
{
	struct instance before = INSTANCE_NONE, after = INSTANCE_NONE;
	int directory;

	(void)state;
	assert_int_equal(begin(DAEMON, "/run/a", &before), 0);
	after = before;
	assert_int_equal(begin(DAEMON, "/run/a", &after), 0);
	assert_memory_equal(&before, &after, sizeof(after));
	close(after.network); /* as if by a program that knew of none */
	after.network = -1;
	directory = after.directory;
	assert_int_equal(begin(DAEMON, "/run/a", &after), 0);
	assert_int_equal(after.directory, directory);
	assert_true(after.network >= 0);
	instance_end(&after);
}

static void without_a_place_for_the_second_lock_the_first_must_do(void **state)
{
	struct instance first = INSTANCE_NONE, second = INSTANCE_NONE;
	FILE *f;

	(void)state;
	assert_int_equal(rename(ARGS_RUN_DIR, "/run/away"), 0);
	f = fopen(ARGS_RUN_DIR, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(begin(DAEMON, "/run/a", &first), 1);
	assert_non_null(strstr(err, "cannot lock daemon.net-"));
	assert_int_equal(begin(DAEMON, "/run/a", &second), -EWOULDBLOCK);
	instance_end(&first);
	assert_int_equal(begin(DAEMON, ARGS_RUN_DIR "/none", &first), -ENOTDIR);
	assert_int_equal(unlink(ARGS_RUN_DIR), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0) {
		print_error("needs root: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_is_refused_and_one_of_another_program_is_not),
		cmocka_unit_test(of_those_that_begin_at_once_one_may_run),
		cmocka_unit_test(each_network_namespace_may_have_one),
		cmocka_unit_test(what_is_held_already_stays),
		cmocka_unit_test(without_a_place_for_the_second_lock_the_first_must_do),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
