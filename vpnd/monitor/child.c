/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/sandbox.h"
#include "vpnd/monitor/backoff.h"
#include "vpnd/monitor/process.h"

#define SELF "/proc/self/exe"

enum {
	LONG_LIFE_S = 30, /* after which a death counts as the first one */
	EXEC_FD = CHILD_CHANNEL_FD + 1,
};

struct child {
	sd_event *event;
	struct child_config config;
	int exe_fd;            /* the binary that runs, also after its file was replaced */
	sd_event_source *exit; /* NULL: none runs */
	pid_t pid;
	mono_t started;
	struct backoff backoff;
};

int child_new(sd_event *event, const struct child_config *config, struct child **out)
{
	struct child *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct child){.config = *config,
		.exe_fd = open(SELF, O_RDONLY | O_CLOEXEC),
		.backoff = BACKOFF_INIT(0, 100 * US_PER_MS, 5 * US_PER_S)};
	if (c->exe_fd < 0) {
		int r = -errno;

		free(c);
		return r;
	}
	c->event = sd_event_ref(event);
	*out = c;
	return 0;
}

void child_free(struct child *c)
{
	if (!c)
		return;
	if (c->exit) {
		sd_event_source_disable_unref(c->exit);
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
	sd_event_unref(c->event);
	cleanup_close(&c->exe_fd);
	free(c);
}

/* --- in the new process, single-threaded and before exec ----------------------------------------
 */

/* The channel as 3, the binary as 4 until exec, and nothing else. */
static int arrange_fds(int channel_fd, int exe_fd)
{
	int channel = fcntl(channel_fd, F_DUPFD, EXEC_FD + 1);
	int exe = fcntl(exe_fd, F_DUPFD, EXEC_FD + 1);

	if (channel < 0 || exe < 0 || dup2(channel, CHILD_CHANNEL_FD) < 0 ||
		dup3(exe, EXEC_FD, O_CLOEXEC) < 0)
		return -errno;
	return close_range(EXEC_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

static int become_engine(const struct child *c, int channel_fd, pid_t monitor)
{
	char name[] = CHILD_ENGINE_NAME, lanes[16], flag[] = CHILD_JOURNAL_FLAG;
	char *argv[] = {name, lanes, c->config.background ? flag : NULL, NULL};
	int r = process_reset_signals();

	snprintf(lanes, sizeof(lanes), "%u", c->config.lanes);
	if (r == 0 && c->config.background)
		r = process_silence_stdio();
	if (r == 0)
		r = arrange_fds(channel_fd, c->exe_fd);
	if (r == 0)
		r = sandbox_drop(c->config.uid, c->config.gid);
	if (r == 0)
		r = process_die_with(monitor); /* two engines of one tunnel would fight */
	if (r < 0)
		return r;
	unsetenv("NOTIFY_SOCKET"); /* readiness is the monitor's to tell */
	fexecve(EXEC_FD, argv, environ);
	return -errno;
}

/* --- in the monitor -----------------------------------------------------------------------------
 */

static void describe_end(const siginfo_t *si, char *out, size_t len)
{
	if (si->si_code == CLD_EXITED)
		snprintf(out, len, "ended with status %d", si->si_status);
	else
		snprintf(out, len, "was killed by signal %d (%s)", si->si_status,
			strsignal(si->si_status));
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *si, void *arg)
{
	struct child *c = arg;
	char how[96];

	(void)source;
	c->exit = sd_event_source_disable_unref(c->exit);
	/* The loop would do so once we return, but an upgrade does not return. */
	waitpid(c->pid, NULL, WNOHANG);
	c->pid = 0;
	describe_end(si, how, sizeof(how));
	c->config.ended(c->config.arg, how);
	return 0;
}

int child_start(struct child *c, mono_t now, int *channel_fd)
{
	int fds[2], r = channel_pair(fds);
	pid_t monitor = getpid(), pid;

	if (r < 0)
		return r;
	_cleanup_close_ int ours = fds[0];
	_cleanup_close_ int theirs = fds[1];

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		r = become_engine(c, theirs, monitor);
		fprintf(stderr, "vpnd: cannot start the engine: %s\n", strerror(-r));
		_exit(EXIT_FAILURE);
	}
	r = sd_event_add_child(c->event, &c->exit, pid, WEXITED, on_exit_of_child, c);
	/* What it said last is still in the channel: that first. */
	if (r >= 0)
		r = sd_event_source_set_priority(c->exit, SD_EVENT_PRIORITY_IDLE);
	/* The end of a process that is traced shows before it can be waited for: look again. */
	if (r >= 0)
		r = sd_event_source_set_enabled(c->exit, SD_EVENT_ON);
	if (r < 0) {
		c->exit = sd_event_source_disable_unref(c->exit);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return r;
	}
	c->pid = pid;
	c->started = now;
	*channel_fd = cleanup_take_fd(&ours);
	return 0;
}

void child_kill(struct child *c)
{
	if (c->exit)
		kill(c->pid, SIGKILL);
}

bool child_runs(const struct child *c)
{
	return c->exit != NULL;
}

uint64_t child_restart_delay_us(struct child *c, mono_t now)
{
	if (mono_expired_s(c->started, LONG_LIFE_S, now))
		backoff_reset(&c->backoff);
	return backoff_next_us(&c->backoff);
}
