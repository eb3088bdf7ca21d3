/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "vpnd/monitor/handover.h"
#include "vpnd/monitor/process.h"

#define PAUSE_US (50 * US_PER_MS) /* from one end to the next start */

enum {
	OUTPUT_MAX = 2048, /* bytes of one run that are logged */
	READS_AT_ONCE = 16,
	LINES_PER_MINUTE = 30,
};

/* A change that waits. */
struct change {
	struct change *next;
	char *subject, *text;
};

struct hook {
	sd_event *event;
	char *path; /* NULL: none */
	struct hook_config config;
	struct change *queue;
	sd_event_source *exit; /* NULL: none runs */
	sd_event_source *io, *timer;
	pid_t pid;
	int output_fd;
	char output[OUTPUT_MAX];
	size_t output_len;
	bool killed;
	struct log_limit limit;
	const char *obstacle; /* why it cannot be run, as logged last; NULL: it can */
};

/* --- the queue -----------------------------------------------------------------------------------
 */

static void free_change(struct change *c)
{
	free(c->subject);
	free(c->text);
	free(c);
}

static void clear(struct hook *h)
{
	while (h->queue) {
		struct change *c = h->queue;

		h->queue = c->next;
		free_change(c);
	}
}

/* Keep the text, which is consumed, as the newest of its subject. Returns 0 or -ENOMEM. */
static int enqueue(struct hook *h, const char *subject, char *text)
{
	struct change **at = &h->queue, *c;

	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->subject, subject) == 0) {
			free((*at)->text);
			(*at)->text = text;
			return 0;
		}
	}
	c = calloc(1, sizeof(*c));
	if (c)
		c->subject = strdup(subject);
	if (!c || !c->subject) {
		free(c);
		free(text);
		return -ENOMEM;
	}
	c->text = text;
	*at = c;
	return 0;
}

/* --- in the process of its own
 * -------------------------------------------------------------------- */

static int arrange_fds(int in, int out)
{
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		dup2(out, STDERR_FILENO) < 0)
		return -errno;
	return close_range(STDERR_FILENO + 1, ~0U, 0) < 0 ? -errno : 0;
}

static int give_up_privilege(const struct hook_config *config)
{
	static const int caps[] = {CAP_NET_ADMIN};

	return config->uid == 0 ? sandbox_restrict_caps(caps, 1)
				: sandbox_drop(config->uid, config->gid);
}

