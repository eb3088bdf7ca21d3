/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/daemon.h"

/* What a daemon does once it is detached; its result is its exit status. */
typedef int (*daemon_fn)(int ready);

/* Run a command that detaches; returns its exit status. */
static int run(daemon_fn body)
{
	int status;
	pid_t command = fork();

	if (command == 0) {
		int ready = -1, exit_status = 99, r = daemon_detach(&ready, &exit_status);

		_exit(r == 0 ? body(ready) : r == 1 ? exit_status : 98);
	}
	assert_int_equal(waitpid(command, &status, 0), command);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int say_ready(int ready)
{
	return daemon_ready(ready) == 0 ? 0 : 1;
}

/* Started with stdio closed: what it opens must not be taken for stdio. */
static int ready_without_stdio(int ready)
{
	int opened = open("/dev/zero", O_RDONLY);

	return ready > STDERR_FILENO && opened > STDERR_FILENO ? say_ready(ready) : 5;
}

static void closed_stdio_is_not_mistaken_for_ours(void **state)
{
	int saved[3], status;

	(void)state;
	for (int fd = 0; fd <= 2; fd++)
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	status = run(ready_without_stdio);
	for (int fd = 0; fd <= 2; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
	assert_int_equal(status, 0);
}

static int fail_with_3(int ready)
{
	(void)ready;
	return 3;
}

static int end_unready(int ready)
{
	(void)ready;
	return 0;
}

static int die(int ready)
{
	(void)ready;
	raise(SIGKILL);
	return 0;
}

/* As an engine that outlives its monitor would: with the pipe still open. */
static int die_with_grandchild(int ready)
{
	(void)ready;
	if (fork() == 0) {
		sleep(2);
		_exit(0);
	}
	return 4;
}

static void command_exits_as_the_daemon_says(void **state)
{
	(void)state;
	assert_int_equal(run(say_ready), 0);
	assert_int_equal(run(fail_with_3), 3);
	assert_int_equal(run(end_unready), 1);
	assert_int_equal(run(die), 1);
	assert_int_equal(run(die_with_grandchild), 4);
}

static int report_stdio(int ready)
{
	struct stat null, fd;
	int out = dup(STDERR_FILENO), ok = 1;

	fputs("early ", stderr);
	if (daemon_ready(ready) < 0)
		return 1;
	fputs("late ", stderr);
	stat("/dev/null", &null);
	for (int i = 0; i <= 2; i++)
		ok = ok && fstat(i, &fd) == 0 && fd.st_rdev == null.st_rdev;
	dprintf(out, "%s", ok && getsid(0) == getpid() ? "ok" : "bad");
	return 0;
}

static void stderr_is_the_callers_until_ready(void **state)
{
	int fds[2], saved = dup(STDERR_FILENO);
	char text[64] = "";
	size_t len = 0;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	assert_int_equal(run(report_stdio), 0);
	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	assert_string_equal(text, "early ok");
}

static void in_the_foreground_stdio_stays(void **state)
{
	struct stat before, after;

	(void)state;
	fstat(STDOUT_FILENO, &before);
	assert_int_equal(daemon_ready(-1), 0);
	fstat(STDOUT_FILENO, &after);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_second_instance_is_kept_out(void **state)
{
	char dir[] = "/tmp/test_daemon.XXXXXX", text[32] = "", expected[32];
	int first = -1, second = -7, status;
	struct stat st;
	pid_t child;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(daemon_lock("lock", &first), 0);
	assert_int_equal(fstat(first, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
	assert_true(pread(first, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, expected);

	child = fork();
	if (child == 0)
		_exit(daemon_lock("lock", &second) == -EWOULDBLOCK ? 0 : 1);
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	close(first);
	assert_int_equal(daemon_lock("lock", &first), 0);
	close(first);

	assert_int_equal(symlink("lock", "link"), 0);
	assert_int_equal(daemon_lock("link", &second), -ELOOP);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(daemon_lock("fifo", &second), -EINVAL);
	assert_int_equal(second, -7);
	unlink("lock");
	unlink("link");
	unlink("fifo");
	rmdir(dir);
}

/* How a process ends that gets each of these signals after it has blocked what it may. */
static int end_by(int first, int last)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		const struct rlimit no_core = {0};

		setrlimit(RLIMIT_CORE, &no_core);
		if (daemon_block_signals() < 0)
			_exit(99);
		for (int number = first; number <= last; number++) {
			signal(number, SIG_DFL); /* not as the tests have it */
			kill(getpid(), number);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void signals_that_mean_nothing_end_nothing(void **state)
{
	static const int meaningless[] = {SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
		SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,
		SIGPWR};
	static const int fatal[] = {
		SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGQUIT, SIGSEGV, SIGSYS, SIGTRAP};

	(void)state;
	for (size_t i = 0; i < sizeof(meaningless) / sizeof(meaningless[0]); i++)
		assert_int_equal(end_by(meaningless[i], meaningless[i]), 0);
	assert_int_equal(end_by(SIGRTMIN, SIGRTMAX), 0);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		assert_int_equal(WTERMSIG(end_by(fatal[i], fatal[i])), fatal[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_exits_as_the_daemon_says),
		cmocka_unit_test(stderr_is_the_callers_until_ready),
		cmocka_unit_test(in_the_foreground_stdio_stays),
		cmocka_unit_test(closed_stdio_is_not_mistaken_for_ours),
		cmocka_unit_test(a_second_instance_is_kept_out),
		cmocka_unit_test(signals_that_mean_nothing_end_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
