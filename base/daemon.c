/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What the command reports for a child that ended before it was ready. */
static int failure_status(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	return EXIT_FAILURE;
}

/*
 * Wait for a byte on the pipe or for the child's end. The end is watched by itself, since a
 * grandchild may hold the pipe open after the child has died.
 */
static int wait_ready(int pipe_fd, int child_fd, pid_t child)
{
	struct pollfd fds[2] = {
		{.fd = pipe_fd, .events = POLLIN},
		{.fd = child_fd, .events = POLLIN},
	};
	char byte;

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	if ((fds[0].revents & POLLIN) && read(pipe_fd, &byte, 1) == 1)
		return EXIT_SUCCESS;
	return failure_status(child);
}

/*
 * Whoever started us with stdin, stdout or stderr closed must not have descriptors of ours take
 * their place: they would be logged to, and lost when stdio is pointed elsewhere.
 */
static int fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int daemon_detach(int *ready, int *exit_status)
{
	_cleanup_close_ int read_end = -1, write_end = -1, child_fd = -1;
	int fds[2];
	pid_t child;
	int r = fill_stdio();

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	read_end = fds[0];
	write_end = fds[1];
	fflush(NULL);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		setsid();
		*ready = cleanup_take_fd(&write_end);
		return 0;
	}
	cleanup_close(&write_end);
	write_end = -1;
	child_fd = pidfd_open(child, 0);
	*exit_status = wait_ready(read_end, child_fd, child);
	return 1;
}

static int silence_stdio(void)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	if (null <= STDERR_FILENO)
		null = -1; /* it took the place of one that was closed: it stays */
	return 0;
}

int daemon_ready(int ready)
{
	_cleanup_close_ int pipe_fd = ready;
	int r;

	sd_notify(0, "READY=1\nSTATUS=Running");
	if (ready < 0)
		return 0;
	r = silence_stdio();
	if (r < 0)
		return r;
	return write(pipe_fd, "", 1) == 1 ? 0 : -errno;
}

int daemon_block_signals(void)
{
	static const int left[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGSYS,
		SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		sigdelset(&set, left[i]);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

void daemon_reloading(mono_t now, const char *status)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=%s", (unsigned long long)now.us,
		status);
}

void daemon_reloaded(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

int daemon_lock(const char *path, int *fd)
{
	_cleanup_close_ int opened =
		open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st;

	if (opened < 0 || fstat(opened, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (flock(opened, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	if (ftruncate(opened, 0) < 0 || dprintf(opened, "%d\n", (int)getpid()) < 0)
		return -errno;
	*fd = cleanup_take_fd(&opened);
	return 0;
}