static int become_hook(const struct hook *h, int in, int out, pid_t monitor)
{
	char *argv[] = {h->path, NULL};
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = {path, NULL};
	int r = process_reset_signals();

	if (r == 0 && setpgid(0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = arrange_fds(in, out);
	if (r == 0 && chdir("/") < 0)
		r = -errno;
	umask(022);
	setpriority(PRIO_PROCESS, 0, 0); /* as ordinary programs have it, not as we do */
	if (r == 0)
		r = give_up_privilege(&h->config);
	if (r == 0)
		r = process_die_with(monitor);
	if (r == 0) {
		execve(h->path, argv, env);
		r = -errno;
	}
	return r;
}

/* --- in the monitor ------------------------------------------------------------------------------
 */

/* Why it may not be run, in words of ours; NULL if it may. */
static const char *find_obstacle(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return "it is not there";
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return "it is no program";
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return "it must be root's, and writable by nobody else";
	return NULL;
}

static bool may_run(struct hook *h)
{
	const char *before = h->obstacle;

	h->obstacle = find_obstacle(h->path);
	if (h->obstacle && h->obstacle != before)
		log_line_limited(&h->limit, clock_mono(), LOG_LEVEL_ERR,
			"on_state_change: cannot run %s: %s", h->path, h->obstacle);
	return !h->obstacle;
}

static void arm(struct hook *h, uint64_t delay_us)
{
	sd_event_source_set_time_relative(h->timer, delay_us);
	sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

/*
 * As far as it fits; the rest is read as well, so that the writer does not hang. Who writes faster
 * than we read must not keep us here: what is left is told by the next event.
 */
static void read_output(struct hook *h)
{
	char rest[4096];

	for (int i = 0; i < READS_AT_ONCE; i++) {
		bool fits = h->output_len < sizeof(h->output);
		ssize_t n = fits ? read(h->output_fd, h->output + h->output_len,
					   sizeof(h->output) - h->output_len)
				 : read(h->output_fd, rest, sizeof(rest));

		if (n <= 0)
			break;
		if (fits)
			h->output_len += (size_t)n;
	}
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)fd;
	read_output(arg);
	if (events & EPOLLHUP)
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static void log_output(struct hook *h)
{
	char escaped[LOG_ESCAPED_LEN(OUTPUT_MAX)], *save, *line;
	char text[OUTPUT_MAX + 1];

	memcpy(text, h->output, h->output_len);
	text[h->output_len] = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_notice_limited(&h->limit, clock_mono(), "on_state_change: %s",
			log_escape(line, strlen(line), escaped, sizeof(escaped)));
}

static void log_end(struct hook *h, const siginfo_t *si)
{
	mono_t now = clock_mono();

	if (h->killed)
		log_warn_limited(&h->limit, now,
			"on_state_change: killed, for it took longer than %u s",
			h->config.timeout_s);
	else if (si->si_code != CLD_EXITED)
		log_warn_limited(
			&h->limit, now, "on_state_change: ended by signal %d", si->si_status);
	else if (si->si_status != 0)
		log_warn_limited(
			&h->limit, now, "on_state_change: ended with status %d", si->si_status);
}

static void forget_process(struct hook *h)
{
	h->exit = sd_event_source_disable_unref(h->exit);
	h->io = sd_event_source_disable_unref(h->io);
	cleanup_close(&h->output_fd);
	h->output_fd = -1;
	h->pid = 0;
}

/* It is not reaped before we return: its group is still nobody else's. */
static int on_end(sd_event_source *source, const siginfo_t *si, void *arg)
{
	struct hook *h = arg;

	(void)source;
	kill(-h->pid, SIGKILL);
	read_output(h);
	log_output(h);
	log_end(h, si);
	forget_process(h);
	arm(h, PAUSE_US);
	return 0;
}

static int watch(struct hook *h, pid_t pid, int output_fd)
{
	int r = sd_event_add_child(h->event, &h->exit, pid, WEXITED, on_end, h);

	h->pid = pid;
	h->output_fd = output_fd;
	h->output_len = 0;
	h->killed = false;
	if (r >= 0)
		r = sd_event_source_set_enabled(h->exit, SD_EVENT_ON);
	if (r >= 0)
		r = sd_event_add_io(h->event, &h->io, output_fd, EPOLLIN, on_output, h);
	if (r >= 0)
		return 0;
	kill(pid, SIGKILL);
	forget_process(h);
	waitpid(pid, NULL, 0);
	return r;
}

static int start(struct hook *h, const char *text)
{
	int in[2], out[2];
	pid_t monitor = getpid(), pid;

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_close_ int in_read = in[0];
	_cleanup_close_ int in_write = in[1];

	/* Not longer than PIPE_BUF: an empty pipe takes it whole, and we wait for nobody. */
	if (write(in_write, text, strlen(text)) != (ssize_t)strlen(text))
		return -EIO;
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	_cleanup_close_ int out_read = out[0];
	_cleanup_close_ int out_write = out[1];

	if (fcntl(out_read, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int r = become_hook(h, in_read, out_write, monitor);

		dprintf(STDERR_FILENO, "cannot start: %s\n", strerror(-r));
		_exit(127);
	}
	setpgid(pid, pid); /* whoever of the two is first */
	return watch(h, pid, cleanup_take_fd(&out_read));
}

static void start_next(struct hook *h)
{
	struct change *c = h->queue;
	bool may = may_run(h);
	int r = may ? start(h, c->text) : 0;

	h->queue = c->next;
	if (r < 0)
		log_line_limited(&h->limit, clock_mono(), LOG_LEVEL_ERR,
			"on_state_change: cannot run %s: %s", h->path, strerror(-r));
	arm(h, may && r == 0 ? h->config.timeout_s * US_PER_S : US_PER_S);
	free_change(c);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct hook *h = arg;

	(void)source;
	(void)usec;
	if (h->exit) {
		h->killed = true;
		kill(-h->pid, SIGKILL);
	} else if (h->queue) {
		start_next(h);
	}
	return 0;
}

void hook_tell(struct hook *h, const char *subject, struct json_t *object)
{
	char *text = object && h->path ? json_dumps(object, JSON_COMPACT) : NULL;
	int r;

	json_decref(object);
	if (!h->path)
		return;
	if (!text || strlen(text) >= PIPE_BUF) {
		log_line_limited(&h->limit, clock_mono(), LOG_LEVEL_ERR,
			"on_state_change: cannot tell of %s: %s", subject,
			text ? "too long" : "out of memory");
		free(text);
		return;
	}
	r = enqueue(h, subject, text);
	if (r < 0)
		log_line_limited(&h->limit, clock_mono(), LOG_LEVEL_ERR,
			"on_state_change: cannot tell of %s: out of memory", subject);
	else if (!h->exit && sd_event_source_get_enabled(h->timer, NULL) == 0)
		arm(h, 0);
}

int hook_configure(struct hook *h, const struct hook_config *config)
{
	char *path = config->path ? strdup(config->path) : NULL;

	if (config->path && !path)
		return -ENOMEM;
	free(h->path);
	h->path = path;
	h->config = *config;
	h->config.path = NULL;
	h->obstacle = NULL; /* what is wrong with this one is said anew */
	if (path)
		may_run(h);
	else
		clear(h);
	return 0;
}

int hook_new(sd_event *event, struct hook **out)
{
	struct hook *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	*h = (struct hook){.event = sd_event_ref(event),
		.output_fd = -1,
		.limit = LOG_LIMIT_INIT(LINES_PER_MINUTE)};
	r = sd_event_add_time_relative(
		event, &h->timer, CLOCK_MONOTONIC, 0, 1 * US_PER_MS, on_timer, h);
	if (r >= 0)
		r = sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
	if (r < 0) {
		hook_free(h);
		return r;
	}
	*out = h;
	return 0;
}

/* --- from one monitor to the next ----------------------------------------------------------------
 */

int hook_hand_over(const struct hook *h, struct handover *to)
{
	int r = 0;

	if (h->exit) {
		to->hook = (struct handover_hook){.pid = h->pid, .output = h->output_fd};
		r = sd_event_source_get_time(h->timer, &to->hook.until_us);
	}
	for (const struct change *c = h->queue; c && r >= 0; c = c->next)
		r = handover_add_change(to, c->subject, c->text);
	return r < 0 ? r : 0;
}

int hook_adopt(struct hook *h, struct handover *from)
{
	int r = 0;

	for (size_t i = 0; i < from->n_changes && r == 0; i++) {
		char *text = strdup(from->changes[i].text);

		r = text ? enqueue(h, from->changes[i].subject, text) : -ENOMEM;
	}
	if (r == 0 && from->hook.pid > 0) {
		r = watch(h, from->hook.pid, cleanup_take_fd(&from->hook.output));
		if (r == 0)
			r = sd_event_source_set_time(h->timer, from->hook.until_us);
	}
	if (r >= 0 && (h->exit || h->queue))
		r = sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
	return r < 0 ? r : 0;
}

void hook_free(struct hook *h)
{
	pid_t pid;

	if (!h)
		return;
	pid = h->pid;
	forget_process(h);
	if (pid > 0) {
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	clear(h);
	sd_event_source_disable_unref(h->timer);
	sd_event_unref(h->event);
	free(h->path);
	free(h);
}
